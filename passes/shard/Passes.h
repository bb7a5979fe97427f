// Declares and registers the passes of the shard folder.
#ifndef LLCC_PASSES_SHARD_PASSES_H
#define LLCC_PASSES_SHARD_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::llcc {
#define GEN_PASS_DECL
#include "passes/shard/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/shard/Passes.h.inc"
} // namespace mlir::llcc

#endif
