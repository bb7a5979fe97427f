// Which pipeline stage computes what: assignment of the ops of @gradients to stages.
#ifndef LLCC_PASSES_SHARD_STAGES_H
#define LLCC_PASSES_SHARD_STAGES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::llcc {

/// Stage of each op of @gradients that its results need.
///
/// A forward op runs on the stage of its ONNX node (nodes are cut in program order so that the stages' forward work is
/// balanced, loss on the last stage) or below, where its operands come from; a backward op on that of its node or
/// above. So forward values only go to later stages and backward values only to earlier ones.
struct StageAssignment {
  DenseMap<Operation *, int64_t> stage;             ///< of needed ops that are not constant
  DenseSet<Operation *> backward;                   ///< ops of the backward pass
  DenseSet<Operation *> constant;                   ///< depend on no argument: every stage computes its own
  DenseSet<Operation *> needed;                     ///< a result or a capture depends on them
  DenseMap<unsigned, int64_t> owner;                ///< stage that keeps and updates a parameter, by argument number
  SmallVector<std::pair<StringRef, int64_t>> nodes; ///< stage of each ONNX node that computes
};

/// `stages` counts pieces where a stage holds several chunks. Where the module has `llcc.stages` (ONNX node → stage, as
/// the file's annotations say) of that many, these are the boundaries. Fails, with a message, where there are more
/// stages than nodes, a named stage goes back along a value, or is empty.
FailureOr<StageAssignment> assignStages(func::FuncOp gradients, int64_t stages);

/// Work of a forward op: floating-point operations of contractions, elements of everything else.
double forwardCost(Operation *op);

/// Cuts a list of items into `parts` contiguous runs, and returns where each run begins. The dearest run is as cheap as
/// can be, up to `slack`; among such cuts as little as possible crosses: `crossing[i]` is what a cut in front of item i
/// costs. Each run gets an item of `wanted` where there are enough of them. `parts` <= number of items.
SmallVector<size_t> balancedCut(ArrayRef<double> costs, ArrayRef<bool> wanted, ArrayRef<double> crossing, size_t parts,
                                double slack = 0.1);

} // namespace mlir::llcc

#endif
