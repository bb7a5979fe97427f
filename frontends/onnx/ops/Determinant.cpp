// Det: the expansion by minors, one row after the other, so that it and its gradient are right for singular matrices
// too.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include <map>

namespace mlir::llcc::frontend {

/// Rows of the largest matrix: its minors are as many as the subsets of its columns.
constexpr int64_t kMaxRows = 10;

namespace {

/// A constant of i64 as a value, [rows, columns].
Value table(Binder &b, ArrayRef<int64_t> numbers, int64_t rows, int64_t columns) {
  return b.constantValue(intConstant(b.context(), numbers, Shape{rows, columns}), "minors");
}

/// Elements of the last dimension of x, [batch, n], at `places`, [rows, columns]: [batch, rows, columns].
Value pickLast(Binder &b, Value x, Value places) {
  Shape to = {shapeOf(x)[0]};
  to.append(shapeOf(places).begin(), shapeOf(places).end());
  return GatherOp::create(b.builder, b.loc, typeOf(x).clone(to), x, places, 1);
}

/// After row k the minor of columns S, |S| = k + 1, is the sum over j in S of ± x[k, j] · minor(S without j): the sign
/// is that of the number of columns in S behind j. A row of the tables stands for an S.
LogicalResult importDet(Binder &b) {
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  Shape shape(shapeOf(x));
  int64_t rank = shape.size(), n = rank ? shape.back() : 0;
  if (rank < 2 || shape[rank - 2] != n)
    return b.bad("X is " + showShape(shape) + ", its last two dimensions must be equal");
  if (n > kMaxRows)
    return b.unsupported("X is " + showShape(shape) + ", matrices of at most " + Twine(kMaxRows) +
                         " rows are supported");
  Shape outer(ArrayRef(shape).drop_back(2));
  int64_t batch = *countElements(outer);
  Arithmetic a(b);
  Value rows = reshape(b, x, {batch, n, n}), minors = splat(b, {batch, 1}, typeOf(x).getElementType(), 1);
  std::map<uint32_t, int64_t> places = {{0, 0}}; // columns as bits -> which minor
  for (int64_t k = 0; k < n; ++k) {
    std::map<uint32_t, int64_t> next;
    SmallVector<int64_t> columns, smaller, behind;
    for (uint32_t set = 0; set < (uint32_t(1) << n); ++set) {
      if (llvm::popcount(set) != k + 1)
        continue;
      next.insert({set, int64_t(next.size())});
      for (int64_t j = 0; j < n; ++j)
        if (set >> j & 1) {
          columns.push_back(j);
          smaller.push_back(places.at(set & ~(uint32_t(1) << j)));
          behind.push_back(llvm::popcount(set >> (j + 1)) % 2);
        }
    }
    int64_t count = next.size();
    Value row = reshape(b, a.slice(rows, 1, k, 1), {batch, n});
    Value products =
        a.mul(pickLast(b, row, table(b, columns, count, k + 1)), pickLast(b, minors, table(b, smaller, count, k + 1)));
    Value isOdd = a.equal(broadcastTo(b, table(b, behind, count, k + 1), shapeOf(products)), 1.0);
    minors = a.sum(a.select(isOdd, a.neg(products), products), {2}, /*keep=*/false);
    places = std::move(next);
  }
  b.result(reshape(b, minors, outer));
  return success();
}

} // namespace

void addDeterminantOps(OpTable &t) { t.onOp("Det", 11, importDet); }

} // namespace mlir::llcc::frontend
