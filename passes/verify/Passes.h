// Declares and registers the passes of the verify folder.
#ifndef LLCC_PASSES_VERIFY_PASSES_H
#define LLCC_PASSES_VERIFY_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::llcc {
#define GEN_PASS_DECL
#include "passes/verify/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/verify/Passes.h.inc"
} // namespace mlir::llcc

#endif
