// llcc ops that move elements: shape changes, reductions.
#include "compiler/interpreter/Evaluate.h"
#include "compiler/interpreter/Reduce.h"
#include "compiler/ir/LLCC.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {

// y[i] = x[source(i)]; negative: `fill`.
template <class Fn> static Tensor pick(Type type, const Tensor &x, Fn source, double fill = 0) {
  Tensor y(type);
  int64_t at = 0;
  forEachIndex(y.shape, [&](ArrayRef<int64_t> index) {
    int64_t from = source(index);
    if (from < 0)
      y.set(at++, fill);
    else
      y.copy(at++, x, from);
  });
  return y;
}

static Tensor pad(PadOp op, const Tensor &x) {
  SmallVector<int64_t> strides = stridesOf(x.shape);
  return pick(
      op.getType(), x,
      [&](ArrayRef<int64_t> index) -> int64_t {
        int64_t from = 0;
        for (auto [d, i] : llvm::enumerate(index)) {
          int64_t step = op.getInterior()[d] + 1, inner = i - op.getLo()[d];
          if (inner < 0 || inner % step || inner / step >= x.shape[d])
            return -1;
          from += inner / step * strides[d];
        }
        return from;
      },
      op.getValue().convertToDouble());
}

static Tensor reduce(ReduceOp op, const Tensor &x) {
  Tensor y(op.getType());
  for (int64_t i = 0, n = y.size(); i < n; ++i)
    setNeutral(y, i, op.getKind());
  SmallVector<bool> gone(x.shape.size(), false);
  for (int64_t d : op.getDims())
    gone[d] = true;
  int64_t at = 0;
  SmallVector<int64_t> kept;
  forEachIndex(x.shape, [&](ArrayRef<int64_t> index) {
    kept.clear();
    for (auto [d, i] : llvm::enumerate(index))
      if (!gone[d])
        kept.push_back(i);
    combine(y, y.linear(kept), x, at++, op.getKind());
  });
  return y;
}

static Tensor concat(ConcatOp op, Operands xs) {
  Tensor y(op.getType());
  int64_t start = 0, dim = op.getDim();
  for (const Tensor *x : xs) {
    int64_t at = 0;
    forEachIndex(x->shape, [&](ArrayRef<int64_t> index) {
      SmallVector<int64_t> to(index);
      to[dim] += start;
      y.copy(y.linear(to), *x, at++);
    });
    start += x->shape[dim];
  }
  return y;
}

Evaluated evaluateShape(Operation *op, Operands xs, Results &results) {
  auto value = llvm::TypeSwitch<Operation *, std::optional<Tensor>>(op)
                   .Case([&](BroadcastOp op) {
                     return pick(op.getType(), *xs[0], [&](ArrayRef<int64_t> index) {
                       SmallVector<int64_t> from;
                       for (auto [d, size] : llvm::zip(op.getDims(), xs[0]->shape))
                         from.push_back(size == 1 ? 0 : index[d]);
                       return xs[0]->linear(from);
                     });
                   })
                   .Case([&](ReshapeOp op) {
                     int64_t at = 0;
                     return pick(op.getType(), *xs[0], [&](ArrayRef<int64_t>) { return at++; });
                   })
                   .Case([&](TransposeOp op) {
                     return pick(op.getType(), *xs[0], [&](ArrayRef<int64_t> index) {
                       SmallVector<int64_t> from(index.size());
                       for (auto [d, p] : llvm::enumerate(op.getPerm()))
                         from[p] = index[d];
                       return xs[0]->linear(from);
                     });
                   })
                   .Case([&](SliceOp op) {
                     return pick(op.getType(), *xs[0], [&](ArrayRef<int64_t> index) {
                       SmallVector<int64_t> from;
                       for (auto [d, i] : llvm::enumerate(index))
                         from.push_back(op.getStarts()[d] + i * op.getStrides()[d]);
                       return xs[0]->linear(from);
                     });
                   })
                   .Case([&](IotaOp op) {
                     Tensor y(op.getType());
                     int64_t at = 0;
                     forEachIndex(y.shape, [&](ArrayRef<int64_t> index) { y.set(at++, double(index[op.getDim()])); });
                     return y;
                   })
                   .Case([&](PadOp op) { return pad(op, *xs[0]); })
                   .Case([&](ReduceOp op) { return reduce(op, *xs[0]); })
                   .Case([&](ConcatOp op) { return concat(op, xs); })
                   .Case([&](ReverseOp op) {
                     return pick(op.getType(), *xs[0], [&](ArrayRef<int64_t> index) {
                       SmallVector<int64_t> from(index);
                       for (int64_t d : op.getDims())
                         from[d] = xs[0]->shape[d] - 1 - from[d];
                       return xs[0]->linear(from);
                     });
                   })
                   .Default([](Operation *) { return std::nullopt; });
  if (!value)
    return std::nullopt;
  results.push_back(std::move(*value));
  return success();
}

} // namespace mlir::llcc
