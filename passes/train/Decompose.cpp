// Rewrites ops that were whole for differentiation into arith, math, reduce and broadcast.
//
//   %y = llcc.softmax %x axis 1   ⇒   max along 1, x - max, exp, sum along 1, division
//
// Powers with small whole exponents become products, of which libm's pow knows nothing: exporters write x^2 and x^3.
// Last of the train stage: sharding and fusion then see few kinds of ops. Values that forward and backward formulas
// share become one.
#include "passes/train/Passes.h"
#include "passes/train/Update.h"
#include "passes/train/Whole.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_DECOMPOSEPASS
#include "passes/train/Passes.h.inc"

namespace {

Value layerNorm(Emitter &e, LayerNormOp op) {
  SmallVector<int64_t> tail = dimsFrom(op.getAxis(), typeOf(op.getX()).getRank());
  Value y = normalize(e, op.getX(), tail, op.getEpsilon().convertToDouble()).x;
  y = e.mul(y, spreadTail(e, op.getScale(), op.getX()));
  return op.getBias() ? e.add(y, spreadTail(e, op.getBias(), op.getX())) : y;
}

/// What replaces the results of `op`; nothing where it is no whole op.
FailureOr<SmallVector<Value>> decompose(Emitter &e, Operation *op) {
  using Values = FailureOr<SmallVector<Value>>;
  auto one = [](Value v) { return SmallVector<Value>{v}; };
  return llvm::TypeSwitch<Operation *, Values>(op)
      .Case([&](SigmoidOp op) { return one(sigmoid(e, op.getX())); })
      .Case([&](SoftplusOp op) { return one(softplus(e, op.getX())); })
      .Case([&](GeluOp op) { return one(gelu(e, op.getX(), op.getTanh())); })
      .Case([&](SoftmaxOp op) { return one(softmax(e, op.getX(), op.getAxis())); })
      .Case([&](LogSoftmaxOp op) { return one(logSoftmax(e, op.getX(), op.getAxis())); })
      .Case([&](LayerNormOp op) { return one(layerNorm(e, op)); })
      .Case([&](StandardizeOp op) {
        return one(normalize(e, op.getX(), op.getDims(), op.getEpsilon().convertToDouble()).x);
      })
      .Case([&](TrackOp op) { return one(op.getX()); })
      .Case([&](math::PowFOp op) -> Values {
        bool isTensor = isa<RankedTensorType>(op.getType());
        std::optional<double> exponent = isTensor ? splatOf(op.getRhs()) : std::nullopt;
        Value power = exponent ? smallPower(e, op.getLhs(), *exponent) : Value();
        return power ? one(power) : SmallVector<Value>();
      })
      .Case([&](UpdateOp op) { return emitUpdate(e, op); })
      .Default([](Operation *) { return SmallVector<Value>(); });
}

struct DecomposePass : impl::DecomposePassBase<DecomposePass> {
  using DecomposePassBase::DecomposePassBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    bool ok = true;
    for (Operation *op : ops) {
      OpBuilder builder(op);
      Emitter e(builder, op->getLoc());
      FailureOr<SmallVector<Value>> values = decompose(e, op);
      if (failed(values)) {
        ok = false;
      } else if (!values->empty()) {
        op->replaceAllUsesWith(*values);
        op->erase();
      }
    }
    if (!ok)
      return signalPassFailure();
    eraseDeadOps(getOperation());
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(getOperation());
    eliminateCommonSubExpressions(rewriter, dominance, getOperation());
  }
};
} // namespace
} // namespace mlir::llcc
