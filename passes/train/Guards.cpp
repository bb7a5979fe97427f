// Which ops need a guard: a select may leave out their result, and their slope may be no number where it does.
#include "passes/train/Guards.h"

namespace mlir::llcc {

/// What a select behind it, or a NaN in front of it, is looked for through.
static bool isTransparent(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() || isa<ReshapeOp, TransposeOp, BroadcastOp, ReduceOp, SliceOp, PadOp,
                                                     ConcatOp, ReverseOp, SoftmaxOp, LogSoftmaxOp>(op);
}

/// Ops that finite operands may drive to NaN or infinity, or whose slope is infinite somewhere.
static bool isRisky(Operation *op) {
  if (isa<arith::DivFOp, arith::RemFOp, SoftmaxOp, LogSoftmaxOp>(op))
    return true;
  return op->getDialect() && op->getDialect()->getNamespace() == math::MathDialect::getDialectNamespace() &&
         !isa<math::AbsFOp, math::CopySignOp, math::TanhOp, math::ErfOp, math::ErfcOp, math::SinOp, math::CosOp,
              math::AtanOp, math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp, math::TruncOp, math::FmaOp>(
             op);
}

/// Ops whose cotangent is multiplied with what may be NaN. The others hand it on as it is, or not at all.
static bool multiplies(Operation *op) {
  return (op->hasTrait<OpTrait::Elementwise>() &&
          !isa<arith::AddFOp, arith::SubFOp, arith::NegFOp, arith::SelectOp, arith::ExtFOp, arith::TruncFOp>(op)) ||
         isa<SoftmaxOp, LogSoftmaxOp>(op);
}

Guards::Guards(ArrayRef<Operation *> ops) {
  DenseSet<Value> wild, leftOut;
  auto any = [](const DenseSet<Value> &set, ValueRange values) {
    return llvm::any_of(values, [&](Value v) { return set.contains(v); });
  };
  for (Operation *op : ops)
    if (isRisky(op) || (isTransparent(op) && !isa<arith::SelectOp>(op) && any(wild, op->getOperands())))
      wild.insert_range(op->getResults());
  for (Operation *op : llvm::reverse(ops)) {
    bool out = any(leftOut, op->getResults());
    if (auto select = dyn_cast<arith::SelectOp>(op))
      leftOut.insert_range(ValueRange{select.getTrueValue(), select.getFalseValue()});
    else if (out && isTransparent(op))
      leftOut.insert_range(op->getOperands());
    if (out && multiplies(op) && (isRisky(op) || any(wild, op->getOperands())))
      guarded.insert(op);
  }
}

} // namespace mlir::llcc
