// Softmax and the normalisations.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// Since opset 13 along one axis (default -1); before, over all dimensions from `axis` (default 1) on as if they were
/// one.
template <typename Op> static LogicalResult importSoftmax(Binder &b) {
  int64_t given = b.attrInt("axis", b.opset < 13 ? 1 : -1);
  Value x = b.floatInput(0, "input");
  if (!x)
    return failure();
  int64_t rank = rankOf(x);
  // Before opset 13 the axis may also be the rank: then each row is one element.
  if (rank == 0 || given < -rank || given > rank - (b.opset < 13 && given >= 0 ? 0 : 1))
    return b.bad("axis " + Twine(given) + " is outside of an input with " + Twine(rank) + " dimensions");
  int64_t axis = given < 0 ? given + rank : given;
  auto create = [&](Value v, int64_t at) { return Op::create(b.builder, b.loc, v.getType(), v, at); };
  if (b.opset >= 13 || axis == rank - 1) {
    b.result(create(x, axis));
    return success();
  }
  ArrayRef<int64_t> shape = shapeOf(x);
  Value rows = reshape(b, x, {*countElements(shape.take_front(axis)), *countElements(shape.drop_front(axis))});
  b.result(reshape(b, create(rows, 1), shape));
  return success();
}

/// The statistics that LayerNormalization may give beside its result: mean and 1/deviation, reduced dimensions kept.
static void layerNormStatistics(Binder &b, Value x, int64_t axis, double epsilon, bool stashFloat) {
  if (!b.outputUsed(1) && !b.outputUsed(2))
    return;
  Arithmetic a(b);
  Shape dims = dimsBetween(axis, rankOf(x));
  Type type = stashFloat ? Type(b.builder.getF32Type()) : typeOf(x).getElementType();
  if (typeOf(x).getElementTypeBitWidth() < type.getIntOrFloatBitWidth())
    x = a.convert(x, type);
  Value mean = a.mean(x, dims);
  Value deviation = a.sqrt(a.add(a.mean(a.square(a.sub(x, mean)), dims), epsilon));
  b.result(a.convert(mean, type), 1);
  b.result(a.convert(a.div(1.0, deviation), type), 2);
}

static LogicalResult importLayerNorm(Binder &b) {
  int64_t given = b.attrInt("axis", -1);
  double epsilon = b.attrFloat("epsilon", double(1e-5f));
  // Precision of the statistics; those of the result are computed in the input's type.
  bool stashFloat = b.attrInt("stash_type", 1) == 1;
  Value x = b.floatInput(0, "X"), scale = b.floatInput(1, "Scale"), bias = b.optionalFloatInput(2, "B");
  if (!x || !scale || (b.hasInput(2) && !bias))
    return failure();
  std::optional<int64_t> axis = b.axis(given, rankOf(x));
  if (!axis)
    return failure();
  Shape normalized(shapeOf(x).drop_front(*axis));
  for (auto [name, v] : {std::pair<StringRef, Value *>{"Scale", &scale}, {"B", &bias}}) {
    if (!*v)
      continue;
    std::optional<Shape> shape = broadcastShapes(shapeOf(*v), normalized);
    if (!shape || *shape != normalized)
      return b.bad("X is " + showShape(shapeOf(x)) + " and is normalised from axis " + Twine(*axis) + " on, " + name +
                   " is " + showShape(shapeOf(*v)) + ", it must broadcast to " + showShape(normalized));
    if (typeOf(*v).getElementType() != typeOf(x).getElementType())
      return b.bad("element types of X and " + name + " differ");
    *v = broadcastTo(b, *v, normalized);
  }
  layerNormStatistics(b, x, *axis, epsilon, stashFloat);
  b.result(LayerNormOp::create(b.builder, b.loc, x.getType(), x, scale, bias, b.builder.getI64IntegerAttr(*axis),
                               b.builder.getF64FloatAttr(epsilon)));
  return success();
}

/// Each channel of each sample by its own mean and variance over the spatial dimensions.
static LogicalResult importInstanceNorm(Binder &b) {
  double epsilon = b.attrFloat("epsilon", double(1e-5f));
  Value x = b.floatInput(0, "input"), scale = b.floatInput(1, "scale"), bias = b.floatInput(2, "B");
  if (!x || !scale || !bias)
    return failure();
  Shape shape(shapeOf(x));
  if (shape.size() < 3)
    return b.bad("input is " + showShape(shape) + ", it must be N x C x spatial dimensions");
  for (Value v : {scale, bias})
    if (rankOf(v) != 1 || shapeOf(v)[0] != shape[1] || typeOf(v).getElementType() != typeOf(x).getElementType())
      return b.bad("input is " + showShape(shape) + ", scale and B are " + showShape(shapeOf(scale)) + " and " +
                   showShape(shapeOf(bias)) + "; they must hold a number of its type for each channel");
  Shape dims = llvm::to_vector(llvm::seq<int64_t>(2, shape.size()));
  double count = double(*countElements(ArrayRef(shape).drop_front(2)));
  auto create = [&](auto op, Value l, Value r) -> Value { return decltype(op)::create(b.builder, b.loc, l, r); };
  auto mean = [&](Value v) {
    Value sum = reduce(b, v, ReduceKind::Sum, dims, /*keep=*/false); // [N, C]
    return create(arith::DivFOp(), sum, splatLike(b, sum, count));
  };
  Value centered = create(arith::SubFOp(), x, broadcast(b, mean(x), shape, {0, 1}));
  Value variance = mean(create(arith::MulFOp(), centered, centered));
  Value root =
      math::SqrtOp::create(b.builder, b.loc, create(arith::AddFOp(), variance, splatLike(b, variance, epsilon)));
  Value normalized = create(arith::DivFOp(), centered, broadcast(b, root, shape, {0, 1}));
  Value scaled = create(arith::MulFOp(), normalized, broadcast(b, scale, shape, {1}));
  b.result(create(arith::AddFOp(), scaled, broadcast(b, bias, shape, {1})));
  return success();
}

void addNormalizationOps(OpTable &t) {
  t.onOp("InstanceNormalization", 6, importInstanceNorm, {Role::Elementwise, Role::Affine, Role::Affine});
  t.onOp("Softmax", 1, importSoftmax<SoftmaxOp>, {Role::Scores});
  t.onOp("LogSoftmax", 1, importSoftmax<LogSoftmaxOp>, {Role::Scores});
  t.onOp("LayerNormalization", 17, importLayerNorm, {Role::Elementwise, Role::Weight, Role::Weight});
}

} // namespace mlir::llcc::frontend
