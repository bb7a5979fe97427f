// Gradient of recurrence: one op walks the steps backwards, everything that sums over steps is a product behind it.
//
// recurrence_grad gives dx, the cotangent of each gate's argument at each step. What is left is the gradient of a
// linear layer over all steps and sequences at once: dr = dx^T h, with h the state that each step started from, so the
// sum over T steps is a contraction over [T, B] and costs one pass over r instead of T.
#include "passes/train/Gradients.h"

namespace mlir::llcc {
namespace {

/// x[.., first .. first+size) of the last dimension.
Value features(Backward &b, Value x, int64_t first, int64_t size) {
  SmallVector<int64_t> shape(typeOf(x).getShape()), starts(shape.size(), 0), strides(shape.size(), 1);
  starts.back() = first;
  shape.back() = size;
  return b.builder.createOrFold<SliceOp>(b.loc, typeOf(x).clone(shape), x, starts, strides);
}

/// The state that each step started from, [T, B, H], of all states after and the one before the first. From the end, a
/// sequence starts at its last step, wherever that is.
Value statesBefore(Backward &b, RecurrenceOp op, Value all, Value first) {
  bool reverse = op.getReverse();
  SmallVector<int64_t> shape(typeOf(all).getShape()), starts(3, 0), strides(3, 1);
  Value head = b.reshape(first, {1, shape[1], shape[2]});
  if (shape[0] == 0)
    return all;
  if (shape[0] == 1)
    return head;
  RankedTensorType type = typeOf(all);
  Value lengths = op.getLengths();
  --shape[0];
  starts[0] = reverse;
  Value rest = b.builder.createOrFold<SliceOp>(b.loc, type.clone(shape), all, starts, strides);
  SmallVector<Value> parts = {head, rest};
  if (reverse)
    std::swap(parts[0], parts[1]);
  Value before = ConcatOp::create(b.builder, b.loc, type, parts, 0);
  if (!reverse || !lengths)
    return before;
  auto integers = RankedTensorType::get(typeOf(all).getShape(), typeOf(lengths).getElementType());
  Value step = IotaOp::create(b.builder, b.loc, integers, 0);
  Value one = arith::ConstantOp::create(
      b.builder, b.loc, DenseElementsAttr::get(integers, b.builder.getIntegerAttr(integers.getElementType(), 1)));
  Value next = b.binary<arith::AddIOp>(step, one);
  Value isLast = b.compare(arith::CmpIPredicate::eq, next, b.broadcast(lengths, integers.getShape(), {1}));
  return b.select(isLast, b.broadcast(first, integers.getShape(), {1, 2}), before);
}

Value joined(Backward &b, ArrayRef<Value> parts, int64_t dim) {
  if (parts.size() == 1)
    return parts[0];
  SmallVector<int64_t> shape(typeOf(parts[0]).getShape());
  shape[dim] = 0;
  for (Value part : parts)
    shape[dim] += typeOf(part).getDimSize(dim);
  return ConcatOp::create(b.builder, b.loc, typeOf(parts[0]).clone(shape), parts, dim);
}

/// Sum over steps and sequences of x[t, b, i] * y[t, b, j].
Value overSteps(Backward &b, Value x, Value y) {
  SmallVector<int64_t> none, steps = {0, 1};
  auto type = typeOf(x).clone({typeOf(x).getDimSize(2), typeOf(y).getDimSize(2)});
  return DotOp::create(b.builder, b.loc, type, x, y, none, none, steps, steps);
}

/// Where lengths cut sequences short, the state before a step that does nothing is no state of the sequence; its dx is
/// 0.
void recurrenceRule(RecurrenceOp op, Backward &b) {
  bool lstm = op.getKind() == "lstm", gru = op.getKind() == "gru", linear = op.getLinearBeforeReset();
  Value r = op.getR(), h0 = op.getH0(), c0 = op.getC0(), peepholes = op.getPeepholes(), y = op.getY();
  int64_t units = typeOf(r).getDimSize(1);
  Value dcells = lstm ? b.cotangentOf(op.getCells()) : Value();
  auto gradient = RecurrenceGradOp::create(
      b.builder, b.loc, typeOf(op.getX()), typeOf(h0), lstm ? c0.getType() : Type(), r, h0, y, b.dy, c0, op.getCells(),
      op.getGates(), dcells, peepholes, op.getLengths(), op.getKindAttr(), op.getActivationsAttr(), op.getAlphasAttr(),
      op.getBetasAttr(), op.getClipAttr(), op.getReverseAttr(), op.getInputForgetAttr(), op.getLinearBeforeResetAttr());
  Value dx = gradient.getDx();
  // Cotangent of h*r + bias, which the reset gate stands behind.
  auto behindReset = [&] { return b.mul(features(b, dx, 2 * units, units), features(b, op.getGates(), units, units)); };
  b.give(op.getX(), [&] { return dx; });
  b.give(h0, [&] { return gradient.getDh0(); });
  if (c0)
    b.give(c0, [&] { return gradient.getDc0(); });
  b.give(r, [&] {
    Value before = statesBefore(b, op, y, h0);
    if (!gru)
      return overSteps(b, dx, before);
    Value gates = features(b, dx, 0, 2 * units);
    if (linear)
      return overSteps(b, joined(b, {gates, behindReset()}, 2), before);
    Value reset = b.mul(features(b, op.getGates(), units, units), before);
    return joined(b, {overSteps(b, gates, before), overSteps(b, features(b, dx, 2 * units, units), reset)}, 0);
  });
  if (linear)
    b.give(op.getHiddenBias(), [&] { return b.sum(behindReset(), {0, 1}); });
  if (peepholes)
    b.give(peepholes, [&] {
      Value before = statesBefore(b, op, op.getCells(), c0);
      auto weight = [&](int64_t gate, Value cells) {
        return b.sum(b.mul(features(b, dx, gate * units, units), cells), {0, 1});
      };
      return joined(b, {weight(0, before), weight(1, op.getCells()), weight(2, before)}, 0);
    });
}

} // namespace

void addRecurrenceGradients(GradientTable &table) { table.add<RecurrenceOp>(recurrenceRule); }

} // namespace mlir::llcc
