// RoiAlign and DeformConv: bilinear reads of an image at places that regions or offsets say.
#include "frontends/onnx/ops/Regions.h"
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/ops/Contraction.h"

namespace mlir::llcc::frontend {

namespace {

constexpr int64_t kMaxCount = int64_t(1) << 20; // of pads, strides, sizes and samples: their products stay below 2^62

/// The four elements around each place and their weights: values [N, C, 4, P], weights [N, C, 4, P].
struct Corners {
  Value values, weights;
};

/// `image` is [N, C, H, W], with elements; y and x, in elements, are [N, P]. An element beyond an edge counts as the
/// one at the edge, or, with `zeros`, has weight 0. The gradient reaches image, y and x.
Corners cornersOf(Arithmetic &a, Value image, Value y, Value x, bool zeros) {
  Binder &b = a.b;
  ArrayRef<int64_t> shape = shapeOf(image);
  int64_t n = shape[0], p = shapeOf(y)[1];
  Type i64 = b.builder.getI64Type();
  Shape all = {n, shape[1], 4, p};
  /// Of one dimension: the low and the high neighbour, their weights [N, 1, P].
  auto neighbours = [&](Value at, int64_t size, Value(&index)[2], Value(&weight)[2]) {
    Value low = a.constantOf(a.unary<math::FloorOp>(at)), ratio = a.sub(at, low);
    for (int side : {0, 1}) {
      Value place = a.add(low, double(side));
      weight[side] = side ? ratio : a.sub(1.0, ratio);
      // NaN and what is far outside is read at the edge, too.
      Value inside = a.both(a.compare(arith::CmpFPredicate::OGE, place, 0.0),
                            a.compare(arith::CmpFPredicate::OLE, place, double(size - 1)));
      if (zeros)
        weight[side] = a.keep(inside, weight[side]);
      Value bounded = a.select(a.greater(place, 0.0), place, 0.0);
      bounded = a.select(a.less(bounded, double(size - 1)), bounded, double(size - 1));
      index[side] = reshape(b, a.convert(bounded, i64), {n, 1, p});
      weight[side] = reshape(b, weight[side], {n, 1, p});
    }
  };
  Value yIndex[2], xIndex[2], yWeight[2], xWeight[2];
  neighbours(y, shape[2], yIndex, yWeight);
  neighbours(x, shape[3], xIndex, xWeight);
  SmallVector<Value> index, weight;
  for (int i : {0, 1})
    for (int j : {0, 1}) {
      index.push_back(a.add(a.mul(yIndex[i], double(shape[3])), xIndex[j]));
      weight.push_back(a.mul(yWeight[i], xWeight[j]));
    }
  Value flat = reshape(b, image, {n, shape[1], shape[2] * shape[3]});
  Value values = GatherOp::create(b.builder, b.loc, typeOf(image).clone(all), flat, a.concat(index, 1), 2, 1);
  return {values, broadcast(b, a.concat(weight, 1), all, {0, 2, 3})};
}

/// Regions [R, 4] of x1, y1, x2, y2 in the image that `batch_indices` names; each becomes height x width bins of
/// sampling_ratio² places.
LogicalResult importRoiAlign(Binder &b) {
  std::string mode = b.attrString("mode", "avg"),
              coordinates =
                  b.attrString("coordinate_transformation_mode", b.opset < 16 ? "output_half_pixel" : "half_pixel");
  int64_t height = b.attrInt("output_height", 1), width = b.attrInt("output_width", 1),
          samples = b.attrInt("sampling_ratio", 0);
  double scale = b.attrFloat("spatial_scale", 1);
  Value x = b.floatInput(0, "X"), rois = b.floatInput(1, "rois"), images = b.input(2, "batch_indices");
  if (!x || !rois || !images)
    return failure();
  if (rankOf(x) != 4 || rankOf(rois) != 2 || shapeOf(rois)[1] != 4 || rankOf(images) != 1 ||
      shapeOf(images)[0] != shapeOf(rois)[0] || Arithmetic::isFloat(images))
    return b.bad("X is " + showShape(shapeOf(x)) + ", rois are " + showShape(shapeOf(rois)) + ", batch_indices are " +
                 showShape(shapeOf(images)) + "; they need N x C x H x W, R x 4 and R integers");
  if ((mode != "avg" && mode != "max") || (coordinates != "half_pixel" && coordinates != "output_half_pixel"))
    return b.bad("mode is " + quote(mode) + ", coordinate_transformation_mode is " + quote(coordinates) +
                 "; they must be avg or max, and half_pixel or output_half_pixel");
  if (height < 1 || width < 1 || height > kMaxCount || width > kMaxCount || samples > kMaxCount)
    return b.bad("output_height is " + Twine(height) + ", output_width " + Twine(width) + ", sampling_ratio " +
                 Twine(samples) + "; they must be 1 to 2^20");
  if (samples < 1)
    return b.unsupported(
        "sampling_ratio 0 asks for as many places as the regions are large; export it with a fixed one");
  if (typeOf(x).getNumElements() == 0)
    return b.bad("X is " + showShape(shapeOf(x)) + ", it has no element to read");
  Arithmetic a(b);
  Type type = typeOf(x).getElementType();
  int64_t count = shapeOf(rois)[0], channels = shapeOf(x)[1];
  // ONNX has no gradient by the regions.
  Value corners = a.constantOf(a.sub(a.mul(a.convert(rois, type), scale), coordinates == "half_pixel" ? 0.5 : 0.0));
  Value inside; // [R, H bins · samples · W bins · samples]: not further than an element outside
  /// Coordinates of one dimension: [R, bins · samples], then along the places of both.
  auto places = [&](int64_t first, int64_t bins, int64_t size, bool rows) {
    Value from = a.slice(corners, 1, first, 1), extent = a.sub(a.slice(corners, 1, first + 2, 1), from); // [R, 1]
    if (coordinates != "half_pixel")
      extent = a.max(extent, 1.0);
    Shape line = {count, bins * samples}, grid = {count, height * samples, width * samples};
    Value step = a.mul(a.add(a.iota(line, 1, type), 0.5), 1.0 / double(bins * samples));
    Value at = a.add(broadcastTo(b, from, line), a.mul(step, broadcastTo(b, extent, line)));
    Value near =
        a.both(a.compare(arith::CmpFPredicate::OGE, at, -1.0), a.compare(arith::CmpFPredicate::OLE, at, double(size)));
    at = a.select(a.greater(at, 0.0), at, 0.0);
    at = a.select(a.less(at, double(size - 1)), at, double(size - 1));
    auto spread = [&](Value v) {
      return reshape(b, broadcast(b, v, grid, {0, rows ? 1 : 2}), {count, grid[1] * grid[2]});
    };
    inside = inside ? a.both(inside, spread(near)) : spread(near);
    return spread(at);
  };
  Value y = places(1, height, shapeOf(x)[2], true), column = places(0, width, shapeOf(x)[3], false);
  Shape picked(shapeOf(x));
  picked[0] = count;
  Value own = GatherOp::create(b.builder, b.loc, typeOf(x).clone(picked), x, images, 0); // [R, C, H, W]
  Corners c = cornersOf(a, own, y, column, /*zeros=*/false);
  Value read = a.mul(c.values, c.weights);
  read = a.keep(broadcast(b, inside, shapeOf(read), {0, 3}), read);
  // The largest of all weighted corners, not of sums, as ONNX Runtime has it.
  bool average = mode == "avg";
  read = reduce(b, read, average ? ReduceKind::Sum : ReduceKind::Max, {2}, /*keep=*/false);
  read = reshape(b, read, {count, channels, height, samples, width, samples});
  read = reduce(b, read, average ? ReduceKind::Sum : ReduceKind::Max, {3, 5}, /*keep=*/false);
  b.result(average ? a.mul(read, 1.0 / double(samples * samples)) : read);
  return success();
}

/// A convolution whose taps are moved by `offset`, [N, groups · taps · 2, H', W'], and weighed by `mask`.
LogicalResult importDeformConv(Binder &b) {
  Shape kernel = b.attrInts("kernel_shape"), strides = b.attrInts("strides", {1, 1}),
        dilations = b.attrInts("dilations", {1, 1}), pads = b.attrInts("pads", {0, 0, 0, 0});
  int64_t groups = b.attrInt("group", 1), offsetGroups = b.attrInt("offset_group", 1);
  Value x = b.floatInput(0, "X"), w = b.floatInput(1, "W"), offset = b.floatInput(2, "offset"),
        bias = b.optionalFloatInput(3, "B"), mask = b.optionalFloatInput(4, "mask");
  if (!x || !w || !offset || b.failed())
    return failure();
  Shape xs(shapeOf(x)), ws(shapeOf(w)), os(shapeOf(offset));
  if (xs.size() != 4 || ws.size() != 4)
    return b.unsupported("X is " + showShape(xs) + ", W is " + showShape(ws) +
                         "; two spatial dimensions are supported");
  if (kernel.empty())
    kernel = {ws[2], ws[3]};
  auto outside = [](ArrayRef<int64_t> list, int64_t least) {
    return llvm::any_of(list, [&](int64_t v) { return v < least || v > kMaxCount; });
  };
  if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 || kernel != ArrayRef(ws).drop_front(2) ||
      outside(strides, 1) || outside(dilations, 1) || outside(pads, 0) || outside(kernel, 1) || outside(xs, 1))
    return b.bad("kernel_shape, strides, dilations or pads do not fit to X " + showShape(xs) + " and W " +
                 showShape(ws));
  Shape to = {xs[0], ws[0]};
  for (int d : {0, 1}) {
    int64_t span = xs[2 + d] + pads[d] + pads[2 + d] - (dilations[d] * (kernel[d] - 1) + 1);
    to.push_back(span < 0 ? 0 : span / strides[d] + 1);
  }
  int64_t taps = kernel[0] * kernel[1], places = to[2] * to[3];
  if (groups < 1 || offsetGroups < 1 || xs[1] % groups || xs[1] % offsetGroups || ws[0] % groups ||
      ws[1] != xs[1] / groups)
    return b.bad("channels differ: X is " + showShape(xs) + ", W is " + showShape(ws) + " with group " + Twine(groups) +
                 " and offset_group " + Twine(offsetGroups));
  if (os != Shape{xs[0], offsetGroups * taps * 2, to[2], to[3]} ||
      (mask && shapeOf(mask) != ArrayRef<int64_t>{xs[0], offsetGroups * taps, to[2], to[3]}) ||
      (bias && shapeOf(bias) != ArrayRef<int64_t>{ws[0]}))
    return b.bad("offset is " + showShape(os) + (mask ? ", mask is " + showShape(shapeOf(mask)) : "") +
                 (bias ? ", B is " + showShape(shapeOf(bias)) : "") + "; a result of " + showShape(to) + " needs " +
                 showShape({xs[0], offsetGroups * taps * 2, to[2], to[3]}) +
                 ", half as many masks and a bias for each channel");
  Type type = typeOf(x).getElementType();
  for (Value v : {w, offset, bias, mask})
    if (v && typeOf(v).getElementType() != type)
      return b.bad("element types of its inputs differ");
  if (!countElements({xs[0], xs[1], 4, taps * places}))
    return b.bad("its result has dimensions " + showShape(to) + ", more than 2^40 elements are read for it");
  if (places == 0)
    return b.bad("its window is larger than the padded input " + showShape(xs));
  Arithmetic a(b);
  int64_t images = xs[0] * offsetGroups;
  Value moved = reshape(b, offset, {images, taps, 2, places});
  /// Coordinates in dimension d, [images, taps · places].
  auto coordinate = [&](int d) {
    Shape grid = {kernel[0], kernel[1], to[2], to[3]}; // tap, then place
    Value at = a.add(a.mul(a.iota(grid, d, type), double(dilations[d])),
                     a.add(a.mul(a.iota(grid, 2 + d, type), double(strides[d])), -double(pads[d])));
    Value base = broadcastTo(b, reshape(b, at, {1, taps * places}), {images, taps * places});
    return a.add(base, reshape(b, a.slice(moved, 2, d, 1), {images, taps * places}));
  };
  Value grouped = reshape(b, x, {images, xs[1] / offsetGroups, xs[2], xs[3]});
  Corners c = cornersOf(a, grouped, coordinate(0), coordinate(1), /*zeros=*/true);
  Value read = a.sum(a.mul(c.values, c.weights), {2}, /*keep=*/false); // [images, C/og, taps · places]
  if (mask)
    read = a.mul(read, broadcast(b, reshape(b, mask, {images, taps * places}), shapeOf(read), {0, 2}));
  Value columns = reshape(b, read, {xs[0], groups, xs[1] / groups * taps, places});
  Value y = matmul(b, reshape(b, w, {1, groups, ws[0] / groups, ws[1] * taps}), columns);
  if (!y)
    return failure();
  y = reshape(b, y, to);
  b.result(bias ? a.add(y, broadcast(b, bias, to, {1})) : y);
  return success();
}

} // namespace

void addRegionOps(OpTable &t) {
  t.onOp("RoiAlign", 10, importRoiAlign, {Role::Elementwise, Role::Data});
  t.onOp("DeformConv", 19, importDeformConv,
         {Role::Elementwise, Role::Weight, Role::Elementwise, Role::Weight, Role::Elementwise});
}

} // namespace mlir::llcc::frontend
