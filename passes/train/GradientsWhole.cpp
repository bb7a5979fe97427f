// Gradients of the ops that are whole until here: written with the op's result, which a chain of small rules would not
// see.
#include "passes/train/Gradients.h"
#include "passes/train/Whole.h"

namespace mlir::llcc {
namespace {

/// Sum of x along axis, repeated.
Value spreadSum(Backward &b, Value x, int64_t axis) { return b.restore(b.sum(x, axis), typeOf(x).getShape(), axis); }

/// y, of a guarded op 0 where it is NaN: a row of softmax of which a mask left nothing gives nothing back.
Value numberOr0(Backward &b, Value y) {
  return b.guarded ? b.select(b.compare(arith::CmpFPredicate::UNO, y, y), b.constantLike(y, 0), y) : y;
}

/// x as a value without dimension `axis`, where it does not vary along it; else nothing.
Value withoutDim(Backward &b, Value x, int64_t axis) {
  SmallVector<int64_t> shape(typeOf(x).getShape());
  shape.erase(shape.begin() + axis);
  if (std::optional<double> number = splatOf(x))
    return b.constant(typeOf(x).clone(shape), *number);
  auto broadcast = x.getDefiningOp<BroadcastOp>();
  if (!broadcast || llvm::is_contained(broadcast.getDims(), axis))
    return {};
  SmallVector<int64_t> dims;
  for (int64_t dim : broadcast.getDims())
    dims.push_back(dim - (dim > axis));
  return b.broadcast(broadcast.getX(), shape, dims);
}

/// Sum along axis of what a class loss sends back, w where class == label and else 0: w where the label is a class.
/// A sum over the classes would read all logits once more, and be a collective where they are cut over devices.
/// Nothing where dy is not of that form.
Value sumOfPicked(Backward &b, int64_t axis) {
  auto pick = b.dy.getDefiningOp<arith::SelectOp>();
  if (!pick || splatOf(pick.getFalseValue()) != 0.0)
    return {};
  auto hit = pick.getCondition().getDefiningOp<arith::CmpIOp>();
  if (!hit || hit.getPredicate() != arith::CmpIPredicate::eq)
    return {};
  auto classes = hit.getLhs().getDefiningOp<IotaOp>();
  if (!classes || int64_t(classes.getDim()) != axis)
    return {};
  Value label = withoutDim(b, hit.getRhs(), axis), weight = withoutDim(b, pick.getTrueValue(), axis);
  if (!label || !weight)
    return {};
  Value count = b.constantLike(label, typeOf(b.dy).getDimSize(axis));
  Value isClass = b.compare(arith::CmpIPredicate::ult, label, count); // negative numbers are large when unsigned
  return b.restore(b.keep(isClass, weight), typeOf(b.dy).getShape(), axis);
}

/// With n the normalized x and g = dy*scale:
///   dx = normalizeSlope(g),  dscale = sum(dy*n),  dbias = sum(dy).
void layerNormRule(LayerNormOp op, Backward &b) {
  Value x = op.getX(), scale = op.getScale();
  int64_t axis = op.getAxis();
  SmallVector<int64_t> rows = dimsFrom(0, axis), tail = dimsFrom(axis, typeOf(x).getRank());
  auto toTail = [&](Value v) { return b.reshape(b.sum(v, rows), typeOf(scale).getShape()); };
  if (b.needs(x) || b.needs(scale)) {
    Normalized n = normalize(b, x, tail, op.getEpsilon().convertToDouble());
    b.give(scale, [&] { return toTail(b.mul(b.dy, n.x)); });
    b.give(x, [&] { return normalizeSlope(b, n, b.mul(b.dy, spreadTail(b, scale, x)), tail); });
  }
  if (op.getBias())
    b.give(op.getBias(), [&] { return toTail(b.dy); });
}
} // namespace

void addWholeGradients(GradientTable &table) {
  table.add<SigmoidOp>([](SigmoidOp op, Backward &b) {
    Value y = op.getResult();
    b.give(op.getX(), [&] { return b.mul(b.dy, b.mul(y, b.sub(b.constantLike(y, 1), y))); });
  });
  table.add<SoftplusOp>(
      [](SoftplusOp op, Backward &b) { b.give(op.getX(), [&] { return b.mul(b.dy, sigmoid(b, op.getX())); }); });
  table.add<GeluOp>([](GeluOp op, Backward &b) {
    b.give(op.getX(), [&] { return b.mul(b.dy, geluSlope(b, op.getX(), op.getTanh())); });
  });
  table.add<SoftmaxOp>([](SoftmaxOp op, Backward &b) { // y * (dy - sum(dy*y))
    Value y = numberOr0(b, op.getResult());
    b.give(op.getX(), [&] { return b.mul(y, b.sub(b.dy, spreadSum(b, b.mul(b.dy, y), op.getAxis()))); });
  });
  table.add<LogSoftmaxOp>([](LogSoftmaxOp op, Backward &b) { // dy - exp(y) * sum(dy)
    b.give(op.getX(), [&] {
      Value sum = sumOfPicked(b, op.getAxis());
      if (sum)
        return b.sub(b.dy, b.mul(b.exp(op.getResult()), sum));
      Value y = b.exp(op.getResult()), all = spreadSum(b, b.dy, op.getAxis());
      return b.sub(b.dy, b.mul(numberOr0(b, y), all));
    });
  });
  table.add<LayerNormOp>(layerNormRule);
  table.add<StandardizeOp>([](StandardizeOp op, Backward &b) {
    b.give(op.getX(), [&] {
      Normalized n = normalize(b, op.getX(), op.getDims(), op.getEpsilon().convertToDouble());
      return normalizeSlope(b, n, b.dy, op.getDims());
    });
  });
  table.add<TrackOp>([](TrackOp op, Backward &b) { // what is tracked does not influence the loss
    b.give(op.getX(), [&] { return b.dy; });
  });
  table.addConstant<RandomBitsOp>();
}
} // namespace mlir::llcc
