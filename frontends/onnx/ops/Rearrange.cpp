// Operators that repeat, cut, mask and reorder elements: Tile, Pad, CenterCropPad, Trilu, EyeLike, DepthToSpace,
// SpaceToDepth, ReverseSequence, Compress, Col2Im.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"

namespace mlir::llcc::frontend {

/// Refuses results that are too large; `fold`: whether a constant is to be made.
static bool fits(Binder &b, ArrayRef<int64_t> shape, bool fold = false) {
  std::optional<int64_t> count = countElements(shape);
  if (count && (!fold || *count <= kMaxConstantElements))
    return true;
  (void)b.bad("its result has dimensions " + showShape(shape) + ", more than " + (fold ? "2^24" : "2^40") +
              " elements");
  return false;
}

static LogicalResult importTile(Binder &b) {
  auto [type, from] = b.inputType(0);
  Shape repeats, to(from);
  if (!type)
    return b.bad("input (number 0) is missing");
  if (failed(b.constantInts(1, "repeats", repeats)))
    return failure();
  if (repeats.size() != from.size())
    return b.bad("repeats has " + Twine(repeats.size()) + " entries, the input is " + showShape(from));
  for (auto [size, count] : llvm::zip(to, repeats)) {
    if (count < 0 || count > kMaxElements)
      return b.bad("repeats holds " + Twine(count));
    size *= count;
  }
  ConstantPtr c = b.constant(0);
  if (!fits(b, to, bool(c)))
    return failure();
  if (c) {
    Shape strides = stridesOf(from);
    b.result(pick(*c, to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (size_t d = 0; d < from.size(); ++d)
        at += index[d] % from[d] * strides[d];
      return at;
    }));
    return success();
  }
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  Shape wide, dims; // [repeats, size] for each dimension
  for (auto [size, count] : llvm::zip(from, repeats)) {
    wide.push_back(count);
    dims.push_back(wide.size());
    wide.push_back(size);
  }
  b.result(from == to ? x : reshape(b, broadcast(b, x, wide, dims), to));
  return success();
}

//===-- Pad -------------------------------------------------------------------===//

/// Where element i of a padded dimension comes from; -1: from nowhere.
static int64_t paddedFrom(int64_t i, int64_t size, StringRef mode) {
  if (i >= 0 && i < size)
    return i;
  if (mode == "edge")
    return i < 0 ? 0 : size - 1;
  if (mode == "wrap")
    return ((i % size) + size) % size;
  if (mode == "reflect") { // back and forth, the borders once
    int64_t period = std::max<int64_t>(1, 2 * (size - 1)), at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  }
  return -1;
}

static LogicalResult importPad(Binder &b) {
  std::string mode = b.attrString("mode", "constant");
  auto [type, from] = b.inputType(0);
  int64_t rank = from.size();
  Shape pads, axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::optional<double> fill = 0;
  if (!type)
    return b.bad("input data (number 0) is missing");
  if (b.opset < 11) {
    pads = b.attrInts("pads");
    fill = b.attrFloat("value", 0);
  } else {
    if (failed(b.constantInts(1, "pads", pads)) || failed(b.constantInts(3, "axes", axes, /*optional=*/true)))
      return failure();
    if (b.hasInput(2)) {
      ConstantPtr value = b.constant(2);
      if (b.inputType(2).first != type || *countElements(b.inputType(2).second) != 1)
        return b.bad("input constant_value must be one element of data's type");
      fill = value ? std::optional(value->real(0)) : std::nullopt;
    }
  }
  if (mode != "constant" && mode != "edge" && mode != "reflect" && (mode != "wrap" || b.opset < 19))
    return b.bad("attribute \"mode\" is " + quote(mode) + ", it must be constant, reflect, edge or wrap");
  if (pads.size() != 2 * axes.size())
    return b.bad("pads has " + Twine(pads.size()) + " entries, " + Twine(axes.size()) + " axes need twice as many");
  Shape lo(rank, 0), hi(rank, 0), to(from);
  for (auto [i, a] : llvm::enumerate(axes)) {
    std::optional<int64_t> axis = b.axis(a, rank);
    if (!axis)
      return failure();
    int64_t before = pads[i], after = pads[axes.size() + i];
    if (std::max(std::abs(before), std::abs(after)) > kMaxElements)
      return b.bad("pads holds " + Twine(before) + " and " + Twine(after));
    lo[*axis] = before;
    hi[*axis] = after;
    to[*axis] = from[*axis] + before + after;
    if (to[*axis] < 0)
      return b.bad("pads take " + Twine(-before - after) + " elements from axis " + Twine(*axis) + " of the input " +
                   showShape(from));
    if (mode != "constant" && from[*axis] == 0 && to[*axis] > 0)
      return b.bad("the input " + showShape(from) + " has no element to repeat along axis " + Twine(*axis));
  }
  ConstantPtr c = b.constant(0);
  bool fold = c && fill;
  if (!fits(b, to, fold))
    return failure();
  if (fold) {
    Shape strides = stridesOf(from);
    b.result(pickOr(*c, to, *fill, [&](ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (int64_t d = 0; d < rank; ++d) {
        int64_t i = paddedFrom(index[d] - lo[d], from[d], mode);
        if (i < 0)
          return int64_t(-1);
        at += i * strides[d];
      }
      return at;
    }));
    return success();
  }
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  if (mode != "constant") {
    for (int64_t d = 0; d < rank; ++d) {
      if (!lo[d] && !hi[d])
        continue;
      Shape source;
      for (int64_t i = 0; i < to[d]; ++i)
        source.push_back(paddedFrom(i - lo[d], from[d], mode));
      x = takeKnown(b, x, d, source);
    }
    b.result(x);
    return success();
  }
  Shape starts, sizes; // negative pads cut
  for (int64_t d = 0; d < rank; ++d) {
    starts.push_back(std::min(from[d], std::max<int64_t>(0, -lo[d])));
    sizes.push_back(std::max<int64_t>(0, std::min(from[d], from[d] + hi[d]) - starts.back()));
    lo[d] = std::max<int64_t>(0, lo[d]);
    hi[d] = to[d] - sizes[d] - lo[d];
    if (hi[d] < 0) { // cut more than there is: what is left is padding
      lo[d] = to[d] - sizes[d];
      hi[d] = 0;
    }
  }
  Value y = slice(b, x, starts, sizes);
  if (fill) {
    b.result(pad(b, y, lo, hi, *fill));
    return success();
  }
  Value value = b.input(2, "constant_value");
  if (!value)
    return failure();
  Value inside = pad(b, splat(b, sizes, b.builder.getI1Type(), 1), lo, hi, 0);
  b.result(select(b, inside, pad(b, y, lo, hi, 0), broadcast(b, reshape(b, value, {}), to, {})));
  return success();
}

/// Cuts or pads (with zeros) around the centre.
static LogicalResult importCenterCropPad(Binder &b) {
  Shape wanted, axes;
  Value x = b.input(0, "input_data");
  if (!x)
    return failure();
  int64_t rank = rankOf(x);
  axes = b.attrInts("axes", llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  if (failed(b.constantInts(1, "shape", wanted)))
    return failure();
  if (wanted.size() != axes.size())
    return b.bad("shape has " + Twine(wanted.size()) + " entries for " + Twine(axes.size()) + " axes");
  Shape starts(rank, 0), sizes(shapeOf(x)), lo(rank, 0), hi(rank, 0), to(shapeOf(x));
  for (auto [a, size] : llvm::zip(axes, wanted)) {
    std::optional<int64_t> axis = b.axis(a, rank);
    if (!axis)
      return failure();
    if (size < 0)
      return b.bad("shape holds " + Twine(size));
    int64_t have = sizes[*axis], cut = have - size;
    to[*axis] = size;
    if (cut > 0) {
      starts[*axis] = cut / 2;
      sizes[*axis] = size;
    } else {
      lo[*axis] = -cut / 2;
      hi[*axis] = -cut - lo[*axis];
    }
  }
  if (!fits(b, to))
    return failure();
  b.result(pad(b, slice(b, x, starts, sizes), lo, hi, 0));
  return success();
}

//===-- Masks -----------------------------------------------------------------===//

/// k of Trilu and others: a scalar that must be known.
static bool readDiagonal(Binder &b, unsigned input, int64_t &k) {
  Shape values{k};
  if (failed(b.constantInts(input, "k", values, /*optional=*/true)))
    return false;
  if (values.size() != 1)
    return succeeded(b.bad("input k must be one integer"));
  k = std::clamp<int64_t>(values[0], -kMaxElements, kMaxElements);
  return true;
}

/// Upper or lower triangle of the last two dimensions, the rest 0.
static LogicalResult importTrilu(Binder &b) {
  bool upper = b.attrInt("upper", 1);
  int64_t k = 0;
  auto [type, shape] = b.inputType(0);
  if (!type)
    return b.bad("input (number 0) is missing");
  if (!readDiagonal(b, 1, k))
    return failure();
  if (shape.size() < 2)
    return b.bad("the input " + showShape(shape) + " has no two dimensions");
  size_t row = shape.size() - 2;
  if (ConstantPtr c = b.constant(0)) {
    Shape strides = stridesOf(shape);
    b.result(pickOr(*c, shape, 0, [&](ArrayRef<int64_t> index) {
      int64_t at = 0, over = index[row + 1] - index[row];
      for (size_t d = 0; d < index.size(); ++d)
        at += index[d] * strides[d];
      return (upper ? over >= k : over <= k) ? at : int64_t(-1);
    }));
    return success();
  }
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  Value over = arith::SubIOp::create(b.builder, b.loc, positions(b, shape, row + 1), positions(b, shape, row));
  Value kept =
      compare(b, upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, over, splatLike(b, over, double(k)));
  b.result(select(b, kept, x, splatLike(b, x, 0)));
  return success();
}

/// Ones on a diagonal; only the shape of the input counts.
static LogicalResult importEyeLike(Binder &b) {
  int64_t k = b.attrInt("k", 0);
  auto [type, shape] = b.inputType(0);
  if (!type)
    return b.bad("input (number 0) is missing");
  auto y = std::make_shared<Constant>();
  y->type = type;
  if (b.hasAttr("dtype") && !(y->type = elementType(b.context(), b.attrInt("dtype", 0))))
    return b.unsupported("attribute \"dtype\" is " + Twine(b.attrInt("dtype", 0)) + ", which is not supported");
  if (shape.size() != 2)
    return b.bad("the input " + showShape(shape) + " must have two dimensions");
  if (!fits(b, shape, true))
    return failure();
  y->shape = shape;
  for (int64_t i = 0; i < shape[0]; ++i)
    for (int64_t j = 0; j < shape[1]; ++j)
      if (y->isFloat())
        y->reals.push_back(j - i == k);
      else
        y->ints.push_back(j - i == k);
  b.result(ConstantPtr(y));
  return success();
}

//===-- Order -----------------------------------------------------------------===//

static LogicalResult importDepthToSpace(Binder &b) {
  int64_t block = b.attrInt("blocksize", 0);
  std::string mode = b.opset >= 11 ? b.attrString("mode", "DCR") : "DCR";
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  ArrayRef<int64_t> s = shapeOf(x);
  if (s.size() != 4 || block < 1 || block > kMaxElements || s[1] % (block * block) || (mode != "DCR" && mode != "CRD"))
    return b.bad("the input is " + showShape(s) + ", blocksize is " + Twine(block) + ", mode is " + quote(mode) +
                 "; it needs four dimensions and channels that blocksize^2 divides");
  int64_t depth = s[1] / (block * block), n = s[0], h = s[2], w = s[3];
  Value y = mode == "DCR" ? transpose(b, reshape(b, x, {n, block, block, depth, h, w}), {0, 3, 4, 1, 5, 2})
                          : transpose(b, reshape(b, x, {n, depth, block, block, h, w}), {0, 1, 4, 2, 5, 3});
  b.result(reshape(b, y, {n, depth, h * block, w * block}));
  return success();
}

static LogicalResult importSpaceToDepth(Binder &b) {
  int64_t block = b.attrInt("blocksize", 0);
  std::string mode = b.hasAttr("mode") ? b.attrString("mode", "DCR") : "DCR";
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  ArrayRef<int64_t> s = shapeOf(x);
  if (s.size() != 4 || block < 1 || s[2] % block || s[3] % block || (mode != "DCR" && mode != "CRD"))
    return b.bad("the input is " + showShape(s) + ", blocksize is " + Twine(block) +
                 "; it needs four dimensions, and blocksize must divide the last two");
  int64_t n = s[0], c = s[1], h = s[2] / block, w = s[3] / block;
  Value y = reshape(b, x, {n, c, h, block, w, block});
  y = transpose(b, y, mode == "DCR" ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4} : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4});
  b.result(reshape(b, y, {n, c * block * block, h, w}));
  return success();
}

/// The first sequence_lens[i] elements along time of each batch entry backwards, the rest as it is.
static LogicalResult importReverseSequence(Binder &b) {
  int64_t batchAxis = b.attrInt("batch_axis", 1), timeAxis = b.attrInt("time_axis", 0);
  Value x = b.input(0, "input"), lengths = b.input(1, "sequence_lens");
  if (!x || !lengths)
    return failure();
  std::optional<int64_t> batch = b.axis(batchAxis, rankOf(x)), time = b.axis(timeAxis, rankOf(x));
  if (!batch || !time)
    return failure();
  int64_t rank = rankOf(x), count = shapeOf(x)[*batch], size = shapeOf(x)[*time];
  if (*batch == *time || shapeOf(lengths) != ArrayRef<int64_t>{count})
    return b.bad("the input is " + showShape(shapeOf(x)) + ", sequence_lens is " + showShape(shapeOf(lengths)) +
                 ", batch_axis " + Twine(*batch) + " and time_axis " + Twine(*time) + " do not fit");
  Shape perm = {*batch, *time}, inverse(rank);
  for (int64_t d = 0; d < rank; ++d)
    if (d != *batch && d != *time)
      perm.push_back(d);
  for (auto [i, p] : llvm::enumerate(perm))
    inverse[p] = i;
  Value y = transpose(b, x, perm); // [batch, time, ..]
  if (typeOf(y).getNumElements() == 0) {
    b.result(x);
    return success();
  }
  Value at = positions(b, {count, size}, 1), length = broadcast(b, asInt64(b, lengths), {count, size}, {0});
  Value back = arith::SubIOp::create(b.builder, b.loc, length, at);
  back = arith::SubIOp::create(b.builder, b.loc, back, splatLike(b, back, 1));
  at = select(b, compare(b, arith::CmpIPredicate::slt, at, length), back, at);
  y = GatherOp::create(b.builder, b.loc, y.getType(), y, at, 1, 1);
  b.result(transpose(b, y, inverse));
  return success();
}

/// Elements where a known condition holds; the number of others depends on data.
static LogicalResult importCompress(Binder &b) {
  bool flat = !b.hasAttr("axis");
  int64_t given = b.attrInt("axis", 0);
  ConstantPtr condition = b.constant(1);
  if (!b.hasInput(1))
    return b.bad("input condition (number 1) is missing");
  if (!condition)
    return b.unsupported("input condition is computed from the model's data, so that the size of the result is not "
                         "known; it must be a constant");
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  if (flat)
    x = reshape(b, x, {typeOf(x).getNumElements()});
  std::optional<int64_t> axis = b.axis(given, rankOf(x));
  if (!axis)
    return failure();
  Shape taken;
  for (int64_t i = 0; i < condition->size() && i < shapeOf(x)[*axis]; ++i)
    if (condition->real(i) != 0)
      taken.push_back(i);
  b.result(takeKnown(b, x, *axis, taken));
  return success();
}

/// Blocks [N, C*block, L] are added into the image [N, C, image..] that they were taken from.
static LogicalResult importCol2Im(Binder &b) {
  Shape image, block;
  Value x = b.input(0, "input");
  if (!x || failed(b.constantInts(1, "image_shape", image)) || failed(b.constantInts(2, "block_shape", block)))
    return failure();
  size_t rank = image.size();
  Shape ones(rank, 1), dilations = b.attrInts("dilations", ones), strides = b.attrInts("strides", ones),
                       pads = b.attrInts("pads", Shape(2 * rank, 0));
  bool good = rank > 0 && block.size() == rank && dilations.size() == rank && strides.size() == rank &&
              pads.size() == 2 * rank && rankOf(x) == 3;
  Shape canvas, out;
  int64_t kernel = 1, places = 1;
  for (size_t d = 0; good && d < rank; ++d) {
    for (int64_t v : {image[d], block[d], dilations[d], strides[d], pads[d] + 1, pads[rank + d] + 1})
      good = good && v >= 1 && v <= int64_t(1) << 20;
    canvas.push_back(image[d] + pads[d] + pads[rank + d]);
    int64_t span = canvas[d] - dilations[d] * (block[d] - 1) - 1;
    good = good && span >= 0;
    out.push_back(good ? span / strides[d] + 1 : 0);
    kernel *= block[d];
    places *= out[d];
    good = good && kernel <= kMaxElements >> 20 && places <= kMaxElements >> 20;
  }
  good = good && shapeOf(x)[1] % kernel == 0 && shapeOf(x)[2] == places && fits(b, canvas) &&
         kernel * places <= kMaxConstantElements;
  if (!good)
    return b.bad("the input is " + showShape(shapeOf(x)) + ", image_shape is " + showShape(image) +
                 ", block_shape is " + showShape(block) + "; with its attributes they do not fit");
  int64_t n = shapeOf(x)[0], channels = shapeOf(x)[1] / kernel, cells = *countElements(canvas);
  Shape steps = stridesOf(canvas), to;
  for (int64_t k = 0; k < kernel; ++k) {
    Shape offset = indexOf(k, block);
    for (int64_t l = 0; l < places; ++l) {
      Shape index = indexOf(l, out);
      int64_t at = 0;
      for (size_t d = 0; d < rank; ++d)
        at += (index[d] * strides[d] + offset[d] * dilations[d]) * steps[d];
      to.push_back(at);
    }
  }
  Type type = typeOf(x).getElementType();
  Value zero = splat(b, {n, channels, cells}, type, 0);
  Value y =
      ScatterOp::create(b.builder, b.loc, zero.getType(), zero, reshape(b, x, {n, channels, kernel * places}),
                        intTensor(b, to, {kernel * places}), 2, 0, ReduceKindAttr::get(b.context(), ReduceKind::Sum));
  Shape whole = {n, channels}, starts = {0, 0}, sizes = {n, channels};
  whole.append(canvas);
  starts.append(pads.begin(), pads.begin() + rank);
  sizes.append(image);
  b.result(slice(b, reshape(b, y, whole), starts, sizes));
  return success();
}

void addRearrangeOps(OpTable &t) {
  t.onOp("Tile", 6, importTile, {Role::View, Role::Data}, importTile);
  t.onOp("Pad", 2, importPad, {Role::View, Role::Data}, importPad);
  t.onOp("CenterCropPad", 18, importCenterCropPad, {Role::View, Role::Data});
  t.onOp("Trilu", 14, importTrilu, {Role::View, Role::Data}, importTrilu);
  t.onOp("EyeLike", 9, importEyeLike, {Role::Data}, importEyeLike);
  t.onOp("DepthToSpace", 1, importDepthToSpace, {Role::View});
  t.onOp("SpaceToDepth", 1, importSpaceToDepth, {Role::View});
  t.onOp("ReverseSequence", 10, importReverseSequence, {Role::View, Role::Data});
  t.onOp("Compress", 9, importCompress, {Role::View, Role::Data}, importCompress);
  t.onOp("Col2Im", 18, importCol2Im, {Role::View, Role::Data});
}

} // namespace mlir::llcc::frontend
