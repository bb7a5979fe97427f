// Compares the gradients of @gradients with finite differences of its loss.
#ifndef LLCC_COMPILER_INTERPRETER_CHECKGRADIENTS_H
#define LLCC_COMPILER_INTERPRETER_CHECKGRADIENTS_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::llcc {

struct CheckGradientsOptions {
  uint64_t seed = 1;
  double tolerance = 1e-6;
  int64_t points = 1;    ///< random settings of inputs and params
  int64_t elements = 64; ///< of each param that are checked; all where it has no more
};

/// Checks every result with llcc.gradient of `module`'s @gradients; prints the largest relative error to `out`.
/// Fails with a diagnostic that names param and element where it exceeds the tolerance.
LogicalResult checkGradients(ModuleOp module, const CheckGradientsOptions &options, llvm::raw_ostream &out);

} // namespace mlir::llcc

#endif
