// llcc contractions, convolutions and pooling with their gradients: each family is one walk over all products.
#include "compiler/interpreter/Evaluate.h"
#include "compiler/ir/LLCC.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

namespace mlir::llcc {

// Loop over batch, lhs free, rhs free (the result's dimensions) and contracted dimensions.
static Tensor dot(DotOp op, const Tensor &lhs, const Tensor &rhs) {
  SmallVector<int64_t> loop, lhsStep, rhsStep;
  SmallVector<int64_t> lhsStrides = stridesOf(lhs.shape), rhsStrides = stridesOf(rhs.shape);
  auto add = [&](int64_t size, int64_t l, int64_t r) {
    loop.push_back(size), lhsStep.push_back(l), rhsStep.push_back(r);
  };
  for (auto [l, r] : llvm::zip(op.getLhsBatch(), op.getRhsBatch()))
    add(lhs.shape[l], lhsStrides[l], rhsStrides[r]);
  for (int64_t d = 0, rank = lhs.shape.size(); d < rank; ++d)
    if (!llvm::is_contained(op.getLhsBatch(), d) && !llvm::is_contained(op.getLhsContract(), d))
      add(lhs.shape[d], lhsStrides[d], 0);
  for (int64_t d = 0, rank = rhs.shape.size(); d < rank; ++d)
    if (!llvm::is_contained(op.getRhsBatch(), d) && !llvm::is_contained(op.getRhsContract(), d))
      add(rhs.shape[d], 0, rhsStrides[d]);
  Tensor y(op.getType());
  int64_t products = 1, n = 0;
  for (auto [l, r] : llvm::zip(op.getLhsContract(), op.getRhsContract())) {
    add(lhs.shape[l], lhsStrides[l], rhsStrides[r]);
    products *= lhs.shape[l];
  }
  forEachIndex(loop, [&](ArrayRef<int64_t> index) {
    int64_t l = 0, r = 0;
    for (auto [d, i] : llvm::enumerate(index))
      l += i * lhsStep[d], r += i * rhsStep[d];
    y.reals[n++ / products] += lhs.reals[l] * rhs.reals[r];
  });
  return y;
}

namespace {
/// Windows along the spatial dimensions, the same for convolution and pooling.
struct Windows {
  ArrayRef<int64_t> strides, padsLo, padsHi, dilations;
  template <class Op>
  explicit Windows(Op op)
      : strides(op.getStrides()), padsLo(op.getPadsLo()), padsHi(op.getPadsHi()), dilations(op.getDilations()) {}
  /// Position in the input of element `k` of window `o`, counted from the input's first element (negative: in the
  /// padding).
  int64_t position(int64_t d, int64_t o, int64_t k) const { return o * strides[d] + k * dilations[d] - padsLo[d]; }
};
} // namespace

// Calls fn(x, w, y) with the positions of every product of a convolution: y[y] += x[x] * w[w].
template <class Fn>
static void forEachProduct(const Windows &windows, int64_t groups, ArrayRef<int64_t> x, ArrayRef<int64_t> w,
                           ArrayRef<int64_t> y, Fn fn) {
  SmallVector<int64_t> xs = stridesOf(x), ws = stridesOf(w), ys = stridesOf(y);
  int64_t spatial = x.size() - 2, perGroupIn = w[1], perGroupOut = w[0] / groups;
  SmallVector<int64_t> loop = {y[0], y[1], perGroupIn}; // n, m, c within the group, then out.., kernel..
  llvm::append_range(loop, y.drop_front(2));
  llvm::append_range(loop, w.drop_front(2));
  forEachIndex(loop, [&](ArrayRef<int64_t> i) {
    int64_t channel = i[1] / perGroupOut * perGroupIn + i[2];
    int64_t xAt = i[0] * xs[0] + channel * xs[1], wAt = i[1] * ws[0] + i[2] * ws[1], yAt = i[0] * ys[0] + i[1] * ys[1];
    for (int64_t d = 0; d < spatial; ++d) {
      int64_t out = i[3 + d], kernel = i[3 + spatial + d], at = windows.position(d, out, kernel);
      if (at < 0 || at >= x[2 + d])
        return;
      xAt += at * xs[2 + d], wAt += kernel * ws[2 + d], yAt += out * ys[2 + d];
    }
    fn(xAt, wAt, yAt);
  });
}

// Calls fn(y, positions in x, elements that count) for each window of a pooling.
template <class Fn>
static void forEachWindow(const Windows &windows, ArrayRef<int64_t> window, bool countPadding, ArrayRef<int64_t> x,
                          ArrayRef<int64_t> y, Fn fn) {
  SmallVector<int64_t> xs = stridesOf(x), positions;
  int64_t spatial = x.size() - 2, yAt = 0;
  forEachIndex(y, [&](ArrayRef<int64_t> i) {
    positions.clear();
    int64_t counted = 0;
    forEachIndex(window, [&](ArrayRef<int64_t> k) {
      int64_t at = i[0] * xs[0] + i[1] * xs[1];
      bool inside = true, padded = true; // padded: within the input and its padding
      for (int64_t d = 0; d < spatial; ++d) {
        int64_t position = windows.position(d, i[2 + d], k[d]);
        inside &= position >= 0 && position < x[2 + d];
        padded &= position < x[2 + d] + windows.padsHi[d];
        at += position * xs[2 + d];
      }
      counted += countPadding ? padded : inside;
      if (inside)
        positions.push_back(at);
    });
    fn(yAt++, positions, counted);
  });
}

static Tensor maxPool(MaxPoolOp op, const Tensor &x) {
  Tensor y(op.getType());
  forEachWindow(Windows(op), op.getWindow(), false, x.shape, y.shape, [&](int64_t at, ArrayRef<int64_t> xs, int64_t) {
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t i : xs)
      largest = x.reals[i] > largest || std::isnan(x.reals[i]) ? x.reals[i] : largest;
    y.reals[at] = largest;
  });
  return y;
}

static Tensor maxPoolGrad(MaxPoolGradOp op, const Tensor &x, const Tensor &dy) {
  Tensor dx(op.getType());
  forEachWindow(Windows(op), op.getWindow(), false, x.shape, dy.shape, [&](int64_t at, ArrayRef<int64_t> xs, int64_t) {
    if (xs.empty())
      return;
    int64_t first = xs[0];
    for (int64_t i : xs)
      if (x.reals[i] > x.reals[first])
        first = i;
    dx.reals[first] += dy.reals[at];
  });
  return dx;
}

Evaluated evaluateWindow(Operation *op, Operands xs, Results &results) {
  auto value = llvm::TypeSwitch<Operation *, std::optional<Tensor>>(op)
                   .Case([&](DotOp op) { return dot(op, *xs[0], *xs[1]); })
                   .Case([&](ConvOp op) {
                     Tensor y(op.getType());
                     const Tensor &x = *xs[0], &w = *xs[1];
                     forEachProduct(Windows(op), op.getGroups(), x.shape, w.shape, y.shape,
                                    [&](int64_t i, int64_t k, int64_t o) { y.reals[o] += x.reals[i] * w.reals[k]; });
                     return y;
                   })
                   .Case([&](ConvInputGradOp op) {
                     Tensor dx(op.getType());
                     const Tensor &dy = *xs[0], &w = *xs[1];
                     forEachProduct(Windows(op), op.getGroups(), dx.shape, w.shape, dy.shape,
                                    [&](int64_t i, int64_t k, int64_t o) { dx.reals[i] += dy.reals[o] * w.reals[k]; });
                     return dx;
                   })
                   .Case([&](ConvWeightGradOp op) {
                     Tensor dw(op.getType());
                     const Tensor &x = *xs[0], &dy = *xs[1];
                     forEachProduct(Windows(op), op.getGroups(), x.shape, dw.shape, dy.shape,
                                    [&](int64_t i, int64_t k, int64_t o) { dw.reals[k] += x.reals[i] * dy.reals[o]; });
                     return dw;
                   })
                   .Case([&](MaxPoolOp op) { return maxPool(op, *xs[0]); })
                   .Case([&](MaxPoolGradOp op) { return maxPoolGrad(op, *xs[0], *xs[1]); })
                   .Case([&](AvgPoolOp op) {
                     Tensor y(op.getType());
                     forEachWindow(Windows(op), op.getWindow(), op.getCountIncludePad(), xs[0]->shape, y.shape,
                                   [&](int64_t at, ArrayRef<int64_t> positions, int64_t counted) {
                                     for (int64_t i : positions)
                                       y.reals[at] += xs[0]->reals[i];
                                     y.reals[at] /= double(counted);
                                   });
                     return y;
                   })
                   .Case([&](AvgPoolGradOp op) {
                     Tensor dx(op.getType());
                     forEachWindow(Windows(op), op.getWindow(), op.getCountIncludePad(), dx.shape, xs[0]->shape,
                                   [&](int64_t at, ArrayRef<int64_t> positions, int64_t counted) {
                                     for (int64_t i : positions)
                                       dx.reals[i] += xs[0]->reals[at] / double(counted);
                                   });
                     return dx;
                   })
                   .Default([](Operation *) { return std::nullopt; });
  if (!value)
    return std::nullopt;
  results.push_back(std::move(*value));
  return success();
}

} // namespace mlir::llcc
