// Gradients with summands on several pipeline stages (tied weights): each stage returns and sums its own part.
#ifndef LLCC_PASSES_SHARD_TIEDGRADIENTS_H
#define LLCC_PASSES_SHARD_TIEDGRADIENTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::llcc {

/// Gives @gradients one result for each part of a gradient that is a sum, all under the parameter's name: the sum over
/// microbatches of a sum is the sum of the sums. `stageOf` says where an op of the backward pass runs, nothing for
/// others. A gradient all of whose summands are of one stage stays as it is, unless `always`: then each summand is a
/// part, on any number of stages, so that the order of additions does not depend on them
/// (--deterministic=strategy). True where something changed; ops that are no longer needed are gone then.
bool splitTiedGradients(func::FuncOp gradients, function_ref<std::optional<int64_t>(Operation *)> stageOf, bool always);

} // namespace mlir::llcc

#endif
