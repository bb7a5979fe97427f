// llcc ops whose positions are data: gather, scatter, argsort.
#include "compiler/interpreter/Evaluate.h"
#include "compiler/interpreter/Reduce.h"
#include "compiler/ir/LLCC.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <numeric>

namespace mlir::llcc {

// Calls fn(place in the gathered tensor, place in the table) for each element of the former, in row-major order. An
// index out of range is clamped, or left out with `drop`.
template <class Op, class Fn>
static void forEachPlace(Op op, const Tensor &indices, const Tensor &table, ArrayRef<int64_t> gathered, bool drop,
                         Fn fn) {
  int64_t axis = op.getAxis(), batch = op.getBatch(), rank = int64_t(indices.shape.size()) - batch, at = 0;
  forEachIndex(gathered, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> which(index.take_front(batch)), to(index.take_front(axis));
    llvm::append_range(which, index.slice(axis, rank));
    int64_t row = indices.ints[indices.linear(which)], rows = table.shape[axis];
    row += row < 0 ? rows : 0; // negative counts from the end
    to.push_back(std::max<int64_t>(0, std::min(row, rows - 1)));
    llvm::append_range(to, index.drop_front(axis + rank));
    int64_t from = at++;
    if (!drop || (row >= 0 && row < rows))
      fn(from, table.linear(to));
  });
}

static Tensor gather(GatherOp op, const Tensor &table, const Tensor &indices) {
  Tensor y(op.getType());
  forEachPlace(op, indices, table, y.shape, false, [&](int64_t to, int64_t from) { y.copy(to, table, from); });
  return y;
}

static Tensor scatterAdd(ScatterAddOp op, const Tensor &updates, const Tensor &indices) {
  Tensor y(op.getType());
  forEachPlace(op, indices, y, updates.shape, false,
               [&](int64_t from, int64_t to) { y.reals[to] += updates.reals[from]; });
  return y;
}

static Tensor scatter(ScatterOp op, const Tensor &data, const Tensor &updates, const Tensor &indices) {
  Tensor y = data;
  forEachPlace(op, indices, data, updates.shape, true, [&](int64_t from, int64_t to) {
    if (op.getKind())
      combine(y, to, updates, from, *op.getKind());
    else
      y.copy(to, updates, from);
  });
  return y;
}

static Tensor argsort(ArgsortOp op, const Tensor &x) {
  Tensor y(op.getType());
  int64_t axis = op.getAxis(), n = x.shape[axis], stride = stridesOf(x.shape)[axis];
  auto less = [&](int64_t a, int64_t b) { // of positions in x; NaN is the largest
    if (!x.isFloat())
      return x.ints[a] < x.ints[b];
    return std::isnan(x.reals[b]) ? !std::isnan(x.reals[a]) : x.reals[a] < x.reals[b];
  };
  SmallVector<int64_t> order(n);
  for (int64_t first = 0, size = x.size(); first < size; ++first) {
    if (first / stride % n)
      continue;
    std::iota(order.begin(), order.end(), 0);
    llvm::stable_sort(order, [&](int64_t a, int64_t b) {
      a = first + a * stride, b = first + b * stride;
      return op.getDescending() ? less(b, a) : less(a, b);
    });
    for (auto [j, i] : llvm::enumerate(order))
      y.ints[first + int64_t(j) * stride] = i;
  }
  return y;
}

Evaluated evaluateIndexing(Operation *op, Operands xs, Results &results) {
  auto value = llvm::TypeSwitch<Operation *, std::optional<Tensor>>(op)
                   .Case([&](GatherOp op) { return gather(op, *xs[0], *xs[1]); })
                   .Case([&](ScatterAddOp op) { return scatterAdd(op, *xs[0], *xs[1]); })
                   .Case([&](ScatterOp op) { return scatter(op, *xs[0], *xs[1], *xs[2]); })
                   .Case([&](ArgsortOp op) { return argsort(op, *xs[0]); })
                   .Default([](Operation *) { return std::nullopt; });
  if (!value)
    return std::nullopt;
  results.push_back(std::move(*value));
  return success();
}

} // namespace mlir::llcc
