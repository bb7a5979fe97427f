// Partition of a step function's ops into kernels-to-be: a graph of groups and anchors that never gets a cycle.
#ifndef LLCC_PASSES_LOWER_GROUPS_H
#define LLCC_PASSES_LOWER_GROUPS_H

#include "compiler/ir/Ring.h"
#include "passes/lower/KernelForm.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::llcc {

/// Collectives, sends and receives.
inline bool isCommunication(Operation *op) {
  return isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp, SendOp, RecvOp>(op);
}

/// Bytes of the elements; an i1 takes a byte.
inline int64_t bytesOf(Value value) {
  return elementsOf(value) * ((cast<RankedTensorType>(value.getType()).getElementTypeBitWidth() + 7) / 8);
}

/// An op that stays (anchor), or ops that become one kernel.
struct Group {
  SmallVector<Operation *> members; ///< in program order; one for an anchor
  bool anchor = false;
  /// It has members of the forward pass; members that compute forward values again (llcc-recompute) in the backward
  /// pass, which must stay there: they depend on nothing that would keep them from running early.
  bool forward = false, recomputed = false;
  int64_t position = 0;                            ///< of the last member in the function
  llvm::SmallSetVector<unsigned, 8> before, after; ///< neighbours in the graph
};

/// What a group's kernel looks like.
struct KernelBody {
  SmallVector<Operation *> ops; ///< members and the free ops that they pull, in program order
  SmallVector<Value> arguments; ///< in the order of first use; may be a reshape of a value that lives outside (a view)
  SmallVector<Value> results;
};

class Groups {
public:
  /// One group for each op of `function` that is computed once. The function must hold no foreign op.
  explicit Groups(func::FuncOp function);

  /// Joins producers with consumers, then siblings, as long as one form covers both and no cycle arises.
  void fuse();

  KernelBody bodyOf(ArrayRef<Operation *> members) const;
  const Group &operator[](unsigned id) const { return groups[id]; }
  /// Groups and anchors in an order that respects every edge, otherwise as in the source. Before it is made, groups
  /// that overwrite a parameter are made to follow its other readers where they can.
  SmallVector<unsigned> order();
  /// Groups that read `value` (a function argument or the result of an op that is computed once), through views and
  /// free ops too.
  ArrayRef<unsigned> readersOf(Value value);

private:
  SmallVector<unsigned> sorted();
  bool wouldHurry(unsigned a, unsigned b) const;
  std::optional<unsigned> groupOf(Operation *op) const;
  void addEdge(unsigned from, unsigned to);
  bool reaches(unsigned from, unsigned to) const;
  bool findForward(unsigned from, unsigned to, DenseSet<unsigned> &forward) const;
  bool keepsAlive(unsigned a, unsigned b);
  bool tryMerge(unsigned a, unsigned b);
  bool fuseProducers();
  void sinkSoleReads();
  void fuseSiblings();
  bool isNewValue(OpOperand &use) const;
  bool areSiblings(unsigned a, unsigned b, int64_t shared) const;
  /// Values computed once (or arguments) that `op` reads, seen through free ops.
  void sourcesOf(Operation *op, llvm::SmallSetVector<Value, 8> &sources) const;
  bool isComputedOnce(Operation *op) const { return owner.contains(op); }

  mutable func::FuncOp function;
  DenseMap<Operation *, unsigned> owner; ///< op that is computed once -> its first group, see find
  DenseMap<Operation *, int64_t> position;
  mutable SmallVector<unsigned> leader; ///< union-find
  SmallVector<Group> groups;
  SmallVector<unsigned> rank;     ///< a topological numbering of the groups…
  SmallVector<unsigned> sequence; ///< …and the group of each number; kNone where it was joined away
  DenseMap<Value, SmallVector<Operation *>> consumers; ///< value -> ops computed once (and anchors) that read it
  DenseMap<Value, SmallVector<unsigned>> readers;

  unsigned find(unsigned id) const;
};

} // namespace mlir::llcc

#endif
