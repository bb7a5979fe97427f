// Makes @gradients from @forward for `llcc run`: what is differentiated is the sum of cotangent × output.
//
//   @forward(x, w) -> y   ⇒   @gradients(x, w, cotangent of y) -> sum(y × cotangent)   // x: a trainable llcc.param
//
// Takes the place of llcc-attach-loss: the float inputs of the model stand where a training step has its parameters, so
// that llcc-differentiate makes their gradients by the same rules. Outputs that are not listed do not count.
#include "compiler/ir/Provenance.h"
#include "passes/train/Emitter.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_ATTACHCOTANGENTSPASS
#include "passes/train/Passes.h.inc"

namespace {

struct AttachCotangentsPass : impl::AttachCotangentsPassBase<AttachCotangentsPass> {
  using AttachCotangentsPassBase::AttachCotangentsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    if (!forward || !hasPlainBody(forward)) {
      module.emitError("module has no @forward of one block that returns; import a model first");
      return signalPassFailure();
    }
    func::FuncOp gradients = forward.clone();
    gradients.setName("gradients");
    module.insert(std::next(forward->getIterator()), gradients);
    Builder attributes(&getContext());
    for (unsigned i = 0; i < gradients.getNumArguments(); ++i) {
      gradients.removeArgAttr(i, kTrainable);
      auto input = gradients.getArgAttrOfType<StringAttr>(i, kInput);
      auto type = cast<RankedTensorType>(gradients.getArgument(i).getType());
      if (!input || !isa<FloatType>(type.getElementType()))
        continue;
      gradients.setArgAttrs(i, ArrayRef<NamedAttribute>{attributes.getNamedAttr(kParam, input),
                                                        attributes.getNamedAttr(kTrainable, attributes.getUnitAttr())});
    }
    if (failed(attach(gradients)))
      return signalPassFailure();
    module->setAttr(kMicrobatches, attributes.getI64IntegerAttr(1));
  }

private:
  /// The result becomes the sum over the listed outputs, in f64 where any output is f64, else in f32.
  LogicalResult attach(func::FuncOp gradients) {
    func::ReturnOp exit = returnOf(gradients);
    SmallVector<Value> outputs(exit.getOperands());
    OpBuilder builder(exit);
    Emitter e(builder, nodeLoc(&getContext(), "cotangents"));
    Type element = builder.getF32Type();
    if (llvm::any_of(outputs, [](Value v) { return typeOf(v).getElementType().isF64(); }))
      element = builder.getF64Type();
    Value sum;
    for (auto [i, output] : llvm::enumerate(outputs)) {
      auto name = gradients.getResultAttrOfType<StringAttr>(i, kOutput);
      if (!name || !llvm::is_contained(names, name.getValue()))
        continue;
      if (!isa<FloatType>(typeOf(output).getElementType()))
        return gradients.emitError() << "output " << name << " has type " << output.getType()
                                     << ", only floats have cotangents";
      unsigned at = gradients.getNumArguments();
      auto attr = builder.getNamedAttr(kInput, builder.getStringAttr(cotangentName(name.getValue())));
      if (failed(gradients.insertArgument(at, output.getType(), builder.getDictionaryAttr(attr), e.loc)))
        return failure();
      Value product = e.convert(e.mul(output, gradients.getArgument(at)), element);
      SmallVector<int64_t> all = dimsFrom(0, typeOf(output).getRank());
      Value part = all.empty() ? product : e.sum(product, all);
      sum = sum ? e.add(sum, part) : part;
    }
    if (!sum)
      sum = e.constant(RankedTensorType::get({}, element), 0);
    exit->setOperands(sum);
    gradients.setType(builder.getFunctionType(gradients.getArgumentTypes(), sum.getType()));
    gradients.setResAttrsAttr(
        builder.getArrayAttr({builder.getDictionaryAttr(builder.getNamedAttr(kLoss, builder.getUnitAttr()))}));
    eraseDeadOps(gradients);
    return success();
  }
};
} // namespace
} // namespace mlir::llcc
