// What of the forward pass the backward pass computes again instead of keeping it (activation checkpointing).
#ifndef LLCC_PASSES_SHARD_RECOMPUTE_H
#define LLCC_PASSES_SHARD_RECOMPUTE_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::llcc {

/// Marks ops that compute a forward value again. They belong to the backward pass, must not run before it, and are not
/// the op of which they are a copy (llcc-cse compares attributes).
inline constexpr llvm::StringLiteral kRecomputed = "llcc.recomputed";

/// How many groups of values `auto` can choose from: its levels are 0 to this number. Level n recomputes the n groups
/// that save most bytes for a floating-point operation.
int64_t countRecomputeLevels(ModuleOp module);

/// Floating-point operations of a step that recomputed ops of `module` do, all stages.
double recomputedFlops(ModuleOp module);

} // namespace mlir::llcc

#endif
