// Puts the gradients of `llcc run` beside the outputs: one program computes both.
//
//   @forward(x, w) -> y                                  @forward(x, w, c) -> (y, gradient of x)
//   @gradients(x, w, c) -> (loss, gradient of x)    ⇒
//
// Stands behind llcc-differentiate, for modules that llcc-attach-cotangents made: there is no update, so the backward
// pass becomes part of the inference program. What both functions compute becomes one value (cse).
#include "mlir/IR/IRMapping.h"
#include "passes/train/Emitter.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_JOINGRADIENTSPASS
#include "passes/train/Passes.h.inc"

namespace {

/// The name of an argument of either function: the inputs of one are params of the other.
StringRef nameOf(func::FuncOp func, unsigned arg) {
  StringRef input = argName(func, arg, kInput);
  return input.empty() ? argName(func, arg, kParam) : input;
}

struct JoinGradientsPass : impl::JoinGradientsPassBase<JoinGradientsPass> {
  using JoinGradientsPassBase::JoinGradientsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forward = module.lookupSymbol<func::FuncOp>("forward"),
         gradients = module.lookupSymbol<func::FuncOp>("gradients");
    if (!forward || !gradients || !hasPlainBody(forward) || !hasPlainBody(gradients)) {
      module.emitError("module needs @forward and @gradients of one block that returns (llcc-attach-cotangents)");
      return signalPassFailure();
    }
    if (failed(join(forward, gradients)))
      return signalPassFailure();
    gradients.erase();
    module->removeAttr(kMicrobatches);
  }

private:
  LogicalResult join(func::FuncOp forward, func::FuncOp gradients) {
    llvm::StringMap<unsigned> known;
    for (unsigned i = 0; i < forward.getNumArguments(); ++i)
      known[nameOf(forward, i)] = i;
    // Inputs come first: cotangents stand before the parameters.
    unsigned inputs = 0;
    while (inputs < forward.getNumArguments() && !argName(forward, inputs, kInput).empty())
      ++inputs;
    for (BlockArgument argument : gradients.getArguments()) {
      StringRef name = nameOf(gradients, argument.getArgNumber());
      if (known.contains(name))
        continue;
      if (failed(forward.insertArgument(inputs, argument.getType(), gradients.getArgAttrDict(argument.getArgNumber()),
                                        argument.getLoc())))
        return failure();
      ++inputs;
    }
    for (unsigned i = 0; i < forward.getNumArguments(); ++i)
      known[nameOf(forward, i)] = i;
    IRMapping mapping;
    for (BlockArgument argument : gradients.getArguments())
      mapping.map(argument, forward.getArgument(known.lookup(nameOf(gradients, argument.getArgNumber()))));
    func::ReturnOp exit = returnOf(forward), from = returnOf(gradients);
    OpBuilder builder(exit);
    for (Operation &op : gradients.getBody().front().without_terminator())
      builder.clone(op, mapping);
    SmallVector<Value> results(exit.getOperands());
    SmallVector<Attribute> attrs;
    for (unsigned i = 0; i < forward.getNumResults(); ++i)
      attrs.push_back(forward.getResultAttrDict(i));
    for (unsigned i = 0; i < gradients.getNumResults(); ++i) {
      auto name = gradients.getResultAttrOfType<StringAttr>(i, kGradient);
      if (!name)
        continue;
      results.push_back(mapping.lookupOrDefault(from.getOperand(i)));
      attrs.push_back(builder.getDictionaryAttr(
          builder.getNamedAttr(kOutput, builder.getStringAttr(gradientName(name.getValue())))));
    }
    exit->setOperands(results);
    forward.setType(builder.getFunctionType(forward.getArgumentTypes(), ValueRange(results).getTypes()));
    forward.setResAttrsAttr(builder.getArrayAttr(attrs));
    eraseDeadOps(forward);
    return success();
  }
};
} // namespace
} // namespace mlir::llcc
