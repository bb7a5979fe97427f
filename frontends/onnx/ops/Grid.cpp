// Reads at computed places of an image: GridSample, and AffineGrid, which makes the places.
//
// Each place [N, L] has one coordinate a spatial dimension and reads taps around it: 1 (nearest), 2 (linear) or 4
// (cubic) a dimension. The taps of all dimensions are one gather of [N, T1, .., Tn, L] elements and one weighted sum,
// so both gradients fall out: that of the image is a scatter_add, that of the grid goes through the weights.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

namespace {
/// Elementwise arithmetic on floats of one shape.
struct Arithmetic {
  Binder &b;
  Value number(Value like, double v) { return splatLike(b, like, v); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b.builder, b.loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b.builder, b.loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b.builder, b.loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b.builder, b.loc, x, y); }
  Value add(Value x, double v) { return add(x, number(x, v)); }
  Value mul(Value x, double v) { return mul(x, number(x, v)); }
  Value floor(Value x) { return math::FloorOp::create(b.builder, b.loc, x); }
  Value least(Value x, double v) { // max(x, v)
    return select(b, compare(b, arith::CmpFPredicate::OGE, x, number(x, v)), x, number(x, v));
  }
  Value most(Value x, double v) {
    return select(b, compare(b, arith::CmpFPredicate::OLE, x, number(x, v)), x, number(x, v));
  }
  Value within(Value x, double low, double high) {
    return arith::AndIOp::create(b.builder, b.loc, compare(b, arith::CmpFPredicate::OGE, x, number(x, low)),
                                 compare(b, arith::CmpFPredicate::OLE, x, number(x, high)));
  }
};

struct Sampling {
  std::string mode, padding;
  bool alignCorners;
  int64_t taps() const { return mode == "nearest" ? 1 : mode == "linear" ? 2 : 4; }
};

/// x brought back between low and high as by mirrors there: a triangular wave.
Value reflect(Arithmetic &a, Value x, double low, double high) {
  double span = high - low;
  if (span <= 0)
    return a.number(x, low);
  Value u = a.add(x, -low), period = a.number(u, 2 * span);
  u = a.sub(u, a.mul(period, a.floor(a.div(u, period))));
  Value rising = compare(a.b, arith::CmpFPredicate::OLE, u, a.number(u, span));
  Value folded = select(a.b, rising, u, a.sub(period, u));
  return select(a.b, a.within(x, low, high), x, a.add(folded, low));
}

/// Taps of one dimension at coordinate x [N, L]: element numbers, weights, validity (null: all valid), each [N, T, L].
struct Taps {
  Value index, weight, valid;
};

Taps tapsOf(Arithmetic &a, const Sampling &s, Value x, int64_t size) {
  Binder &b = a.b;
  double low = s.alignCorners ? 0 : -0.5, high = double(size) - (s.alignCorners ? 1 : 0.5);
  // (x + 1) / 2 * (size - 1), or ((x + 1) * size - 1) / 2
  x = s.alignCorners ? a.mul(a.mul(a.add(x, 1), 0.5), double(size - 1))
                     : a.mul(a.add(a.mul(a.add(x, 1), double(size)), -1), 0.5);
  if (s.mode == "nearest")
    x = math::RoundEvenOp::create(b.builder, b.loc, x);
  if (s.padding == "border")
    x = select(b, a.within(x, low, high), x, a.most(a.least(x, 0), double(size - 1)));
  else if (s.padding == "reflection")
    x = reflect(a, x, low, high);
  int64_t n = shapeOf(x)[0], l = shapeOf(x)[1], taps = s.taps();
  Shape wide = {n, taps, l};
  Value at = broadcast(b, x, wide, {0, 2}), first = broadcast(b, a.floor(x), wide, {0, 2});
  Value tap = positions(b, wide, 1);
  Value offset = arith::SIToFPOp::create(b.builder, b.loc, at.getType(), tap);
  Value place = s.mode == "nearest" ? at : a.add(a.add(first, offset), taps == 4 ? -1 : 0);
  Taps t;
  if (s.mode == "linear") {
    Value ratio = a.sub(at, first);
    Value right = compare(b, arith::CmpIPredicate::eq, tap, splatLike(b, tap, 1));
    t.weight = select(b, right, ratio, a.sub(a.number(ratio, 1), ratio));
  } else if (s.mode == "cubic") { // Keys, a = -0.75
    constexpr double k = -0.75;
    Value d = math::AbsFOp::create(b.builder, b.loc, a.sub(at, place));
    Value near = a.add(a.mul(a.mul(a.add(a.mul(d, k + 2), -(k + 3)), d), d), 1);
    Value far = a.add(a.mul(a.add(a.mul(a.add(a.mul(d, k), -5 * k), d), 8 * k), d), -4 * k);
    t.weight = select(b, compare(b, arith::CmpFPredicate::OLE, d, a.number(d, 1)), near, far);
  }
  if (s.padding == "zeros")
    t.valid = a.within(place, 0, double(size - 1));
  else if (s.padding == "reflection")
    place = reflect(a, place, low, high);
  place = a.most(a.least(place, 0), double(size - 1)); // NaN: the last element
  t.index = arith::FPToSIOp::create(b.builder, b.loc, RankedTensorType::get(wide, b.builder.getI64Type()), place);
  return t;
}
} // namespace

static LogicalResult importGridSample(Binder &b) {
  Sampling s;
  s.mode = b.attrString("mode", b.opset < 20 ? "bilinear" : "linear");
  s.padding = b.attrString("padding_mode", "zeros");
  s.alignCorners = b.attrInt("align_corners", 0);
  Value image = b.floatInput(0, "X"), grid = b.floatInput(1, "grid");
  if (!image || !grid)
    return failure();
  s.mode = s.mode == "bilinear" ? "linear" : s.mode == "bicubic" ? "cubic" : s.mode;
  ArrayRef<int64_t> shape = shapeOf(image), places = shapeOf(grid);
  int64_t rank = int64_t(shape.size()) - 2;
  if (rank < 1 || places.size() != shape.size() || places.back() != rank || places[0] != shape[0] ||
      (s.mode != "nearest" && s.mode != "linear" && s.mode != "cubic") ||
      (s.padding != "zeros" && s.padding != "border" && s.padding != "reflection"))
    return b.bad("X is " + showShape(shape) + ", grid is " + showShape(places) + ", mode is " + quote(s.mode) +
                 ", padding_mode is " + quote(s.padding) + "; they do not fit");
  Type type = typeOf(image).getElementType(), gridType = typeOf(grid).getElementType();
  Shape to = {shape[0], shape[1]};
  to.append(places.begin() + 1, places.end() - 1);
  if (!countElements(to) || typeOf(image).getNumElements() == 0 || *countElements(to) == 0) {
    b.result(splat(b, to, type, 0));
    return success();
  }
  if (type != gridType) {
    auto as = RankedTensorType::get(places, type);
    grid = type.getIntOrFloatBitWidth() > gridType.getIntOrFloatBitWidth()
               ? arith::ExtFOp::create(b.builder, b.loc, as, grid).getResult()
               : arith::TruncFOp::create(b.builder, b.loc, as, grid).getResult();
  }
  Arithmetic a{b};
  int64_t n = shape[0], channels = shape[1], l = *countElements(places.drop_front().drop_back()), taps = s.taps();
  Value flat = reshape(b, grid, {n, l, rank});
  Shape wide = {n}; // [N, T1, .., Tn, L]
  wide.append(rank, taps);
  wide.push_back(l);
  Value index, weight, valid;
  for (int64_t d = 0; d < rank; ++d) { // the grid's last coordinate is the first dimension's
    Value x = reshape(b, sliceAlong(b, flat, 2, rank - 1 - d, 1), {n, l});
    Taps t = tapsOf(a, s, x, shape[2 + d]);
    auto spread = [&](Value v) { return broadcast(b, v, wide, {0, 1 + d, 1 + rank}); };
    Value i = spread(t.index);
    if (index) {
      index = arith::MulIOp::create(b.builder, b.loc, index, splatLike(b, index, double(shape[2 + d])));
      i = arith::AddIOp::create(b.builder, b.loc, index, i);
    }
    index = i;
    if (t.weight)
      weight = weight ? a.mul(weight, spread(t.weight)) : spread(t.weight);
    if (t.valid)
      valid = valid ? arith::AndIOp::create(b.builder, b.loc, valid, spread(t.valid)).getResult() : spread(t.valid);
  }
  int64_t cells = *countElements(shape.drop_front(2));
  Shape read(wide), dims = {0};
  read.insert(read.begin() + 1, channels);
  for (int64_t d = 2; d < int64_t(read.size()); ++d)
    dims.push_back(d);
  Value y = GatherOp::create(b.builder, b.loc, RankedTensorType::get(read, type),
                             reshape(b, image, {n, channels, cells}), index, 2, 1);
  if (valid)
    y = select(b, broadcast(b, valid, read, dims), y, splatLike(b, y, 0));
  if (weight)
    y = a.mul(y, broadcast(b, weight, read, dims));
  y = reduce(b, y, ReduceKind::Sum, llvm::to_vector(llvm::seq<int64_t>(2, 2 + rank)), /*keep=*/false);
  b.result(reshape(b, y, to));
  return success();
}

/// grid[n, place] = theta[n] * (place's coordinates in [-1, 1], 1), last dimension first.
static LogicalResult importAffineGrid(Binder &b) {
  bool alignCorners = b.attrInt("align_corners", 0);
  Shape size;
  Value theta = b.floatInput(0, "theta");
  if (!theta || failed(b.constantInts(1, "size", size)))
    return failure();
  int64_t rank = int64_t(size.size()) - 2;
  if ((rank != 2 && rank != 3) || shapeOf(theta) != ArrayRef<int64_t>{size[0], rank, rank + 1})
    return b.bad("theta is " + showShape(shapeOf(theta)) + ", size has " + Twine(size.size()) +
                 " entries; it needs N x 2 x 3 and 4, or N x 3 x 4 and 5");
  ArrayRef<int64_t> image = ArrayRef(size).drop_front(2);
  std::optional<int64_t> count = countElements(image);
  if (!count || *count > kMaxConstantElements)
    return b.bad("size is " + showShape(size) + ", a grid may have at most 2^24 places");
  std::vector<double> places;
  for (int64_t i = 0; i < *count; ++i) {
    Shape index = indexOf(i, image);
    for (int64_t d = rank; d-- > 0;) {
      double n = double(image[d]), at = double(index[d]);
      places.push_back(alignCorners ? (n == 1 ? -1 : 2 * at / (n - 1) - 1) : (2 * at + 1) / n - 1);
    }
    places.push_back(1);
  }
  Type type = typeOf(theta).getElementType();
  Value base = realTensor(b, places, {*count, rank + 1}, type);
  Value y = DotOp::create(b.builder, b.loc, RankedTensorType::get({size[0], rank, *count}, type), theta, base, Shape{},
                          Shape{}, Shape{2}, Shape{1});
  Shape to = {size[0]};
  to.append(image.begin(), image.end());
  to.push_back(rank);
  b.result(reshape(b, transpose(b, y, {0, 2, 1}), to));
  return success();
}

void addGridOps(OpTable &t) {
  t.onOp("GridSample", 16, importGridSample, {Role::View});
  t.onOp("AffineGrid", 20, importAffineGrid, {Role::View, Role::Data});
}

} // namespace mlir::llcc::frontend
