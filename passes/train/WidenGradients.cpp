// Gradients of f32 parameters that were rounded on the way become sums that never were.
//
//   %g = llcc.dot %dy, %x : bf16, bf16 -> bf16, extf %g    ⇒    llcc.dot %dy, %x : bf16, bf16 -> f32
//
// Stands behind llcc-differentiate, which knows no better than to give a gradient the type of the value: products and
// sums are accumulated in f32 anyway, so that the rounding between them and the sum over microbatches and devices only
// loses bits.
#include "passes/train/Emitter.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_WIDENGRADIENTSPASS
#include "passes/train/Passes.h.inc"

namespace {

/// `x` (16 bits) in f32, with as few roundings as its definition allows. Values that others read too stay as they are.
Value widen(Value x, Type wide) {
  RankedTensorType type = typeOf(x).clone(wide);
  Operation *op = x.getDefiningOp();
  OpBuilder builder(x.getContext());
  builder.setInsertionPointAfterValue(x);
  Emitter e(builder, x.getLoc());
  auto extended = [&](Value y) { return e.convert(y, wide); };
  if (!op || !x.hasOneUse())
    return extended(x);
  auto again = [&](ArrayRef<Value> operands) {
    Operation *copy = builder.clone(*op);
    copy->setOperands(0, operands.size(), operands);
    copy->getResult(0).setType(type);
    return copy->getResult(0);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<DotOp, ConvWeightGradOp>([&](Operation *) { return again({}); })
      .Case<ReduceOp, ScatterAddOp>([&](Operation *op) { return again(extended(op->getOperand(0))); })
      .Case([&](arith::TruncFOp op) { // the file stores in 16 bits what is computed in f32
        return typeOf(op.getIn()) == type ? op.getIn() : extended(x);
      })
      .Case<TransposeOp, ReshapeOp, SliceOp, PadOp>(
          [&](Operation *op) { return again(widen(op->getOperand(0), wide)); })
      .Case<arith::AddFOp>([&](arith::AddFOp add) {
        return add.getLhs() == add.getRhs() ? extended(x)
                                            : again({widen(add.getLhs(), wide), widen(add.getRhs(), wide)});
      })
      .Default([&](Operation *) { return extended(x); });
}

struct WidenGradientsPass : impl::WidenGradientsPassBase<WidenGradientsPass> {
  using WidenGradientsPassBase::WidenGradientsPassBase;

  void runOnOperation() override {
    auto func = getOperation().lookupSymbol<func::FuncOp>("gradients");
    if (!func || !hasPlainBody(func)) {
      getOperation().emitError() << "module has no @gradients; differentiate first (llcc-differentiate)";
      return signalPassFailure();
    }
    func::ReturnOp exit = returnOf(func);
    for (OpOperand &result : exit->getOpOperands())
      if (auto extend = result.get().getDefiningOp<arith::ExtFOp>(); extend && extend->hasOneUse())
        result.set(widen(extend.getIn(), typeOf(extend).getElementType()));
    eraseDeadOps(func);
  }
};
} // namespace
} // namespace mlir::llcc
