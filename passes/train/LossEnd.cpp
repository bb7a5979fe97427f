// Finds softmax and sigmoid at the end of a model.
#include "passes/train/LossEnd.h"
#include "llvm/ADT/STLExtras.h"

namespace mlir::llcc {

/// x of max(x, c), min(x, c), and of select(x < c, x, c), as Clip is imported; x + c with a tiny c, which keeps a
/// logarithm finite. Nothing where the op is none of them.
static Value boundedBy(Operation *op) {
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp, arith::AddFOp>(op))
    for (unsigned i : {0, 1})
      if (std::optional<double> c = splatOf(op->getOperand(1 - i)))
        return !isa<arith::AddFOp>(op) || (*c >= 0 && *c < 1e-4) ? op->getOperand(i) : Value();
  auto select = dyn_cast<arith::SelectOp>(op);
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!compare)
    return {};
  for (auto [x, c] : {std::pair(select.getTrueValue(), select.getFalseValue()),
                      std::pair(select.getFalseValue(), select.getTrueValue())})
    if (std::optional<double> bound = splatOf(c); bound && llvm::is_contained(compare->getOperands(), x))
      if (llvm::any_of(compare->getOperands(), [&](Value operand) { return splatOf(operand) == bound; }))
        return x;
  return {};
}

/// Where dimension `dim` of the operand is in the result.
static std::optional<int64_t> dimBehind(Operation *op, int64_t dim) {
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return llvm::find(transpose.getPerm(), dim) - transpose.getPerm().begin();
  if (!isa<ReshapeOp>(op))
    return dim;
  ArrayRef<int64_t> from = typeOf(op->getOperand(0)).getShape(), to = typeOf(op->getResult(0)).getShape();
  int64_t before = 1, passed = 1;
  for (int64_t i = 0; i < dim; ++i)
    before *= from[i];
  for (auto [i, size] : llvm::enumerate(to)) {
    if (passed == before && size == from[dim])
      return int64_t(i);
    passed *= size;
  }
  return std::nullopt;
}

LossEnd findLossEnd(Value output) {
  LossEnd end;
  while (Operation *op = output.getDefiningOp()) {
    if (isa<SoftmaxOp, LogSoftmaxOp, SigmoidOp>(op)) {
      end.activation = op;
      break;
    }
    if (auto mode = dyn_cast<ByModeOp>(op)) {
      output = mode.getTraining();
    } else if (isa<ReshapeOp, TransposeOp, arith::ExtFOp, arith::TruncFOp>(op)) {
      end.chain.insert(end.chain.begin(), op);
      output = op->getOperand(0);
    } else if (isa<math::LogOp>(op) && !end.isLog) {
      end.isLog = true;
      output = op->getOperand(0);
    } else if (Value x = boundedBy(op)) {
      end.isBounded = true;
      output = x;
    } else {
      return {};
    }
  }
  if (isa_and_nonnull<LogSoftmaxOp>(end.activation)) {
    if (end.isLog)
      return {}; // the logarithm of a logarithm is no probability
    end.isLog = true;
  }
  if (isa_and_nonnull<SoftmaxOp, LogSoftmaxOp>(end.activation)) {
    end.dim = isa<SoftmaxOp>(end.activation) ? cast<SoftmaxOp>(end.activation).getAxis()
                                             : cast<LogSoftmaxOp>(end.activation).getAxis();
    for (Operation *op : end.chain)
      end.dim = end.dim ? dimBehind(op, *end.dim) : end.dim;
  }
  return end;
}

Value throughChain(Emitter &e, const LossEnd &end, Value x) {
  for (Operation *op : end.chain) {
    if (auto transpose = dyn_cast<TransposeOp>(op))
      x = e.transpose(x, transpose.getPerm());
    else if (isa<ReshapeOp>(op))
      x = e.reshape(x, typeOf(op->getResult(0)).getShape());
    else
      x = e.convert(x, typeOf(op->getResult(0)).getElementType());
  }
  return x;
}

} // namespace mlir::llcc
