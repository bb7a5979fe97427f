// Chains of reshapes and transposes become one split, one transpose, one merge, without the steps between.
//
//   %1 = llcc.reshape %0   : 17x4x32 -> 17x16x8       batch and heads in one dimension, as exporters write attention
//   %2 = llcc.transpose %1 : 17x16x8 -> 16x17x8   ⇒   %1 = llcc.reshape %0   : 17x4x32  -> 17x4x4x8
//   %3 = llcc.reshape %2   : 16x17x8 -> 4x4x17x8      %3 = llcc.transpose %1 : 17x4x4x8 -> 4x4x17x8
//
// A dimension that is merged with another one and split off again could not be cut over devices in between (only the
// major part of a merged dimension can), so that attention would be gathered. It also saves copies.
#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/train/Passes.h"
#include <list>

namespace mlir::llcc {
#define GEN_PASS_DEF_SIMPLIFYVIEWSPASS
#include "passes/train/Passes.h.inc"

namespace {

using Sizes = SmallVector<int64_t>;

bool isView(Operation *op) { return op && isa<ReshapeOp, TransposeOp>(op); }

/// Elements of a tensor as a row of atoms: pieces of dimensions that stay together. A dimension is a run of atoms, one
/// of size 1 an empty run.
class Atoms {
public:
  explicit Atoms(ArrayRef<int64_t> shape) {
    for (int64_t size : shape) {
      dims.emplace_back();
      if (size != 1)
        dims.back().push_back(make(size));
    }
    origin = dims;
  }

  void transpose(ArrayRef<int64_t> perm) {
    SmallVector<Run> moved;
    for (int64_t from : perm)
      moved.push_back(dims[from]);
    dims = std::move(moved);
  }

  /// False where a new dimension does not begin and end at the border of atoms, however they are split.
  bool reshape(ArrayRef<int64_t> shape) {
    Run row;
    for (const Run &run : dims)
      row.append(run.begin(), run.end());
    SmallVector<Run> made;
    size_t at = 0;
    for (int64_t size : shape) {
      made.emplace_back();
      for (int64_t left = size; left > 1;) {
        if (at == row.size())
          return false;
        int64_t atom = sizes[row[at]];
        if (left % atom == 0) {
          left /= atom;
          made.back().push_back(row[at++]);
          continue;
        }
        if (atom % left != 0)
          return false;
        int minor = make(atom / left), major = row[at];
        sizes[major] = left;
        for (SmallVector<Run> *all : {&origin, &made})
          for (Run &run : *all)
            insertBehind(run, major, minor);
        insertBehind(row, major, minor);
      }
    }
    if (at != row.size())
      return false;
    dims = std::move(made);
    return true;
  }

  /// The split, transpose and merge that lead from the original shape to the one reached, in as few and as large atoms
  /// as do.
  void plan(Sizes &split, Sizes &perm) const {
    SmallVector<std::pair<int, int>> from, to; // atom and its dimension
    for (auto [d, run] : llvm::enumerate(origin))
      for (int atom : run)
        from.push_back({atom, int(d)});
    for (auto [d, run] : llvm::enumerate(dims))
      for (int atom : run)
        to.push_back({atom, int(d)});
    // Atoms that stand beside each other here and there, in one dimension each time, are one.
    SmallVector<int> first; // atom that begins each group, in the original order
    DenseMap<int, int> next, at, dimension;
    for (size_t i = 0; i + 1 < to.size(); ++i)
      if (to[i].second == to[i + 1].second)
        next[to[i].first] = to[i + 1].first;
    for (size_t i = 0; i < from.size(); ++i) {
      bool joins = i && from[i].second == from[i - 1].second && next.contains(from[i - 1].first) &&
                   next.lookup(from[i - 1].first) == from[i].first;
      if (joins) {
        split.back() *= sizes[from[i].first];
        continue;
      }
      at[from[i].first] = int(split.size());
      split.push_back(sizes[from[i].first]);
    }
    for (auto [atom, d] : to)
      if (auto group = at.find(atom); group != at.end())
        perm.push_back(group->second);
  }

private:
  using Run = SmallVector<int, 4>;
  int make(int64_t size) {
    sizes.push_back(size);
    return int(sizes.size()) - 1;
  }
  static void insertBehind(Run &run, int major, int minor) {
    if (auto at = llvm::find(run, major); at != run.end())
      run.insert(at + 1, minor);
  }

  Sizes sizes;
  SmallVector<Run> origin, dims;
};

struct SimplifyViewsPass : impl::SimplifyViewsPassBase<SimplifyViewsPass> {
  using SimplifyViewsPassBase::SimplifyViewsPassBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      SmallVector<Operation *> ends;
      func.walk([&](Operation *op) {
        bool goes = isView(op) && op->hasOneUse() && isView(*op->user_begin());
        if (isView(op) && !goes)
          ends.push_back(op);
      });
      for (Operation *end : ends)
        simplify(end);
    }
  }

private:
  static void simplify(Operation *end) {
    SmallVector<Operation *> chain = {end};
    while (Operation *def = chain.back()->getOperand(0).getDefiningOp()) {
      if (!isView(def) || !def->hasOneUse())
        break;
      chain.push_back(def);
    }
    Value x = chain.back()->getOperand(0);
    auto type = cast<RankedTensorType>(x.getType()), wanted = cast<RankedTensorType>(end->getResult(0).getType());
    if (chain.size() < 2 || llvm::is_contained(type.getShape(), 0))
      return;
    Atoms atoms(type.getShape());
    for (Operation *op : llvm::reverse(chain)) {
      if (auto transpose = dyn_cast<TransposeOp>(op))
        atoms.transpose(transpose.getPerm());
      else if (!atoms.reshape(cast<RankedTensorType>(op->getResult(0).getType()).getShape()))
        return;
    }
    Sizes split, perm, moved;
    atoms.plan(split, perm);
    for (int64_t from : perm)
      moved.push_back(split[from]);
    bool transposes = !llvm::is_sorted(perm);
    bool splits = transposes && ArrayRef(split) != type.getShape();
    bool merges = transposes ? ArrayRef(moved) != wanted.getShape() : type != wanted;
    if (size_t(transposes) + splits + merges >= chain.size())
      return;
    OpBuilder b(end);
    if (splits)
      x = ReshapeOp::create(b, end->getLoc(), type.clone(split), x);
    if (transposes)
      x = TransposeOp::create(b, end->getLoc(), type.clone(moved), x, perm);
    if (merges)
      x = ReshapeOp::create(b, end->getLoc(), wanted, x);
    end->getResult(0).replaceAllUsesWith(x);
    for (Operation *op : chain)
      op->erase();
  }
};
} // namespace
} // namespace mlir::llcc
