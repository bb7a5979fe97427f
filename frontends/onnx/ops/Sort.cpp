// Operators that look for the largest elements: TopK, ArgMax, ArgMin, Hardmax; and OneHot, which marks what they found.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

/// Whether element i of x stands before element j, NaN being the largest; equal ones by position.
static bool standsBefore(const Constant &x, int64_t i, int64_t j, bool descending) {
  auto less = [&](int64_t a, int64_t b) {
    if (!x.isFloat())
      return x.ints[a] < x.ints[b];
    return std::isnan(x.reals[b]) ? !std::isnan(x.reals[a]) : x.reals[a] < x.reals[b];
  };
  if (descending ? less(j, i) : less(i, j))
    return true;
  return !(descending ? less(i, j) : less(j, i)) && i < j;
}

/// Values and indices of the k largest (smallest) elements. The values are read by index, so that their gradient goes
/// there.
static LogicalResult importTopK(Binder &b) {
  bool largest = true;
  int64_t k = 0, given = b.attrInt("axis", -1);
  if (b.opset >= 11) {
    largest = b.attrInt("largest", 1);
    b.attrInt("sorted", 1); // sorted is one of the orders that unsorted allows
  }
  auto [type, shape] = b.inputType(0);
  if (!type)
    return b.bad("input X (number 0) is missing");
  if (b.opset >= 10) {
    Shape counts;
    if (failed(b.constantInts(1, "K", counts)))
      return failure();
    if (counts.size() != 1)
      return b.bad("input K has " + Twine(counts.size()) + " elements, it must have one");
    k = counts[0];
  } else {
    k = b.attrInt("k", -1);
  }
  std::optional<int64_t> axis = b.axis(given, shape.size());
  if (!axis)
    return failure();
  if (k < 0 || k > shape[*axis])
    return b.bad("k is " + Twine(k) + ", the input " + showShape(shape) + " has " + Twine(shape[*axis]) +
                 " elements along axis " + Twine(*axis));
  Shape to(shape);
  to[*axis] = k;
  if (ConstantPtr x = b.constant(0)) {
    auto indices = std::make_shared<Constant>();
    indices->type = b.builder.getI64Type();
    indices->shape = to;
    indices->ints.resize(*countElements(to));
    Shape strides = stridesOf(shape), toStrides = stridesOf(to);
    int64_t n = shape[*axis], stride = strides[*axis];
    for (int64_t first = 0; k && first < x->size(); ++first) {
      if (first / stride % n)
        continue;
      Shape order = llvm::to_vector(llvm::seq<int64_t>(0, n)), at = indexOf(first, shape);
      llvm::sort(order, [&](int64_t i, int64_t j) {
        return standsBefore(*x, first + i * stride, first + j * stride, largest);
      });
      int64_t start = 0;
      for (size_t d = 0; d < at.size(); ++d)
        start += at[d] * toStrides[d];
      for (int64_t j = 0; j < k; ++j)
        indices->ints[start + j * toStrides[*axis]] = order[j];
    }
    b.result(pick(*x, to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0, which = 0;
      for (size_t d = 0; d < index.size(); ++d) {
        which += index[d] * toStrides[d];
        at += int64_t(d) == *axis ? 0 : index[d] * strides[d];
      }
      return at + indices->ints[which] * stride;
    }));
    b.result(ConstantPtr(indices), 1);
    return success();
  }
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  Value order = ArgsortOp::create(b.builder, b.loc, RankedTensorType::get(shape, b.builder.getI64Type()),
                                  b.isUnsigned(0) ? flipSign(b, x) : x, *axis, largest);
  Value indices = sliceAlong(b, order, *axis, 0, k);
  b.result(takeAlong(b, x, indices, *axis));
  b.result(indices, 1, b.builder.getI64Type());
  return success();
}

/// Position of the first (last) extreme element along axis, which stays as size 1. NaN is extreme.
static Value extremePosition(Binder &b, Value x, int64_t axis, bool max, bool last) {
  Shape all = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  Value extreme = reduce(b, x, max ? ReduceKind::Max : ReduceKind::Min, {axis}, /*keep=*/true);
  extreme = broadcast(b, extreme, shapeOf(x), all);
  Value hit;
  if (isa<FloatType>(typeOf(x).getElementType())) {
    hit = compare(b, arith::CmpFPredicate::OEQ, x, extreme);
    hit = arith::OrIOp::create(b.builder, b.loc, hit, compare(b, arith::CmpFPredicate::UNO, x, x));
  } else {
    hit = compare(b, arith::CmpIPredicate::eq, x, extreme);
  }
  Value at = positions(b, shapeOf(x), axis);
  Value none = splatLike(b, at, last ? -1 : double(shapeOf(x)[axis]));
  return reduce(b, select(b, hit, at, none), last ? ReduceKind::Max : ReduceKind::Min, {axis}, /*keep=*/true);
}

template <bool Max> static LogicalResult importArgExtreme(Binder &b) {
  bool keep = b.attrInt("keepdims", 1), last = b.opset >= 12 && b.attrInt("select_last_index", 0);
  auto [type, shape] = b.inputType(0);
  if (!type)
    return b.bad("input data (number 0) is missing");
  std::optional<int64_t> axis = b.axis(b.attrInt("axis", 0), shape.size());
  if (!axis)
    return failure();
  Shape to(shape);
  to[*axis] = 1;
  if (shape[*axis] == 0)
    return b.bad("the input " + showShape(shape) + " has no element along axis " + Twine(*axis));
  Shape dropped(to);
  dropped.erase(dropped.begin() + *axis);
  if (ConstantPtr x = b.constant(0)) {
    auto y = std::make_shared<Constant>();
    y->type = b.builder.getI64Type();
    y->shape = keep ? to : dropped;
    int64_t stride = stridesOf(shape)[*axis];
    for (int64_t i = 0, n = *countElements(to); i < n; ++i) {
      int64_t first = i / stride * stride * shape[*axis] + i % stride, best = 0;
      for (int64_t j = 1; j < shape[*axis]; ++j) {
        double value = x->real(first + j * stride), top = x->real(first + best * stride);
        bool equal = x->isFloat() ? value == top || (std::isnan(value) && std::isnan(top))
                                  : x->ints[first + j * stride] == x->ints[first + best * stride];
        bool better = x->isFloat() ? !std::isnan(top) && (std::isnan(value) || (Max ? value > top : value < top))
                      : Max        ? x->ints[first + j * stride] > x->ints[first + best * stride]
                                   : x->ints[first + j * stride] < x->ints[first + best * stride];
        if (better || (last && equal))
          best = j;
      }
      y->ints.push_back(best);
    }
    b.result(ConstantPtr(y));
    return success();
  }
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  if (b.isUnsigned(0))
    x = flipSign(b, x);
  b.result(reshape(b, extremePosition(b, x, *axis, Max, last), keep ? to : dropped), 0, b.builder.getI64Type());
  return success();
}

/// 1 at the first largest element, 0 elsewhere. Before opset 13 the dimensions from axis on are one.
static LogicalResult importHardmax(Binder &b) {
  int64_t given = b.attrInt("axis", b.opset < 13 ? 1 : -1);
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  int64_t rank = rankOf(x);
  if (b.opset < 13 ? given < -rank || given > rank : given < -rank || given >= rank)
    return b.bad("axis " + Twine(given) + " is outside of an input with " + Twine(rank) + " dimensions");
  int64_t axis = given < 0 ? given + rank : given;
  Shape shape(shapeOf(x));
  if (llvm::is_contained(shape, 0)) {
    b.result(x);
    return success();
  }
  Value y = x;
  if (b.opset < 13) {
    y = reshape(b, x,
                {*countElements(ArrayRef(shape).take_front(axis)), *countElements(ArrayRef(shape).drop_front(axis))});
    axis = 1;
  }
  Value at = positions(b, shapeOf(y), axis);
  Value best = broadcast(b, extremePosition(b, y, axis, true, false), shapeOf(y),
                         llvm::to_vector(llvm::seq<int64_t>(0, rankOf(y))));
  y = select(b, compare(b, arith::CmpIPredicate::eq, at, best), splatLike(b, y, 1), splatLike(b, y, 0));
  b.result(reshape(b, y, shape));
  return success();
}

/// result[.., i, ..] = values[1] where i is the index there (negative ones count from the end), else values[0].
static LogicalResult importOneHot(Binder &b) {
  int64_t given = b.attrInt("axis", -1);
  auto [indexType, shape] = b.inputType(0);
  auto [valueType, valueShape] = b.inputType(2);
  ConstantPtr depthInput = b.constant(1);
  if (!indexType || !valueType || !b.hasInput(1))
    return b.bad("needs three inputs: indices, depth and values");
  if (!depthInput)
    return b.unsupported("input depth is computed from the model's data; it must be a constant");
  std::optional<int64_t> axis = b.axis(given, shape.size() + 1);
  if (!axis)
    return failure();
  double count = depthInput->size() == 1 ? depthInput->real(0) : -1;
  if (!(count >= 0 && count <= double(kMaxElements)) || valueShape != Shape{2})
    return b.bad("depth must be one number >= 0 and values two numbers");
  int64_t depth = int64_t(count);
  Shape to(shape);
  to.insert(to.begin() + *axis, depth);
  if (!countElements(to))
    return b.bad("its result has dimensions " + showShape(to) + ", more than 2^40 elements");
  ConstantPtr known = b.constant(0), values = b.constant(2);
  if (known && values && *countElements(to) <= kMaxConstantElements) {
    Shape strides = stridesOf(shape);
    b.result(pick(*values, to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0;
      for (size_t d = 0; d < shape.size(); ++d)
        at += index[int64_t(d) < *axis ? d : d + 1] * strides[d];
      int64_t i = int64_t(known->real(at));
      return int64_t((i < 0 ? i + depth : i) == index[*axis]);
    }));
    return success();
  }
  Value indices = b.input(0, "indices"), pair = b.input(2, "values");
  if (!indices || !pair)
    return failure();
  Value i = asInt64(b, indices, b.isUnsigned(0));
  Value negative = compare(b, arith::CmpIPredicate::slt, i, splatLike(b, i, 0));
  i = select(b, negative, arith::AddIOp::create(b.builder, b.loc, i, splatLike(b, i, double(depth))), i);
  Shape dims = llvm::to_vector(llvm::seq<int64_t>(0, to.size()));
  dims.erase(dims.begin() + *axis);
  Value hit = compare(b, arith::CmpIPredicate::eq, broadcast(b, i, to, dims), positions(b, to, *axis));
  auto one = [&](int64_t at) { return broadcast(b, reshape(b, sliceAlong(b, pair, 0, at, 1), {}), to, {}); };
  if (values) { // splats, which cost nothing
    b.result(select(b, hit, splat(b, to, typeOf(pair).getElementType(), values->real(1)),
                    splat(b, to, typeOf(pair).getElementType(), values->real(0))),
             0, valueType);
    return success();
  }
  b.result(select(b, hit, one(1), one(0)), 0, valueType);
  return success();
}

void addSortOps(OpTable &t) {
  t.onOp("TopK", 1, importTopK, {Role::View, Role::Data}, importTopK);
  t.onOp("ArgMax", 1, importArgExtreme<true>, {Role::Data}, importArgExtreme<true>);
  t.onOp("ArgMin", 1, importArgExtreme<false>, {Role::Data}, importArgExtreme<false>);
  t.onOp("Hardmax", 1, importHardmax, {Role::Data});
  t.onOp("OneHot", 9, importOneHot, {Role::Data}, importOneHot);
}

} // namespace mlir::llcc::frontend
