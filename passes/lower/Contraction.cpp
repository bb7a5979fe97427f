// Dots become calls on matrices: which dimensions collapse, and which need a transpose.
#include "passes/lower/Contraction.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::llcc {

namespace {
using Dims = SmallVector<int64_t>;

/// One operand of a dot: its dimensions by what they do.
struct Side {
  Dims batch, free, contract, shape;

  static Side of(Value x, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract) {
    Side side;
    side.shape = llvm::to_vector(cast<RankedTensorType>(x.getType()).getShape());
    side.batch = llvm::to_vector(batch);
    side.contract = llvm::to_vector(contract);
    for (int64_t d = 0; d < int64_t(side.shape.size()); ++d)
      if (!llvm::is_contained(batch, d) && !llvm::is_contained(contract, d))
        side.free.push_back(d);
    return side;
  }
  /// Dimensions in the order of the parts; those of size 1 take no room in memory and may stand anywhere.
  bool liesAs(const Dims &one, const Dims &two) const {
    int64_t last = -1;
    for (const Dims *part : {&batch, &one, &two})
      for (int64_t d : *part) {
        if (shape[d] == 1)
          continue;
        if (d < last)
          return false;
        last = d;
      }
    return true;
  }
  bool isCollapsible() const { return liesAs(free, contract) || liesAs(contract, free); }
  int64_t sizeOf(const Dims &dims) const {
    int64_t n = 1;
    for (int64_t d : dims)
      n *= shape[d];
    return n;
  }
  /// The order that keeps the innermost dimension innermost, so that the copy reads and writes along it.
  Dims permutation() const {
    Dims perm = batch;
    bool contractLast = llvm::is_contained(contract, int64_t(shape.size()) - 1);
    perm.append(contractLast ? free : contract);
    perm.append(contractLast ? contract : free);
    return perm;
  }
};

Side lhsOf(DotOp dot) { return Side::of(dot.getLhs(), dot.getLhsBatch(), dot.getLhsContract()); }
Side rhsOf(DotOp dot) { return Side::of(dot.getRhs(), dot.getRhsBatch(), dot.getRhsContract()); }

Dims mapped(ArrayRef<int64_t> dims, ArrayRef<int64_t> through) {
  Dims result;
  for (int64_t d : dims)
    result.push_back(through[d]);
  return result;
}

/// Reads through transposes of an operand where the rest still collapses.
void absorbTranspose(DotOp dot, bool left) {
  while (auto transpose = (left ? dot.getLhs() : dot.getRhs()).getDefiningOp<TransposeOp>()) {
    Side old = left ? lhsOf(dot) : rhsOf(dot);
    ArrayRef<int64_t> perm = transpose.getPerm();
    Dims batch = mapped(old.batch, perm), contract = mapped(old.contract, perm), free = mapped(old.free, perm);
    if (!llvm::is_sorted(free) || !Side::of(transpose.getX(), batch, contract).isCollapsible())
      return;
    (left ? dot.getLhsMutable() : dot.getRhsMutable()).assign(transpose.getX());
    left ? dot.setLhsBatch(batch) : dot.setRhsBatch(batch);
    left ? dot.setLhsContract(contract) : dot.setRhsContract(contract);
  }
}

/// Pairs of contracted dimensions may stand in any order: takes that of one operand's memory.
void sortContracted(DotOp dot, bool byLhs) {
  SmallVector<std::pair<int64_t, int64_t>> pairs;
  for (auto [l, r] : llvm::zip(dot.getLhsContract(), dot.getRhsContract()))
    pairs.push_back(byLhs ? std::pair(l, r) : std::pair(r, l));
  llvm::sort(pairs);
  Dims first, second;
  for (auto [a, b] : pairs)
    first.push_back(a), second.push_back(b);
  dot.setLhsContract(byLhs ? first : second);
  dot.setRhsContract(byLhs ? second : first);
}

void insertTranspose(DotOp dot, bool left) {
  Side side = left ? lhsOf(dot) : rhsOf(dot);
  if (side.isCollapsible())
    return;
  Dims perm = side.permutation(), inverse(perm.size()), shape;
  for (auto [to, from] : llvm::enumerate(perm)) {
    inverse[from] = to;
    shape.push_back(side.shape[from]);
  }
  OpBuilder builder(dot);
  Value x = left ? dot.getLhs() : dot.getRhs();
  auto type = cast<RankedTensorType>(x.getType()).clone(shape);
  Value moved = TransposeOp::create(builder, dot.getLoc(), type, x, perm);
  (left ? dot.getLhsMutable() : dot.getRhsMutable()).assign(moved);
  Dims batch = mapped(side.batch, inverse), contract = mapped(side.contract, inverse);
  left ? dot.setLhsBatch(batch) : dot.setRhsBatch(batch);
  left ? dot.setLhsContract(contract) : dot.setRhsContract(contract);
}

/// transpose(dot(a, b)) that swaps the free blocks is dot(b, a).
void swapOperands(DotOp dot) {
  if (!dot->hasOneUse())
    return;
  auto transpose = dyn_cast<TransposeOp>(*dot->user_begin());
  if (!transpose)
    return;
  int64_t batch = dot.getLhsBatch().size(), m = lhsOf(dot).free.size(), n = rhsOf(dot).free.size();
  Dims swapped;
  for (int64_t i = 0; i < batch; ++i)
    swapped.push_back(i);
  for (int64_t i = 0; i < n; ++i)
    swapped.push_back(batch + m + i);
  for (int64_t i = 0; i < m; ++i)
    swapped.push_back(batch + i);
  if (transpose.getPerm() != ArrayRef<int64_t>(swapped))
    return;
  OpBuilder builder(dot);
  Value result = DotOp::create(builder, dot.getLoc(), transpose.getType(), dot.getRhs(), dot.getLhs(),
                               dot.getRhsBatch(), dot.getLhsBatch(), dot.getRhsContract(), dot.getLhsContract());
  transpose.getResult().replaceAllUsesWith(result);
  transpose.erase();
  dot.erase();
}
} // namespace

std::optional<Contraction> contractionOf(DotOp dot) {
  Side lhs = lhsOf(dot), rhs = rhsOf(dot);
  Contraction result;
  result.batch = lhs.sizeOf(lhs.batch);
  result.m = lhs.sizeOf(lhs.free);
  result.n = rhs.sizeOf(rhs.free);
  result.k = lhs.sizeOf(lhs.contract);
  if (!lhs.isCollapsible() || !rhs.isCollapsible())
    return {};
  result.lhsTransposed = !lhs.liesAs(lhs.free, lhs.contract);
  result.rhsTransposed = !rhs.liesAs(rhs.contract, rhs.free);
  return result;
}

void canonicalizeDots(func::FuncOp function) {
  SmallVector<DotOp> dots;
  function.walk([&](DotOp dot) { dots.push_back(dot); });
  for (DotOp dot : dots)
    swapOperands(dot);
  dots.clear();
  function.walk([&](DotOp dot) { dots.push_back(dot); });
  for (DotOp dot : dots) {
    for (bool left : {true, false})
      absorbTranspose(dot, left);
    sortContracted(dot, /*byLhs=*/true);
    if (!lhsOf(dot).isCollapsible() || !rhsOf(dot).isCollapsible())
      sortContracted(dot, /*byLhs=*/false);
    for (bool left : {true, false})
      insertTranspose(dot, left);
  }
}

} // namespace mlir::llcc
