// Names the repeated blocks of a model, for recomputation: module attribute llcc.blocks, ONNX node → block.
//
//   nodes (by what their forward ops are):  E  a b c d  a b c d  a b c d  N H
//   llcc.blocks:                               0 0 0 0  1 1 1 1  2 2 2 2
//
// Stands before anything is split, as a stage may have one block only, in which nothing repeats.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "passes/shard/Blocks.h"
#include "passes/shard/Passes.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_FINDBLOCKSPASS
#include "passes/shard/Passes.h.inc"

/// The run that covers most of [begin, end); of equal covers the one of shortest blocks.
static Repetition longestRun(ArrayRef<size_t> signatures, ArrayRef<bool> heavy, ArrayRef<double> crossing, size_t begin,
                             size_t end) {
  Repetition best{begin, 0, 0};
  for (size_t length = 1; 2 * length <= end - begin; ++length)
    for (size_t i = begin; i + length < end; ++i) {
      size_t first = i;
      while (i + length < end && signatures[i] == signatures[i + length])
        ++i;
      size_t total = i - first + length, count = total / length; // items from `first` on that repeat
      if (i - first < length || count * length <= best.count * best.length)
        continue;
      if (llvm::none_of(heavy.slice(first, length), [](bool is) { return is; }))
        continue;
      // Where does a block begin? Where little crosses; a block less is given for it at most.
      size_t shift = 0;
      for (size_t k = 1; k < length; ++k)
        if ((total - k) / length >= std::max<size_t>(2, count - 1) && crossing[first + k] < crossing[first + shift])
          shift = k;
      best = {first + shift, length, (total - shift) / length};
    }
  return best;
}

static void collectRuns(ArrayRef<size_t> signatures, ArrayRef<bool> heavy, ArrayRef<double> crossing, size_t begin,
                        size_t end, SmallVector<Repetition> &runs) {
  Repetition best = longestRun(signatures, heavy, crossing, begin, end);
  if (!best.count)
    return;
  runs.push_back(best);
  collectRuns(signatures, heavy, crossing, begin, best.begin, runs);
  collectRuns(signatures, heavy, crossing, best.begin + best.length * best.count, end, runs);
}

SmallVector<Repetition> findRepetitions(ArrayRef<size_t> signatures, ArrayRef<bool> heavy, ArrayRef<double> crossing) {
  SmallVector<Repetition> runs;
  collectRuns(signatures, heavy, crossing, 0, signatures.size(), runs);
  return runs;
}

namespace {
/// The nodes of a function's forward pass, in program order.
struct ForwardNodes {
  llvm::MapVector<StringRef, size_t> signature;
  llvm::StringMap<size_t> index;
  SmallVector<bool> heavy;
  SmallVector<double> crossing; ///< bytes of forward values that go from nodes before it to it or behind it

  explicit ForwardNodes(func::FuncOp func) {
    DenseSet<Operation *> backward;
    for (Operation &op : func.getBody().front()) {
      if (isBackward(op.getLoc()) || llvm::any_of(op.getOperands(), [&](Value x) {
            return x.getDefiningOp() && backward.contains(x.getDefiningOp());
          }))
        backward.insert(&op);
      StringRef node = nodeOf(op.getLoc());
      if (backward.contains(&op) || node.empty() || node == "loss" || op.getNumOperands() == 0 || !op.getNumResults())
        continue;
      auto [entry, fresh] = signature.try_emplace(node, 0);
      if (fresh) {
        index[node] = heavy.size();
        heavy.push_back(false);
      }
      entry->second = llvm::hash_combine(entry->second, op.getName().getAsOpaquePointer(), op.getNumOperands());
      for (Type type : op.getResultTypes())
        entry->second = llvm::hash_combine(entry->second, type.getAsOpaquePointer());
      heavy[index[node]] |= isa<DotOp, ConvOp, RecurrenceOp>(op);
    }
    measureCrossing(func, backward);
  }

private:
  void measureCrossing(func::FuncOp func, const DenseSet<Operation *> &backward) {
    size_t count = heavy.size();
    SmallVector<double> change(count + 2, 0);
    auto indexOf = [&](Operation *op) {
      auto found = index.find(nodeOf(op->getLoc()));
      return found == index.end() ? count : found->second;
    };
    for (Operation &op : func.getBody().front()) {
      size_t made = indexOf(&op), last = made;
      if (backward.contains(&op) || made == count)
        continue;
      for (Value result : op.getResults()) {
        for (Operation *user : result.getUsers())
          if (!backward.contains(user) && !user->hasTrait<OpTrait::IsTerminator>())
            last = std::max(last, indexOf(user));
        auto type = dyn_cast<RankedTensorType>(result.getType());
        if (!type || last == made)
          continue;
        double bytes = double(type.getNumElements()) * ((type.getElementTypeBitWidth() + 7) / 8);
        change[made + 1] += bytes;
        change[last + 1] -= bytes;
      }
    }
    double sum = 0;
    for (size_t i = 0; i < count; ++i)
      crossing.push_back(sum += change[i]);
  }
};
} // namespace

llvm::StringMap<int64_t> findBlocks(func::FuncOp gradients) {
  ForwardNodes nodes(gradients);
  SmallVector<size_t> signatures;
  SmallVector<StringRef> names;
  for (auto &[name, signature] : nodes.signature) {
    names.push_back(name);
    signatures.push_back(signature);
  }
  SmallVector<Repetition> runs = findRepetitions(signatures, nodes.heavy, nodes.crossing);
  llvm::sort(runs, [](const Repetition &a, const Repetition &b) { return a.begin < b.begin; });
  llvm::StringMap<int64_t> blocks;
  int64_t number = 0;
  for (const Repetition &run : runs)
    for (size_t k = 0; k < run.count; ++k, ++number)
      for (size_t i = 0; i < run.length; ++i)
        blocks[names[run.begin + k * run.length + i]] = number;
  return blocks;
}

namespace {
struct FindBlocksPass : impl::FindBlocksPassBase<FindBlocksPass> {
  using FindBlocksPassBase::FindBlocksPassBase;
  void runOnOperation() override {
    auto gradients = getOperation().lookupSymbol<func::FuncOp>("gradients");
    if (!gradients)
      return;
    Builder b(&getContext());
    SmallVector<NamedAttribute> entries;
    for (auto &entry : findBlocks(gradients))
      entries.push_back(b.getNamedAttr(entry.getKey(), b.getI64IntegerAttr(entry.getValue())));
    getOperation()->setAttr("llcc.blocks", b.getDictionaryAttr(entries));
  }
};
} // namespace
} // namespace mlir::llcc
