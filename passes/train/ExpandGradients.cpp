// Replaces what the importer makes of ONNX's Gradient by the ops that compute it.
//
//   %dx = builtin.unrealized_conversion_cast %y, %x, %at {llcc.gradient}   ⇒   the ops between %x and %y, at %at,
//   backwards
//
// Operands: y, then each x, then the value at which each is taken; results: one gradient for each x. Stands first of
// all, as a gradient is part of what the model computes: it may be an output, and may be differentiated again. The
// dialect has no op for it, because nothing but this pass ever sees one.
#include "compiler/ir/Provenance.h"
#include "mlir/IR/IRMapping.h"
#include "passes/train/Gradients.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_EXPANDGRADIENTSPASS
#include "passes/train/Passes.h.inc"

namespace {

/// y computed from other xs: a copy of the ops on the way, before `marker`.
Value evaluateAt(OpBuilder &builder, Operation *marker, Value y, ValueRange xs, ValueRange at) {
  IRMapping mapping;
  DenseSet<Value> changed;
  for (auto [x, value] : llvm::zip(xs, at)) {
    mapping.map(x, value);
    if (x != value)
      changed.insert(x);
  }
  DenseSet<Value> given(xs.begin(), xs.end());
  for (Operation &op :
       llvm::make_early_inc_range(llvm::make_range(marker->getBlock()->begin(), marker->getIterator()))) {
    if (llvm::none_of(op.getOperands(), [&](Value v) { return changed.contains(v); }) ||
        llvm::any_of(op.getResults(), [&](Value v) { return given.contains(v); }))
      continue;
    builder.clone(op, mapping);
    changed.insert(op.getResults().begin(), op.getResults().end());
  }
  return mapping.lookupOrDefault(y);
}

struct ExpandGradientsPass : impl::ExpandGradientsPassBase<ExpandGradientsPass> {
  using ExpandGradientsPassBase::ExpandGradientsPassBase;

  void runOnOperation() override {
    SmallVector<UnrealizedConversionCastOp> markers;
    getOperation().walk([&](UnrealizedConversionCastOp op) {
      if (op->hasAttr("llcc.gradient"))
        markers.push_back(op);
    });
    for (UnrealizedConversionCastOp marker : markers)
      if (failed(expand(marker)))
        return signalPassFailure();
  }

private:
  static LogicalResult expand(UnrealizedConversionCastOp marker) {
    unsigned n = marker.getNumResults();
    ValueRange operands = marker.getOperands(), xs = operands.slice(1, n), at = operands.slice(1 + n, n);
    OpBuilder builder(marker);
    Value y = evaluateAt(builder, marker, operands[0], xs, at);
    SmallVector<Operation *> missing;
    SmallVector<Value> gradients = emitGradients(builder, gradLoc(marker.getLoc()), y, SmallVector<Value>(at), missing);
    if (!missing.empty()) {
      auto diagnostic = marker.emitError("no gradient for ") << missing.size() << (missing.size() == 1 ? " op" : " ops")
                                                             << " between what is differentiated and its inputs: ";
      llvm::interleaveComma(missing, diagnostic, [&](Operation *op) {
        diagnostic << "node \"" << nodeOf(op->getLoc()) << "\" (" << op->getName() << ")";
      });
      return diagnostic;
    }
    marker.replaceAllUsesWith(gradients);
    marker.erase();
    return success();
  }
};
} // namespace
} // namespace mlir::llcc
