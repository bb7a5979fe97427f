// Normalisations by the statistics of one sample: groups of channels, root mean squares, lengths, neighbours.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// The floats that stash_type names: what statistics are computed in where x's own type is narrower.
static Type statisticsType(Binder &b, Value x) {
  int64_t stash = b.attrInt("stash_type", 1);
  Type type = typeOf(x).getElementType();
  if (stash == 1 && type.getIntOrFloatBitWidth() < 32)
    return b.builder.getF32Type();
  return type;
}

/// (x - mean) / sqrt(variance + epsilon) over dims.
static Value standardize(Arithmetic &a, Value x, ArrayRef<int64_t> dims, double epsilon) {
  Value centred = a.sub(x, a.mean(x, dims));
  return a.div(centred, a.sqrt(a.add(a.mean(a.square(centred), dims), epsilon)));
}

/// Each group of channels of each sample by its own statistics. scale and bias hold a number for each group (opset 18)
/// or each channel (21).
static LogicalResult importGroupNorm(Binder &b) {
  double epsilon = b.attrFloat("epsilon", double(1e-5f));
  int64_t groups = b.attrInt("num_groups", 0);
  Value x = b.floatInput(0, "X"), scale = b.floatInput(1, "scale"), bias = b.floatInput(2, "bias");
  if (!x || !scale || !bias)
    return failure();
  Type statistics = b.opset >= 21 ? statisticsType(b, x) : typeOf(x).getElementType();
  Shape shape(shapeOf(x)); // [N, C, spatial..]
  if (shape.size() < 2)
    return b.bad("X is " + showShape(shape) + ", it must be N x C x spatial dimensions");
  if (groups < 1 || shape[1] % groups)
    return b.bad("attribute \"num_groups\" is " + Twine(groups) + ", it must divide the " + Twine(shape[1]) +
                 " channels of X, " + showShape(shape));
  int64_t width = b.opset >= 21 ? shape[1] : groups;
  for (auto [name, v] : {std::pair<StringRef, Value>{"scale", scale}, {"bias", bias}})
    if (rankOf(v) != 1 || shapeOf(v)[0] != width || typeOf(v).getElementType() != typeOf(x).getElementType())
      return b.bad(name + " is " + showShape(shapeOf(v)) + ", it must hold " + Twine(width) + " numbers of X's type");
  Arithmetic a(b);
  Shape grouped = {shape[0], groups, shape[1] / groups}; // [N, G, C/G, spatial..]
  grouped.append(shape.begin() + 2, shape.end());
  Value y = reshape(b, a.convert(x, statistics), grouped);
  y = a.convert(standardize(a, y, dimsBetween(2, grouped.size()), epsilon), typeOf(x).getElementType());
  auto affine = [&](Value v) {
    if (width == groups) // one number a group
      return broadcast(b, v, grouped, {1});
    return broadcast(b, reshape(b, v, {groups, shape[1] / groups}), grouped, {1, 2});
  };
  y = a.add(a.mul(y, affine(scale)), affine(bias));
  b.result(reshape(b, y, shape));
  return success();
}

/// x / sqrt(mean(x^2) + epsilon) * scale over the dimensions from `axis` on.
static LogicalResult importRmsNorm(Binder &b) {
  int64_t given = b.attrInt("axis", -1);
  double epsilon = b.attrFloat("epsilon", double(1e-5f));
  Value x = b.floatInput(0, "X"), scale = b.floatInput(1, "scale");
  if (!x || !scale)
    return failure();
  Type type = typeOf(x).getElementType(), statistics = statisticsType(b, x);
  std::optional<int64_t> axis = b.axis(given, rankOf(x));
  if (!axis)
    return failure();
  std::optional<Shape> shape = broadcastShapes(shapeOf(scale), shapeOf(x));
  if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(x))
    return b.bad("X is " + showShape(shapeOf(x)) + ", scale is " + showShape(shapeOf(scale)) +
                 ", it does not broadcast to X");
  if (typeOf(scale).getElementType() != type)
    return b.bad("element types of X and scale differ");
  Arithmetic a(b);
  Shape dims = dimsBetween(*axis, rankOf(x));
  Value wide = a.convert(x, statistics);
  Value root = a.sqrt(a.add(a.mean(a.square(wide), dims), epsilon));
  if (b.outputUsed(1)) // com.microsoft: SimplifiedLayerNormalization
    b.result(a.div(1.0, root), 1);
  b.result(a.mul(a.convert(a.div(wide, root), type), scale));
  return success();
}

/// x / norm along one axis; 0 where all is 0.
static LogicalResult importLpNorm(Binder &b) {
  int64_t given = b.attrInt("axis", -1), p = b.attrInt("p", 2);
  Value x = b.floatInput(0, "input");
  if (!x)
    return failure();
  std::optional<int64_t> axis = b.axis(given, rankOf(x));
  if (!axis)
    return failure();
  if (p != 1 && p != 2)
    return b.bad("attribute \"p\" is " + Twine(p) + ", it must be 1 or 2");
  Arithmetic a(b);
  Value norm = p == 1 ? a.sum(a.abs(x), *axis) : a.sqrt(a.sum(a.square(x), *axis));
  Value zero = a.equal(norm, 0.0);
  b.result(a.select(zero, 0.0, a.div(x, a.select(zero, 1.0, norm))));
  return success();
}

/// (x - mean) / (deviation + 1e-9) over axes, by default all but the channels.
static LogicalResult importMeanVarianceNorm(Binder &b) {
  Shape axes = b.attrInts("axes", {0, 2, 3});
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  SmallVector<bool> chosen(rankOf(x), false);
  for (int64_t given : axes) {
    std::optional<int64_t> axis = b.axis(given, rankOf(x));
    if (!axis)
      return failure();
    chosen[*axis] = true;
  }
  Shape dims;
  for (int64_t d = 0; d < rankOf(x); ++d)
    if (chosen[d])
      dims.push_back(d);
  Arithmetic a(b);
  Value centred = a.sub(x, a.mean(x, dims));
  Value deviation = a.sqrt(a.mean(a.square(centred), dims));
  b.result(a.div(centred, a.add(deviation, 1e-9)));
  return success();
}

/// x / (bias + alpha/size * sum of squares of `size` neighbouring channels)^beta.
static LogicalResult importLrn(Binder &b) {
  double alpha = b.attrFloat("alpha", double(1e-4f)), beta = b.attrFloat("beta", 0.75), bias = b.attrFloat("bias", 1);
  int64_t size = b.attrInt("size", 0);
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  if (rankOf(x) < 2)
    return b.bad("X is " + showShape(shapeOf(x)) + ", it must be N x C x spatial dimensions");
  if (size < 1 || size > (int64_t(1) << 20))
    return b.bad("attribute \"size\" is " + Twine(size) + ", it must be 1 or more");
  Arithmetic a(b);
  // The channels as the first spatial dimension of a pool; what hangs over the ends is 0.
  Shape shape(shapeOf(x)), rows = {shape[0], 1, shape[1], *countElements(ArrayRef(shape).drop_front(2))};
  int64_t lo = (size - 1) / 2, hi = size - 1 - lo;
  Value squares = a.pad(reshape(b, a.square(x), rows), {0, 0, lo, 0}, {0, 0, hi, 0});
  auto type = RankedTensorType::get(rows, typeOf(x).getElementType());
  Value mean = AvgPoolOp::create(b.builder, b.loc, type, squares, ArrayRef<int64_t>{size, 1}, ArrayRef<int64_t>{1, 1},
                                 ArrayRef<int64_t>{0, 0}, ArrayRef<int64_t>{0, 0}, ArrayRef<int64_t>{1, 1}, true);
  Value base = a.add(a.mul(reshape(b, mean, shape), alpha), bias);
  b.result(a.div(x, a.pow(base, beta)));
  return success();
}

void addFeatureNormOps(OpTable &t) {
  t.onOp("GroupNormalization", 18, importGroupNorm, {Role::Elementwise, Role::Affine, Role::Affine});
  t.onOp("RMSNormalization", 23, importRmsNorm, {Role::Elementwise, Role::Weight});
  t.onOp("SimplifiedLayerNormalization", 1, importRmsNorm, {Role::Elementwise, Role::Weight});
  t.onOp("LpNormalization", 1, importLpNorm);
  t.onOp("MeanVarianceNormalization", 9, importMeanVarianceNorm);
  t.onOp("LRN", 1, importLrn);
}

} // namespace mlir::llcc::frontend
