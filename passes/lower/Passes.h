// Declares and registers the passes of the lower folder.
#ifndef LLCC_PASSES_LOWER_PASSES_H
#define LLCC_PASSES_LOWER_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::llcc {
#define GEN_PASS_DECL
#include "passes/lower/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/lower/Passes.h.inc"
} // namespace mlir::llcc

#endif
