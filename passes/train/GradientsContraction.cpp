// Gradients of contractions, convolutions and pooling.
#include "passes/train/Gradients.h"

namespace mlir::llcc {
namespace {

/// dy in the type of the operands, where the result kept its f32 sum.
Value narrowed(Backward &b, Value operand) { return b.convert(b.dy, typeOf(operand).getElementType()); }

/// One operand of a dot and how it takes part.
struct Side {
  Value value;
  ArrayRef<int64_t> batch, contract;
  SmallVector<int64_t> free;
};

/// d loss / d `mine` of y = dot(mine, other), whatever side mine is on: dy contracted with `other` over other's free
/// dimensions. `mineInDy`, `otherInDy`: positions of the free dimensions of both in dy.
///
/// The result of a dot is [batch, free of lhs, free of rhs]. Both orders of the operands are possible; the one that
/// gives mine's own layout is taken, and only where none does a transpose follows:
///   y[M,N] = x[M,K] w[N,K]:  dx[M,K] = dot(dy, w) over N;  dw[N,K] = dot(dy, x) over M
///   y[M,N] = x[M,K] w[K,N]:  dx[M,K] = dot(dy, w) over N;  dw[K,N] = dot(x, dy) over M
Value dotRule(Backward &b, Value dy, const Side &mine, const Side &other, ArrayRef<int64_t> mineInDy,
              ArrayRef<int64_t> otherInDy) {
  // Batch pairs in the order in which mine has them.
  SmallVector<int64_t> order = dimsFrom(0, mine.batch.size());
  llvm::sort(order, [&](int64_t i, int64_t j) { return mine.batch[i] < mine.batch[j]; });
  SmallVector<int64_t> dyBatch, otherBatch, batchOfMine;
  for (int64_t i : order) {
    dyBatch.push_back(i); // dy starts with the batch dimensions
    otherBatch.push_back(other.batch[i]);
    batchOfMine.push_back(mine.batch[i]);
  }
  // The contracted dimensions of `other`, as a dot lists free dimensions: ascending; beside them mine's partners.
  SmallVector<std::pair<int64_t, int64_t>> partners;
  for (auto [theirs, ours] : llvm::zip_equal(other.contract, mine.contract))
    partners.push_back({theirs, ours});
  llvm::sort(partners);
  SmallVector<int64_t> contractOfMine = llvm::to_vector(llvm::make_second_range(partners));

  auto layout = [&](ArrayRef<int64_t> first, ArrayRef<int64_t> second) { // dimension of mine at each result dimension
    SmallVector<int64_t> dims(batchOfMine);
    dims.append(first.begin(), first.end());
    dims.append(second.begin(), second.end());
    return dims;
  };
  SmallVector<int64_t> dims = layout(mine.free, contractOfMine);
  bool dyFirst = llvm::is_sorted(dims) || !llvm::is_sorted(layout(contractOfMine, mine.free));
  if (!dyFirst)
    dims = layout(contractOfMine, mine.free);

  RankedTensorType type = typeOf(mine.value);
  SmallVector<int64_t> shape, perm(dims.size());
  for (auto [i, dim] : llvm::enumerate(dims)) {
    shape.push_back(type.getDimSize(dim));
    perm[dim] = i;
  }
  Value result = dyFirst ? DotOp::create(b.builder, b.loc, type.clone(shape), dy, other.value, dyBatch, otherBatch,
                                         otherInDy, other.free)
                         : DotOp::create(b.builder, b.loc, type.clone(shape), other.value, dy, otherBatch, dyBatch,
                                         other.free, otherInDy);
  return b.transpose(result, perm);
}

Side sideOf(Value value, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract) {
  SmallVector<int64_t> bound(batch);
  bound.append(contract.begin(), contract.end());
  return {value, batch, contract, otherDims(bound, typeOf(value).getRank())};
}

void addDot(GradientTable &table) {
  table.add<DotOp>([](DotOp op, Backward &b) {
    Side lhs = sideOf(op.getLhs(), op.getLhsBatch(), op.getLhsContract());
    Side rhs = sideOf(op.getRhs(), op.getRhsBatch(), op.getRhsContract());
    int64_t batch = lhs.batch.size(), free = lhs.free.size(), rank = op.getType().getRank();
    SmallVector<int64_t> lhsInDy = dimsFrom(batch, batch + free);
    SmallVector<int64_t> rhsInDy = dimsFrom(batch + free, rank);
    Value dy = narrowed(b, op.getLhs());
    b.give(op.getLhs(), [&] { return dotRule(b, dy, lhs, rhs, lhsInDy, rhsInDy); });
    b.give(op.getRhs(), [&] { return dotRule(b, dy, rhs, lhs, rhsInDy, lhsInDy); });
  });
}

/// A convolution op with the window of `like`.
template <typename Op, typename Like> Value window(Backward &b, Like like, Type type, Value x, Value y) {
  return Op::create(b.builder, b.loc, type, x, y, like.getStrides(), like.getPadsLo(), like.getPadsHi(),
                    like.getDilations(), like.getGroups());
}

/// conv, conv_input_grad and conv_weight_grad are one trilinear form in x, w and dy, so each is the gradient of the
/// others.
void addConv(GradientTable &table) {
  table.add<ConvOp>([](ConvOp op, Backward &b) {
    Value x = op.getX(), w = op.getW(), dy = narrowed(b, x);
    b.give(x, [&] { return window<ConvInputGradOp>(b, op, x.getType(), dy, w); });
    b.give(w, [&] { return window<ConvWeightGradOp>(b, op, w.getType(), x, dy); });
  });
  table.add<ConvInputGradOp>([](ConvInputGradOp op, Backward &b) { // also ONNX ConvTranspose
    Value u = op.getDy(), w = op.getW(), dy = narrowed(b, u);
    b.give(u, [&] { return window<ConvOp>(b, op, u.getType(), dy, w); });
    b.give(w, [&] { return window<ConvWeightGradOp>(b, op, w.getType(), dy, u); });
  });
  table.add<ConvWeightGradOp>([](ConvWeightGradOp op, Backward &b) {
    Value x = op.getX(), u = op.getDy(), dy = narrowed(b, x);
    b.give(x, [&] { return window<ConvInputGradOp>(b, op, x.getType(), u, dy); });
    b.give(u, [&] { return window<ConvOp>(b, op, u.getType(), x, dy); });
  });
}

void addPools(GradientTable &table) {
  table.add<MaxPoolOp>([](MaxPoolOp op, Backward &b) {
    b.give(op.getX(), [&]() -> Value {
      return MaxPoolGradOp::create(b.builder, b.loc, op.getX().getType(), op.getX(), b.dy, op.getWindow(),
                                   op.getStrides(), op.getPadsLo(), op.getPadsHi(), op.getDilations());
    });
  });
  table.add<AvgPoolOp>([](AvgPoolOp op, Backward &b) {
    b.give(op.getX(), [&]() -> Value {
      return AvgPoolGradOp::create(b.builder, b.loc, op.getX().getType(), b.dy, op.getWindow(), op.getStrides(),
                                   op.getPadsLo(), op.getPadsHi(), op.getDilations(), op.getCountIncludePad());
    });
  });
}
} // namespace

void addContractionGradients(GradientTable &table) {
  addDot(table);
  addConv(table);
  addPools(table);
}
} // namespace mlir::llcc
