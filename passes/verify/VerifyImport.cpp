// Proves what must hold after import (compiler/ir/README.md): one function @forward of arith, math and llcc ops on
// tensors of known shape, whose arguments are the model's inputs and its parameters, each by name, with no weights
// inside the IR.
//
// Every violation is one sentence; all are reported, then the pass fails.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "passes/verify/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYIMPORTPASS
#include "passes/verify/Passes.h.inc"

namespace {

/// Integers (shapes, indices) may be written out up to this many elements; floats only as one repeated value.
constexpr int64_t kMaxInlineInts = 1024;

struct VerifyImportPass : impl::VerifyImportPassBase<VerifyImportPass> {
  using VerifyImportPassBase::VerifyImportPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (auto model = module->getAttrOfType<StringAttr>("llcc.model"); !model || model.empty())
      fail(module) << "module needs llcc.model, the name of the model's file";
    auto batch = module->getAttrOfType<IntegerAttr>("llcc.batch");
    if (!batch || batch.getInt() < 1)
      fail(module) << "module needs llcc.batch, a number above 0";
    func::FuncOp forward;
    for (Operation &op : *module.getBody()) {
      auto func = dyn_cast<func::FuncOp>(op);
      if (func && func.getName() == "forward")
        forward = func;
      else
        fail(&op) << op.getName() << " stands beside @forward, nothing else may after import";
    }
    if (!forward)
      fail(module) << "module has no @forward; import makes it";
    else if (forward.isExternal() || !forward.getBody().hasOneBlock())
      fail(forward) << "@forward needs one block of ops";
    else {
      checkArguments(forward, batch ? batch.getInt() : 0);
      checkResults(forward);
      checkOps(forward);
    }
    if (failedOnce)
      signalPassFailure();
  }

private:
  bool failedOnce = false;

  InFlightDiagnostic fail(Operation *op) {
    failedOnce = true;
    return op->emitError();
  }

  /// Plain tensors of known shape: placements come later.
  static bool isPlain(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape() && !tensor.getEncoding() && tensor.getElementType().isIntOrFloat();
  }

  void checkArguments(func::FuncOp forward, int64_t batch) {
    llvm::StringSet<> inputs, params;
    bool paramsBegan = false;
    for (BlockArgument arg : forward.getArguments()) {
      unsigned i = arg.getArgNumber();
      auto input = forward.getArgAttrOfType<StringAttr>(i, "llcc.input"),
           param = forward.getArgAttrOfType<StringAttr>(i, "llcc.param");
      bool trainable = bool(forward.getArgAttr(i, "llcc.trainable")),
           batched = bool(forward.getArgAttr(i, "llcc.batched"));
      if (!isPlain(arg.getType())) {
        fail(forward) << "argument " << i << " has type " << arg.getType() << ", needs a tensor of known shape";
        continue;
      }
      auto type = cast<RankedTensorType>(arg.getType());
      if (bool(input) == bool(param)) {
        fail(forward) << "argument " << i << " has " << (input ? "both" : "neither")
                      << " llcc.input and llcc.param, needs one of them";
        continue;
      }
      StringRef name = (input ? input : param).getValue();
      if (name.empty() || !(input ? inputs : params).insert(name).second)
        fail(forward) << "argument " << i << " has the name \"" << name << "\", needs one that no other has";
      if (param) {
        paramsBegan = true;
        if (batched)
          fail(forward) << "parameter \"" << name << "\" has llcc.batched, only inputs may";
        if (trainable && !isa<FloatType>(type.getElementType()))
          fail(forward) << "parameter \"" << name << "\" of type " << type << " has llcc.trainable, only floats may";
        if (arg.use_empty())
          fail(forward) << "parameter \"" << name << "\" is not read";
        continue;
      }
      if (paramsBegan)
        fail(forward) << "input \"" << name << "\" stands after a parameter, inputs come first";
      if (trainable)
        fail(forward) << "input \"" << name << "\" has llcc.trainable, only parameters may";
      if (batched && (type.getRank() == 0 || type.getDimSize(0) != batch))
        fail(forward) << "input \"" << name << "\" of type " << type
                      << " is batched, its dimension 0 must be llcc.batch, " << batch;
      if (auto classes = forward.getArgAttrOfType<IntegerAttr>(i, "llcc.classes"))
        if (classes.getInt() < 1 || !type.getElementType().isSignlessInteger())
          fail(forward) << "input \"" << name << "\" of type " << type << " has llcc.classes = " << classes.getInt()
                        << ", needs integers and a number above 0";
    }
  }

  void checkResults(func::FuncOp forward) {
    if (forward.getNumResults() == 0)
      fail(forward) << "@forward has no result";
    llvm::StringSet<> outputs;
    for (unsigned i = 0; i < forward.getNumResults(); ++i) {
      auto output = forward.getResultAttrOfType<StringAttr>(i, "llcc.output");
      if (!output || !outputs.insert(output.getValue()).second)
        fail(forward) << "result " << i << " needs llcc.output, a name that no other has";
    }
  }

  void checkOps(func::FuncOp forward) {
    forward.getBody().walk([&](Operation *op) {
      if (isa<func::ReturnOp>(op))
        return;
      bool known = isa<BroadcastOp, ReshapeOp, TransposeOp, ReduceOp, SliceOp, PadOp, ConcatOp, IotaOp, GatherOp,
                       ScatterAddOp, ScatterOp, ArgsortOp, ReverseOp, DotOp, ConvOp, ConvInputGradOp, MaxPoolOp,
                       AvgPoolOp, SigmoidOp, SoftplusOp, GeluOp, SoftmaxOp, LogSoftmaxOp, LayerNormOp, StandardizeOp,
                       RandomBitsOp, ByModeOp, TrackOp, RecurrenceOp>(op) ||
                   isa<arith::ArithDialect, math::MathDialect>(op->getDialect());
      if (!known || op->getNumRegions())
        fail(op) << where(op) << op->getName()
                 << " is in @forward, only arith, math and forward llcc ops may be after import";
      for (Type type : op->getResultTypes())
        if (!isPlain(type))
          fail(op) << where(op) << op->getName() << " has result type " << type << ", needs a tensor of known shape";
      DenseElementsAttr constant;
      if (matchPattern(op, m_Constant(&constant)) && !constant.isSplat() && !constant.empty() &&
          (isa<FloatType>(constant.getElementType()) || constant.getNumElements() > kMaxInlineInts))
        fail(op) << where(op) << "constant of type " << constant.getType()
                 << " is written out, it must be a parameter that refers to bytes";
    });
  }

  static std::string where(Operation *op) {
    StringRef node = nodeOf(op->getLoc());
    return node.empty() ? "" : ("node \"" + node + "\": ").str();
  }
};

} // namespace
} // namespace mlir::llcc
