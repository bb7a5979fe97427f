// Gradients of the ops that are whole until here: written with the op's result, which a chain of small rules would not
// see.
#include "passes/train/Gradients.h"
#include "passes/train/Whole.h"

namespace mlir::llcc {
namespace {

/// Sum of x along axis, repeated.
Value spreadSum(Backward &b, Value x, int64_t axis) { return b.restore(b.sum(x, axis), typeOf(x).getShape(), axis); }

/// With n the normalized x and g = dy*scale:
///   dx = rstd * (g - mean(g) - n*mean(g*n)),  dscale = sum(dy*n),  dbias = sum(dy).
void layerNormRule(LayerNormOp op, Backward &b) {
  Value x = op.getX(), scale = op.getScale();
  int64_t axis = op.getAxis();
  SmallVector<int64_t> rows = dimsFrom(0, axis);
  auto toTail = [&](Value v) { return b.reshape(b.sum(v, rows), typeOf(scale).getShape()); };
  if (b.needs(x) || b.needs(scale)) {
    Normalized n = normalize(b, x, axis, op.getEpsilon().convertToDouble());
    b.give(scale, [&] { return toTail(b.mul(b.dy, n.x)); });
    b.give(x, [&] {
      Value g = b.mul(b.dy, spreadTail(b, scale, x));
      Value centred = b.sub(g, spreadMean(b, g, axis));
      return b.mul(n.rstd, b.sub(centred, b.mul(n.x, spreadMean(b, b.mul(g, n.x), axis))));
    });
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
    Value y = op.getResult();
    b.give(op.getX(), [&] { return b.mul(y, b.sub(b.dy, spreadSum(b, b.mul(b.dy, y), op.getAxis()))); });
  });
  table.add<LogSoftmaxOp>([](LogSoftmaxOp op, Backward &b) { // dy - exp(y) * sum(dy)
    b.give(op.getX(), [&] { return b.sub(b.dy, b.mul(b.exp(op.getResult()), spreadSum(b, b.dy, op.getAxis()))); });
  });
  table.add<LayerNormOp>(layerNormRule);
}
} // namespace mlir::llcc
