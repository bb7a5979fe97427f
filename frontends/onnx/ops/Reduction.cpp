// Reductions: the axes are an attribute in old opsets and an input in new ones.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

enum class Reduction { Sum, Mean, Max, Min, Prod, L1, L2, SumSquare, LogSum, LogSumExp };

/// The dimensions that a node reduces, ascending; nothing where they are refused (said).
static std::optional<Shape> reducedDims(Binder &b, int64_t rank, int64_t axesAreInput) {
  bool noop = b.attrInt("noop_with_empty_axes", 0);
  Shape axes;
  if (b.opset >= axesAreInput) {
    if (failed(b.constantInts(1, "axes", axes, /*optional=*/true)))
      return std::nullopt;
  } else {
    axes = b.attrInts("axes");
  }
  SmallVector<bool> reduced(rank, axes.empty() && !noop);
  for (int64_t a : axes) {
    std::optional<int64_t> axis = b.axis(a, rank);
    if (!axis)
      return std::nullopt;
    reduced[*axis] = true;
  }
  Shape dims;
  for (int64_t d = 0; d < rank; ++d)
    if (reduced[d])
      dims.push_back(d);
  return dims;
}

/// log(x) whose gradient where x is 0 is 0, not infinite: a row of -inf has no direction.
static Value logOf(Arithmetic &a, Value x) {
  Value zero = a.equal(x, 0.0);
  return a.select(zero, -INFINITY, a.unary<math::LogOp>(a.select(zero, 1.0, x)));
}

/// log(sum(exp(x))), by way of the largest element, on which the value does not depend.
static Value logSumExp(Arithmetic &a, Value x, ArrayRef<int64_t> dims) {
  Value largest = reduce(a.b, x, ReduceKind::Max, dims, /*keep=*/true);
  Value infinite = a.equal(a.abs(largest), INFINITY);
  largest = a.constantOf(a.select(infinite, 0.0, largest)); // inf - inf would be NaN
  return a.add(logOf(a, a.sum(a.exp(a.sub(x, largest)), dims)), largest);
}

static Value reduced(Arithmetic &a, Reduction kind, Value x, ArrayRef<int64_t> dims) {
  auto of = [&](ReduceKind k, Value v) { return reduce(a.b, v, k, dims, /*keep=*/true); };
  switch (kind) {
  case Reduction::Sum:
    return a.sum(x, dims);
  case Reduction::Mean:
    return a.mean(x, dims);
  case Reduction::Max:
    return of(ReduceKind::Max, x);
  case Reduction::Min:
    return of(ReduceKind::Min, x);
  case Reduction::Prod:
    return of(ReduceKind::Prod, x);
  case Reduction::L1:
    return a.sum(a.abs(x), dims);
  case Reduction::L2:
    return a.sqrt(a.sum(a.square(x), dims));
  case Reduction::SumSquare:
    return a.sum(a.square(x), dims);
  case Reduction::LogSum:
    return logOf(a, a.sum(x, dims));
  case Reduction::LogSumExp:
    return logSumExp(a, x, dims);
  }
  llvm_unreachable("ten reductions");
}

template <Reduction R> static LogicalResult importReduce(Binder &b) {
  bool keep = b.attrInt("keepdims", 1);
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  std::optional<Shape> dims = reducedDims(b, rankOf(x), R == Reduction::Sum ? 13 : 18);
  if (!dims)
    return failure();
  Arithmetic a(b, b.isUnsigned(0));
  Type type = typeOf(x).getElementType();
  constexpr bool kExtreme = R == Reduction::Max || R == Reduction::Min;
  constexpr bool kNeedsFloats = R == Reduction::L2 || R == Reduction::LogSum || R == Reduction::LogSumExp;
  if (!Arithmetic::isFloat(x)) {
    int64_t count = 1;
    for (int64_t d : *dims)
      count *= shapeOf(x)[d];
    if (R == Reduction::Mean && count == 0)
      return b.bad("data is " + showShape(shapeOf(x)) + ", the mean of no integers is no number");
    if (kNeedsFloats)
      x = a.convert(x, b.builder.getF64Type());
  }
  // Reductions compare signed numbers: without the highest bit's meaning unsigned ones keep their order.
  auto flip = [&](Value v) {
    APInt highest = APInt::getSignedMinValue(type.getIntOrFloatBitWidth());
    Value bit = arith::ConstantOp::create(b.builder, b.loc, DenseElementsAttr::get(typeOf(v), highest));
    return Value(arith::XOrIOp::create(b.builder, b.loc, v, bit));
  };
  bool flips = kExtreme && a.isUnsigned;
  Value y = reduced(a, R, flips ? flip(x) : x, *dims);
  y = a.convert(flips ? flip(y) : y, type);
  if (!keep) {
    Shape shape;
    for (int64_t d = 0; d < rankOf(y); ++d)
      if (!llvm::is_contained(*dims, d))
        shape.push_back(shapeOf(y)[d]);
    y = reshape(b, y, shape);
  }
  b.result(y);
  return success();
}

/// Of constants, so that shapes may be computed with it. Integers wrap; NaN stays NaN.
template <Reduction R> static LogicalResult foldReduce(Binder &b) {
  constexpr bool kKnown = R == Reduction::Sum || R == Reduction::Prod || R == Reduction::Max || R == Reduction::Min;
  ConstantPtr x = b.constant(0);
  if (!kKnown || !x || x->size() == 0)
    return importReduce<R>(b);
  bool keep = b.attrInt("keepdims", 1);
  std::optional<Shape> dims = reducedDims(b, x->shape.size(), R == Reduction::Sum ? 13 : 18);
  if (!dims)
    return failure();
  Shape kept = x->shape, shape;
  for (int64_t d : *dims)
    kept[d] = 1;
  for (auto [d, size] : llvm::enumerate(kept))
    if (keep || !llvm::is_contained(*dims, int64_t(d)))
      shape.push_back(size);
  auto result = std::make_shared<Constant>();
  result->type = x->type;
  result->shape = shape;
  bool isUnsigned = x->type.isUnsignedInteger(64);
  auto join = [&](auto &into, auto value) {
    if constexpr (R == Reduction::Max || R == Reduction::Min) {
      bool less = isUnsigned ? uint64_t(value) < uint64_t(into) : value < into;
      bool more = isUnsigned ? uint64_t(into) < uint64_t(value) : into < value;
      if (value != value || (R == Reduction::Max ? more : less))
        into = value;
    } else if constexpr (std::is_same_v<decltype(value), double>) {
      into = R == Reduction::Sum ? into + value : into * value;
    } else {
      into = R == Reduction::Sum ? uint64_t(into) + uint64_t(value) : uint64_t(into) * uint64_t(value);
    }
  };
  Shape strides = stridesOf(kept);
  SmallVector<bool> seen(*countElements(kept));
  result->reals.resize(x->isFloat() ? seen.size() : 0);
  result->ints.resize(x->isFloat() ? 0 : seen.size());
  for (int64_t i = 0, e = x->size(); i < e; ++i) {
    Shape index = indexOf(i, x->shape);
    int64_t at = 0;
    for (size_t d = 0; d < kept.size(); ++d)
      at += kept[d] == 1 ? 0 : index[d] * strides[d];
    auto put = [&](auto &into, auto value) { seen[at] ? join(into, value) : void(into = value); };
    x->isFloat() ? put(result->reals[at], x->reals[i]) : put(result->ints[at], x->ints[i]);
    seen[at] = true;
  }
  result->round();
  b.result(ConstantPtr(result));
  return success();
}

void addReductionOps(OpTable &t) {
  const SmallVector<Role, 2> roles = {Role::Elementwise, Role::Data};
  t.onOp("ReduceSum", 1, importReduce<Reduction::Sum>, roles, foldReduce<Reduction::Sum>);
  t.onOp("ReduceMean", 1, importReduce<Reduction::Mean>, roles);
  t.onOp("ReduceMax", 1, importReduce<Reduction::Max>, roles, foldReduce<Reduction::Max>);
  t.onOp("ReduceMin", 1, importReduce<Reduction::Min>, roles, foldReduce<Reduction::Min>);
  t.onOp("ReduceProd", 1, importReduce<Reduction::Prod>, roles, foldReduce<Reduction::Prod>);
  t.onOp("ReduceL1", 1, importReduce<Reduction::L1>, roles);
  t.onOp("ReduceL2", 1, importReduce<Reduction::L2>, roles);
  t.onOp("ReduceSumSquare", 1, importReduce<Reduction::SumSquare>, roles);
  t.onOp("ReduceLogSum", 1, importReduce<Reduction::LogSum>, roles);
  t.onOp("ReduceLogSumExp", 1, importReduce<Reduction::LogSumExp>, roles);
}

} // namespace mlir::llcc::frontend
