// Chooses what to recompute so that a plan fits the memory of a device.
#ifndef LLCC_COMPILER_PIPELINE_FITMEMORY_H
#define LLCC_COMPILER_PIPELINE_FITMEMORY_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::llcc {

/// For each pipeline stage the level of llcc-recompute with which it needs at most `memory` bytes, as measured on its
/// planned arena: 0 where it fits anyway, else the lowest that fits, found by halving; the highest where none fits.
/// `module` is that of the shard stage and is not changed; it is planned some log2(levels) times. Fails, with
/// diagnostics, where it cannot be planned.
FailureOr<SmallVector<int64_t>> fitMemory(ModuleOp module, uint64_t memory);

} // namespace mlir::llcc

#endif
