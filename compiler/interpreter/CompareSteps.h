// Compares the sharded training step on all devices with the single-device step of the same model.
#ifndef LLCC_COMPILER_INTERPRETER_COMPARESTEPS_H
#define LLCC_COMPILER_INTERPRETER_COMPARESTEPS_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::llcc {

struct CompareOptions {
  int64_t steps = 3;
  uint64_t seed = 1;
  double tolerance = 1e-5;  ///< relative to the largest change of the tensor in this step
  double padding = 0;       ///< what collectives put where the content is undefined
  double loadedPadding = 0; ///< content of padding in inputs, params and states; the real loader puts zero
};

/// Runs `options.steps` training steps on random data both ways, in f64: `single` is a module after the train stage
/// (@gradients once for each microbatch, then @update), `sharded` the same model after the shard stage (@step_stage0,
/// …; every argument and result with its logical placement in `llcc.placement` and logical shape in `llcc.shape`).
/// Compares after each step the loss, the captured gradients and every returned param and state on every device that
/// holds a piece; devices that hold the same element must hold the same bits. Prints one line to `out`; the first
/// difference is a diagnostic.
LogicalResult compareSteps(ModuleOp sharded, ModuleOp single, const CompareOptions &options, llvm::raw_ostream &out);

} // namespace mlir::llcc

#endif
