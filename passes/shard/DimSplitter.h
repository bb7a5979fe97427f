// Dimensions of values that become several: joined along the loops of the ops, split class by class.
#ifndef LLCC_PASSES_SHARD_DIMSPLITTER_H
#define LLCC_PASSES_SHARD_DIMSPLITTER_H

#include "passes/shard/Propagation.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::llcc {

/// Dimensions of values are joined into classes along the loops of the ops (Rules.h). Who uses this chooses classes and
/// what they are split into; the ops are then written anew on split dimensions. Reshapes remain where an op knows no
/// such form and where a value leaves the function. The elements lie in memory as before.
class DimSplitter {
public:
  using Sizes = SmallVector<int64_t>;
  using Place = std::pair<void *, int64_t>; ///< a value (opaque) and one of its dimensions

  explicit DimSplitter(func::FuncOp func) : func(func), b(func.getContext()) { join(); }

  /// Calls `fn` in program order for each reshape that merges `dims` of `parts` (real ones, two or more) into dimension
  /// `dim` of `merged`, or splits it into them.
  void forEachMerge(function_ref<void(Value merged, int64_t dim, Value parts, ArrayRef<int64_t> dims)> fn);
  /// The class of a dimension, by its leader; none where no loop runs along it.
  std::optional<Place> leader(Value value, int64_t dim) const;
  /// Classes to split, by leader, and into what, major first. To be filled before `run`.
  llvm::MapVector<Place, Sizes> sizes;
  /// Rewrites the function. Arguments with split dimensions get new types; `changed` hears of each, with its type
  /// before.
  void run(function_ref<void(unsigned arg, RankedTensorType before)> changed = {});

private:
  func::FuncOp func;
  OpBuilder b;
  llvm::EquivalenceClasses<Place> classes;
  DenseMap<Value, Value> split; ///< value → the same with its dimensions split
  DenseSet<Operation *> replaced;

  static bool hasSplitForm(Operation *op);
  void join();
  const Sizes *partsOf(Value value, int64_t dim) const;
  bool isSplit(Value value) const;
  RankedTensorType splitType(Value value) const;
  Sizes positions(Value value, int64_t dim) const;
  Sizes positions(Value value, ArrayRef<int64_t> dims) const;
  int64_t countOf(Value value, int64_t count) const;
  Sizes expand(Value value, ArrayRef<int64_t> numbers, int64_t fill) const;
  Value splitOf(Value value, Location loc);
  bool canSplit(Operation *op) const;
  Operation *makeSplit(Operation *op);
  void rewrite(Operation *op);
  void replace(Operation *op, Value value);
  bool joins(Operation *op) const;
};

/// The shape of a value; empty where it is no tensor.
inline ArrayRef<int64_t> shapeOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getShape() : ArrayRef<int64_t>();
}

} // namespace mlir::llcc

#endif
