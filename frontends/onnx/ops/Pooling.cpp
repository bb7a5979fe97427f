// Pooling: the largest, the mean or the length of each window, of all of a channel, and back.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/ops/Window.h"
#include <cmath>

namespace mlir::llcc::frontend {

constexpr int64_t kMaxIndexedWindow = 4096; // elements of a window whose place is asked for: one op each

/// Where the largest element of each window stands in x, counted over all of x; the first of equal ones. storage_order 1
/// counts the spatial dimensions with the first one fastest.
static LogicalResult poolIndices(Binder &b, Value x, const Window &w, bool columnMajor) {
  if (!b.outputUsed(1))
    return success();
  std::optional<int64_t> window = countElements(w.kernel);
  if (!window || *window > kMaxIndexedWindow)
    return b.unsupported("indices of a window of " + showShape(w.kernel) + " are asked for, at most " +
                         Twine(kMaxIndexedWindow) + " elements are supported");
  Arithmetic a(b);
  Shape shape(shapeOf(x)), weights = stridesOf(shape), out(ArrayRef(shape).take_front(2));
  size_t rank = w.kernel.size();
  out.append(w.out.begin(), w.out.end());
  if (columnMajor)
    for (size_t d = 0, step = 1; d < rank; step *= shape[2 + d++])
      weights[2 + d] = step;
  Shape lo = {0, 0}, hi = {0, 0};
  Type i64 = b.builder.getI64Type();
  Value first = a.add(a.mul(a.iota(out, 0, i64), double(weights[0])), a.mul(a.iota(out, 1, i64), double(weights[1])));
  for (size_t d = 0; d < rank; ++d) {
    lo.push_back(w.padsLo[d]);
    int64_t reach = (w.out[d] - 1) * w.strides[d] + w.dilations[d] * (w.kernel[d] - 1) + 1;
    hi.push_back(std::max<int64_t>(0, reach - shape[2 + d] - w.padsLo[d]));
    first = a.add(first, a.mul(a.iota(out, 2 + d, i64), double(w.strides[d] * weights[2 + d])));
  }
  Value padded = a.pad(x, lo, hi, -INFINITY), best, place;
  for (int64_t i = 0; i < *window; ++i) {
    Shape at = indexOf(i, w.kernel), starts = {0, 0}, strides = {1, 1};
    int64_t offset = 0;
    for (size_t d = 0; d < rank; ++d) {
      starts.push_back(at[d] * w.dilations[d]);
      strides.push_back(w.strides[d]);
      offset += (starts.back() - w.padsLo[d]) * weights[2 + d];
    }
    Value here = SliceOp::create(b.builder, b.loc, typeOf(x).clone(out), padded, starts, strides);
    Value index = a.add(first, double(offset));
    Value wins = best ? a.greater(here, best) : Value();
    best = best ? a.select(wins, here, best) : here;
    place = place ? a.select(wins, index, place) : index;
  }
  b.result(place, 1, b.builder.getI64Type());
  return success();
}

/// Reads a pool's window; refuses one that could lie in the padding alone.
static LogicalResult readPool(Binder &b, Value x, Window &w) {
  bool ceil = b.attrInt("ceil_mode", 0);
  if (rankOf(x) < 3 || rankOf(x) > 5)
    return b.unsupported("X is " + showShape(shapeOf(x)) + ", one to three spatial dimensions are supported");
  if (failed(readWindow(b, shapeOf(x), {}, ceil, w)))
    return failure();
  for (size_t d = 0; d < w.kernel.size(); ++d)
    if (int64_t reach = w.dilations[d] * (w.kernel[d] - 1) + 1; w.padsLo[d] >= reach || w.padsHi[d] >= reach)
      return b.bad("pads of " + Twine(w.padsLo[d]) + " and " + Twine(w.padsHi[d]) + " are as large as the window, " +
                   Twine(reach));
  return success();
}

/// x's batch and channels, the window's output sizes.
static RankedTensorType pooledType(Value x, const Window &w) {
  Shape to(shapeOf(x).take_front(2));
  to.append(w.out.begin(), w.out.end());
  return typeOf(x).clone(to);
}

static LogicalResult importMaxPool(Binder &b) {
  bool columnMajor = b.attrInt("storage_order", 0);
  Value x = b.input(0, "X");
  Window w;
  if (!x || failed(readPool(b, x, w)))
    return failure();
  Arithmetic a(b, b.isUnsigned(0));
  Type type = typeOf(x).getElementType();
  if (!Arithmetic::isFloat(x)) // integers of 8 bits, which f32 holds
    x = a.convert(x, b.builder.getF32Type());
  Value y = MaxPoolOp::create(b.builder, b.loc, pooledType(x, w), x, w.kernel, w.strides, w.padsLo, w.padsHi, w.dilations);
  b.result(a.convert(y, type));
  return poolIndices(b, x, w, columnMajor);
}

static LogicalResult importAveragePool(Binder &b) {
  bool countPad = b.attrInt("count_include_pad", 0);
  Value x = b.floatInput(0, "X");
  Window w;
  if (!x || failed(readPool(b, x, w)))
    return failure();
  b.result(AvgPoolOp::create(b.builder, b.loc, pooledType(x, w), x, w.kernel, w.strides, w.padsLo, w.padsHi,
                             w.dilations, countPad));
  return success();
}

/// sum^(1/p), with slope 0 where the sum is 0.
static Value rootOf(Arithmetic &a, Value sum, int64_t p) {
  if (p == 1)
    return sum;
  if (p == 2)
    return a.sqrt(sum);
  Value zero = a.equal(sum, 0.0);
  return a.select(zero, 0.0, a.pow(a.select(zero, 1.0, sum), 1.0 / double(p)));
}

/// |x|^p; refuses a p that is none.
static Value powersOf(Arithmetic &a, Value x, int64_t p) {
  if (p < 1) {
    (void)a.b.bad("attribute \"p\" is " + Twine(p) + ", it must be 1 or more");
    return {};
  }
  return p == 2 ? a.square(x) : a.pow(a.abs(x), double(p));
}

/// (sum of |x|^p)^(1/p) of each window; padding is 0.
static LogicalResult importLpPool(Binder &b) {
  int64_t p = b.attrInt("p", 2);
  Value x = b.floatInput(0, "X");
  Window w;
  if (!x || failed(readPool(b, x, w)))
    return failure();
  Arithmetic a(b);
  Value powers = powersOf(a, x, p);
  if (!powers)
    return failure();
  // Padding that hangs over the end counts too, so it is made before: then a mean is a sum over all of the window.
  size_t rank = w.kernel.size();
  Shape lo = {0, 0}, hi = {0, 0}, none(rank, 0);
  for (size_t d = 0; d < rank; ++d) {
    int64_t reach = (w.out[d] - 1) * w.strides[d] + w.dilations[d] * (w.kernel[d] - 1) + 1;
    lo.push_back(w.padsLo[d]);
    hi.push_back(std::max<int64_t>(0, reach - shapeOf(x)[2 + d] - w.padsLo[d]));
  }
  Value mean = AvgPoolOp::create(b.builder, b.loc, pooledType(x, w), a.pad(powers, lo, hi), w.kernel, w.strides, none,
                                 none, w.dilations, true);
  b.result(rootOf(a, a.mul(mean, double(*countElements(w.kernel))), p));
  return success();
}

enum class Global { Average, Max, Lp };

template <Global G> static LogicalResult importGlobalPool(Binder &b) {
  int64_t p = G == Global::Lp ? b.attrInt("p", 2) : 0;
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  if (rankOf(x) < 3)
    return b.bad("X is " + showShape(shapeOf(x)) + ", it must be N x C x spatial dimensions");
  Arithmetic a(b);
  Shape dims = dimsBetween(2, rankOf(x));
  if (G == Global::Average) {
    b.result(a.mean(x, dims));
  } else if (G == Global::Max) {
    b.result(reduce(b, x, ReduceKind::Max, dims, /*keep=*/true));
  } else {
    Value powers = powersOf(a, x, p);
    if (!powers)
      return failure();
    b.result(rootOf(a, a.sum(powers, dims), p));
  }
  return success();
}

/// Puts each element where MaxPool's indices say it stood, among zeros.
static LogicalResult importMaxUnpool(Binder &b) {
  Value x = b.floatInput(0, "X"), indices = b.input(1, "I");
  if (!x || !indices)
    return failure();
  ArrayRef<int64_t> xs = shapeOf(x);
  if (xs.size() < 3 || xs != shapeOf(indices) || Arithmetic::isFloat(indices))
    return b.bad("X is " + showShape(xs) + ", I is " + showShape(shapeOf(indices)) +
                 "; they must be N x C x spatial dimensions, I of integers");
  size_t rank = xs.size() - 2;
  Shape kernel = b.attrInts("kernel_shape"), strides = b.attrInts("strides", Shape(rank, 1)),
        pads = b.attrInts("pads", Shape(2 * rank, 0)), wanted;
  if (b.failed() || failed(b.constantInts(2, "output_shape", wanted, /*optional=*/true)))
    return failure();
  if (kernel.size() != rank || strides.size() != rank || pads.size() != 2 * rank)
    return b.bad("kernel_shape, strides or pads do not fit to X " + showShape(xs));
  Shape shape(xs.take_front(2));
  for (size_t d = 0; d < rank; ++d) {
    for (int64_t v : {kernel[d], strides[d], pads[d], pads[rank + d], xs[2 + d]})
      if (v < 0 || v > kMaxWindow)
        return b.bad("kernel_shape, strides or pads hold a number that is out of range: " + Twine(v));
    shape.push_back((xs[2 + d] - 1) * strides[d] - pads[d] - pads[rank + d] + kernel[d]);
  }
  std::optional<int64_t> count = countElements(shape);
  if (!count)
    return b.bad("its result has dimensions " + showShape(shape) + ", more than 2^40 elements or a negative size");
  int64_t given = typeOf(x).getNumElements();
  Arithmetic a(b);
  Value flat = ScatterAddOp::create(b.builder, b.loc, typeOf(x).clone({*count}), reshape(b, x, {given}),
                                    reshape(b, indices, {given}), 0);
  Value y = reshape(b, flat, shape);
  if (!wanted.empty()) {
    Shape hi;
    bool fits = wanted.size() == shape.size();
    for (size_t d = 0; fits && d < shape.size(); ++d) {
      fits = wanted[d] >= shape[d] && wanted[d] <= kMaxElements;
      hi.push_back(wanted[d] - shape[d]);
    }
    if (!fits)
      return b.bad("output_shape is " + showShape(wanted) + ", it must be at least " + showShape(shape));
    y = a.pad(y, Shape(shape.size(), 0), hi);
  }
  b.result(y);
  return success();
}

void addPoolingOps(OpTable &t) {
  t.onOp("MaxPool", 1, importMaxPool);
  t.onOp("AveragePool", 1, importAveragePool);
  t.onOp("LpPool", 2, importLpPool);
  t.onOp("GlobalAveragePool", 1, importGlobalPool<Global::Average>);
  t.onOp("GlobalMaxPool", 1, importGlobalPool<Global::Max>);
  t.onOp("GlobalLpPool", 2, importGlobalPool<Global::Lp>);
  t.onOp("MaxUnpool", 9, importMaxUnpool, {Role::Elementwise, Role::Data});
}

} // namespace mlir::llcc::frontend
