// Propagation of cuts through one function, from seeds to a fixpoint.
#ifndef LLCC_PASSES_SHARD_PROPAGATION_H
#define LLCC_PASSES_SHARD_PROPAGATION_H

#include "passes/shard/Placement.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {

/// The cuts that each value of a function would like to have. Axes move along factors, forward and backward; what a
/// value has it keeps, so the order of seeds decides conflicts; ops are visited in program order, so the result is the
/// same on each run. Whether an op really computes a value that way, and what stays pending, is `finish`'s matter.
class Propagation {
public:
  Propagation(func::FuncOp func, MeshAttr mesh);

  /// Gives `value` cuts. A closed value takes no others but at dimensions in `open`.
  void seed(Value value, ArrayRef<Axes> dims, bool closed, ArrayRef<int64_t> open = {});
  /// Propagates what was seeded to the fixpoint.
  void run();
  ArrayRef<Axes> wanted(Value value) const;
  Placement placement(Value value) const { return {SmallVector<Axes>(wanted(value)), {}}; }
  const ShardingRule &rule(Operation *op) const { return rules.find(op)->second; }

  /// The placements that the ops really compute, in program order: an op whose operands are cut along a
  /// reduced factor gives a partial value. A partial value waits (stays partial through ops that carry it) as long as
  /// all of its users let it wait; if one needs it whole, it is resolved once, for all. `use` says what the terminator
  /// and ops without results take: true if operand `use` may stay partial. With `scattered`, a value that is resolved
  /// and would like to be cut over the pending axes is so for all users (but the terminator), as this map then says.
  llvm::MapVector<Value, Placement> finish(function_ref<bool(OpOperand &use)> takesPartial,
                                           llvm::MapVector<Value, Placement> *scattered = nullptr);

private:
  bool visit(Operation *op);

  func::FuncOp func;
  MeshAttr mesh;
  DenseMap<Operation *, ShardingRule> rules;
  DenseMap<Value, SmallVector<Axes>> cuts;
  DenseMap<Value, SmallVector<int64_t, 2>> closed; ///< …with the dimensions that stay open
  SetVector<Operation *> worklist;
};

/// What `op` needs of its operands where values are placed as `have` says, i.e. as Propagation::finish found or the IR
/// records. Operands that are pending where the result does not wait for them are needed resolved. Fails where the
/// placements of the results are not what the op gives: `given` tells that then.
FailureOr<SmallVector<Placement>> getNeeds(Operation *op, function_ref<Placement(Value)> have, MeshAttr mesh,
                                           SmallVector<Placement> &given);

/// Clones ops that cost nothing so that each use has its own.
void splitFreeOps(func::FuncOp func);

/// The placements that `llcc.sharding` attributes on the arguments of `func` ask for, checked against rank and mesh;
/// empty where an argument has none. Errors name the argument.
FailureOr<SmallVector<std::optional<Placement>>> readSeeds(func::FuncOp func, MeshAttr mesh);

/// ONNX name of argument or "argument #i": for messages.
std::string describeArgument(func::FuncOp func, unsigned i);

} // namespace mlir::llcc

#endif
