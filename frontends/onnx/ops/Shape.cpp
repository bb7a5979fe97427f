// Operators that keep elements and change where they stand: reshape, transpose, squeeze, concat, slice, split, expand.
// Each has a second form for constants, as exporters compute shapes with these operators.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// Gives output 0 the elements of input 0 in another shape.
static LogicalResult reshapeTo(Binder &b, ArrayRef<int64_t> shape) {
  if (ConstantPtr c = b.constant(0)) {
    auto y = std::make_shared<Constant>(*c);
    y->shape.assign(shape.begin(), shape.end());
    b.result(ConstantPtr(y));
    return success();
  }
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  b.result(reshape(b, x, shape));
  return success();
}

/// 0 takes the input's size there (unless allowzero), one -1 takes what is left.
static LogicalResult importReshape(Binder &b) {
  bool allowZero = b.attrInt("allowzero", 0);
  auto [type, from] = b.inputType(0);
  Shape wanted;
  if (!type)
    return b.bad("input data (number 0) is missing");
  if (failed(b.constantInts(1, "shape", wanted)))
    return failure();
  Shape to(wanted);
  int64_t infer = -1;
  for (auto [i, size] : llvm::enumerate(to)) {
    if (size == 0 && !allowZero) {
      if (i >= from.size())
        return b.bad("shape has a 0 at " + Twine(i) + ", the input " + showShape(from) +
                     " has no such dimension to copy");
      size = from[i];
    } else if (size == -1) {
      if (infer >= 0)
        return b.bad("shape has more than one -1");
      infer = i;
    } else if (size < 0) {
      return b.bad("shape holds " + Twine(size) + "; only -1 may be negative");
    }
  }
  int64_t have = *countElements(from);
  if (infer >= 0) {
    to[infer] = 1;
    std::optional<int64_t> rest = countElements(to);
    if (!rest || *rest == 0 || have % *rest != 0) {
      to[infer] = -1;
      return b.bad("input " + showShape(from) + " has " + Twine(have) + " elements, they do not divide into " +
                   showShape(to));
    }
    to[infer] = have / *rest;
  }
  std::optional<int64_t> need = countElements(to);
  if (!need || *need != have)
    return b.bad("input " + showShape(from) + " has " + Twine(have) + " elements, the shape " + showShape(to) +
                 " needs " + (need ? Twine(*need).str() : std::string("more than 2^40")));
  return reshapeTo(b, to);
}

static LogicalResult importFlatten(Binder &b) {
  int64_t axis = b.attrInt("axis", 1);
  auto [type, from] = b.inputType(0);
  if (!type)
    return b.bad("input (number 0) is missing");
  int64_t rank = from.size();
  if (axis < -rank || axis > rank)
    return b.bad("axis " + Twine(axis) + " is outside of an input with " + Twine(rank) + " dimensions");
  axis = axis < 0 ? axis + rank : axis;
  return reshapeTo(b,
                   {*countElements(ArrayRef(from).take_front(axis)), *countElements(ArrayRef(from).drop_front(axis))});
}

/// The axes of Squeeze, Unsqueeze: an attribute before opset 13, an input since.
static LogicalResult readAxes(Binder &b, Shape &axes, bool optional) {
  if (b.opset >= 13)
    return b.constantInts(1, "axes", axes, optional);
  axes = b.attrInts("axes");
  return success(!b.failed());
}

static LogicalResult importSqueeze(Binder &b) {
  auto [type, from] = b.inputType(0);
  Shape axes;
  if (!type)
    return b.bad("input data (number 0) is missing");
  if (failed(readAxes(b, axes, /*optional=*/true)))
    return failure();
  bool all = b.opset >= 13 ? !b.hasInput(1) : !b.hasAttr("axes");
  SmallVector<bool> gone(from.size());
  for (size_t d = 0; all && d < from.size(); ++d)
    gone[d] = from[d] == 1;
  for (int64_t a : axes) {
    std::optional<int64_t> axis = b.axis(a, from.size());
    if (!axis)
      return failure();
    if (from[*axis] != 1)
      return b.bad("input " + showShape(from) + " has size " + Twine(from[*axis]) + " at axis " + Twine(a) +
                   ", only size 1 can go");
    gone[*axis] = true;
  }
  Shape to;
  for (auto [d, size] : llvm::enumerate(from))
    if (!gone[d])
      to.push_back(size);
  return reshapeTo(b, to);
}

static LogicalResult importUnsqueeze(Binder &b) {
  auto [type, from] = b.inputType(0);
  Shape axes;
  if (!type)
    return b.bad("input data (number 0) is missing");
  if (failed(readAxes(b, axes, /*optional=*/false)))
    return failure();
  int64_t rank = from.size() + axes.size();
  if (rank > 64)
    return b.bad("its result has " + Twine(rank) + " dimensions, at most 64 are allowed");
  Shape to(rank, 0);
  for (int64_t a : axes) {
    std::optional<int64_t> axis = b.axis(a, rank);
    if (!axis)
      return failure();
    if (to[*axis] == 1)
      return b.bad("axis " + Twine(a) + " is named twice");
    to[*axis] = 1;
  }
  auto next = from.begin();
  for (int64_t &size : to)
    if (size != 1)
      size = *next++;
  return reshapeTo(b, to);
}

static LogicalResult importTranspose(Binder &b) {
  auto [type, from] = b.inputType(0);
  if (!type)
    return b.bad("input data (number 0) is missing");
  int64_t rank = from.size();
  Shape perm = b.attrInts("perm", llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank))));
  SmallVector<bool> seen(rank);
  bool fits = int64_t(perm.size()) == rank;
  for (int64_t p : perm) {
    fits = fits && p >= 0 && p < rank && !seen[p];
    if (fits)
      seen[p] = true;
  }
  if (!fits)
    return b.bad("perm is no permutation of the input's " + Twine(rank) + " dimensions");
  if (ConstantPtr c = b.constant(0)) {
    Shape to, strides = stridesOf(from);
    for (int64_t p : perm)
      to.push_back(from[p]);
    b.result(pick(*c, to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (auto [i, p] : llvm::enumerate(perm))
        at += index[i] * strides[p];
      return at;
    }));
    return success();
  }
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  b.result(transpose(b, x, perm));
  return success();
}

/// Checks the shapes of a concatenation; the result's shape, or nothing (said).
static std::optional<Shape> concatShape(Binder &b, int64_t &axis) {
  auto [type, shape] = b.inputType(0);
  if (!type) {
    (void)b.bad("input (number 0) is missing");
    return std::nullopt;
  }
  std::optional<int64_t> at = b.axis(b.attrInt("axis", 1), shape.size());
  if (!at)
    return std::nullopt;
  axis = *at;
  for (unsigned i = 1; i < b.numInputs(); ++i) {
    auto [otherType, other] = b.inputType(i);
    bool fits = otherType == type && other.size() == shape.size();
    for (size_t d = 0; fits && d < shape.size(); ++d)
      fits = int64_t(d) == axis || other[d] == shape[d];
    if (!fits) {
      (void)b.bad("input " + Twine(i) + " is " + showShape(other) + ", it does not fit to input 0, " +
                  showShape(b.inputType(0).second) + ", outside of axis " + Twine(axis));
      return std::nullopt;
    }
    shape[axis] += other[axis];
  }
  if (!countElements(shape)) {
    (void)b.bad("its result has dimensions " + showShape(shape) + ", more than 2^40 elements");
    return std::nullopt;
  }
  return shape;
}

static LogicalResult importConcat(Binder &b) {
  int64_t axis = 0;
  std::optional<Shape> shape = concatShape(b, axis);
  if (!shape)
    return failure();
  SmallVector<Value> xs;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    xs.push_back(b.input(i, "inputs"));
    if (!xs.back())
      return failure();
  }
  if (xs.size() == 1)
    b.forward(0);
  else
    b.result(
        ConcatOp::create(b.builder, b.loc, RankedTensorType::get(*shape, typeOf(xs[0]).getElementType()), xs, axis));
  return success();
}

static LogicalResult foldConcat(Binder &b) {
  int64_t axis = 0;
  std::optional<Shape> shape = concatShape(b, axis);
  if (!shape)
    return failure();
  if (*countElements(*shape) > kMaxConstantElements)
    return b.unsupported("its result has dimensions " + showShape(*shape) +
                         ", a constant may have at most 2^24 elements");
  auto y = std::make_shared<Constant>();
  y->type = b.constant(0)->type;
  y->shape = *shape;
  int64_t outer = *countElements(ArrayRef(*shape).take_front(axis));
  for (int64_t o = 0; o < outer; ++o)
    for (unsigned i = 0; i < b.numInputs(); ++i) {
      ConstantPtr x = b.constant(i);
      int64_t block = x->size() / outer;
      if (x->isFloat())
        y->reals.insert(y->reals.end(), x->reals.begin() + o * block, x->reals.begin() + (o + 1) * block);
      else
        y->ints.insert(y->ints.end(), x->ints.begin() + o * block, x->ints.begin() + (o + 1) * block);
    }
  b.result(ConstantPtr(y));
  return success();
}

/// A strided box of input 0; a negative stride runs backwards.
static LogicalResult box(Binder &b, const Shape &starts, const Shape &strides, const Shape &to, unsigned output = 0) {
  auto [type, from] = b.inputType(0);
  if (ConstantPtr c = b.constant(0)) {
    Shape step = stridesOf(from);
    b.result(pick(*c, to,
                  [&](ArrayRef<int64_t> index) {
                    int64_t at = 0;
                    for (size_t d = 0; d < index.size(); ++d)
                      at += (starts[d] + index[d] * strides[d]) * step[d];
                    return at;
                  }),
             output);
    return success();
  }
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  Shape first(starts), steps(strides), turned;
  for (size_t d = 0; d < steps.size(); ++d)
    if (steps[d] < 0) { // the same elements from the other end
      first[d] += (to[d] - 1) * steps[d];
      steps[d] = -steps[d];
      turned.push_back(d);
    }
  if (from == to && turned.empty())
    b.forward(0, output);
  else
    b.result(reverse(b, slice(b, x, first, to, steps), turned), output);
  return success();
}

static LogicalResult importSlice(Binder &b) {
  auto [type, from] = b.inputType(0);
  Shape starts, ends, axes, steps;
  if (!type)
    return b.bad("input data (number 0) is missing");
  if (b.opset < 10) {
    starts = b.attrInts("starts");
    ends = b.attrInts("ends");
    axes = b.attrInts("axes");
  } else if (failed(b.constantInts(1, "starts", starts)) || failed(b.constantInts(2, "ends", ends)) ||
             failed(b.constantInts(3, "axes", axes, true)) || failed(b.constantInts(4, "steps", steps, true))) {
    return failure();
  }
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts.size()));
  if (steps.empty())
    steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return b.bad("starts, ends, axes and steps have " + Twine(starts.size()) + ", " + Twine(ends.size()) + ", " +
                 Twine(axes.size()) + " and " + Twine(steps.size()) + " entries, they must have equally many");
  Shape first(from.size(), 0), strides(from.size(), 1), to(from);
  SmallVector<bool> seen(from.size());
  for (auto [a, start, end, step] : llvm::zip(axes, starts, ends, steps)) {
    std::optional<int64_t> axis = b.axis(a, from.size());
    if (!axis)
      return failure();
    if (seen[*axis])
      return b.bad("axis " + Twine(a) + " is named twice");
    seen[*axis] = true;
    // Bounds are cut as numpy cuts them; a step beyond the size takes one element.
    int64_t size = from[*axis];
    if (step == 0)
      return b.bad("a step is 0");
    step = std::clamp<int64_t>(step, -kMaxElements, kMaxElements);
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    start = std::clamp<int64_t>(start < 0 && start > INT64_MIN + size ? start + size : start, step > 0 ? 0 : -1, high);
    end = std::clamp<int64_t>(end < 0 && end > INT64_MIN + size ? end + size : end, low, high);
    int64_t span = step > 0 ? end - start : start - end, stride = std::abs(step);
    to[*axis] = span <= 0 ? 0 : (span + stride - 1) / stride;
    first[*axis] = to[*axis] ? start : 0;
    strides[*axis] = to[*axis] > 1 ? step : 1;
  }
  return box(b, first, strides, to);
}

static LogicalResult importSplit(Binder &b) {
  auto [type, from] = b.inputType(0);
  int64_t count = b.attrInt("num_outputs", b.node.output_size());
  Shape sizes;
  if (!type)
    return b.bad("input (number 0) is missing");
  std::optional<int64_t> axis = b.axis(b.attrInt("axis", 0), from.size());
  if (!axis)
    return failure();
  if (b.opset < 13)
    sizes = b.attrInts("split");
  else if (failed(b.constantInts(1, "split", sizes, /*optional=*/true)))
    return failure();
  int64_t size = from[*axis];
  if (count != b.node.output_size())
    return b.bad("num_outputs is " + Twine(count) + ", it has " + Twine(b.node.output_size()) + " outputs");
  if (sizes.empty()) { // equal parts, the last one may be smaller
    int64_t part = (size + count - 1) / count;
    for (int64_t i = 0, rest = size; i < count; ++i, rest -= sizes.back())
      sizes.push_back(std::min(part, rest));
  }
  int64_t sum = 0;
  bool fits = int64_t(sizes.size()) == count;
  for (int64_t s : sizes) {
    fits &= s >= 0 && s <= size;
    sum += fits ? s : 0;
  }
  if (!fits || sum != size)
    return b.bad("the sizes of its " + Twine(count) + " parts do not add up to " + Twine(size) +
                 ", the input's size at axis " + Twine(*axis));
  Shape starts(from.size(), 0), strides(from.size(), 1), to(from);
  for (int64_t i = 0; i < count; ++i) {
    to[*axis] = sizes[i];
    if (failed(box(b, starts, strides, to, i)))
      return failure();
    starts[*axis] += sizes[i];
  }
  return success();
}

static LogicalResult importExpand(Binder &b) {
  auto [type, from] = b.inputType(0);
  Shape wanted;
  if (!type)
    return b.bad("input (number 0) is missing");
  if (failed(b.constantInts(1, "shape", wanted)))
    return failure();
  std::optional<Shape> to = broadcastShapes(from, wanted);
  if (!to || !countElements(*to))
    return b.bad("input " + showShape(from) + " does not broadcast to " + showShape(wanted));
  if (ConstantPtr c = b.constant(0); c && *countElements(*to) <= kMaxConstantElements) {
    Shape strides = stridesOf(from);
    size_t missing = to->size() - from.size();
    b.result(pick(*c, *to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (size_t d = 0; d < from.size(); ++d)
        at += from[d] == 1 ? 0 : index[missing + d] * strides[d];
      return at;
    }));
    return success();
  }
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  b.result(broadcastTo(b, x, *to));
  return success();
}

void addShapeOps(OpTable &t) {
  t.onOp("Reshape", 5, importReshape, {Role::View, Role::Data}, importReshape);
  t.onOp("Flatten", 1, importFlatten, {Role::View}, importFlatten);
  t.onOp("Squeeze", 1, importSqueeze, {Role::View, Role::Data}, importSqueeze);
  t.onOp("Unsqueeze", 1, importUnsqueeze, {Role::View, Role::Data}, importUnsqueeze);
  t.onOp("Transpose", 1, importTranspose, {Role::View}, importTranspose);
  t.onOp("Concat", 4, importConcat, {Role::View}, foldConcat);
  t.onOp("Slice", 1, importSlice, {Role::View, Role::Data}, importSlice);
  t.onOp("Split", 2, importSplit, {Role::View, Role::Data}, importSplit);
  t.onOp("Expand", 8, importExpand, {Role::View, Role::Data}, importExpand);
}

} // namespace mlir::llcc::frontend
