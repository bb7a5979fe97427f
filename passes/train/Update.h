// The optimizers' formulas, in the order of PyTorch's single-tensor implementation. Sources: README.md.
#ifndef LLCC_PASSES_TRAIN_UPDATE_H
#define LLCC_PASSES_TRAIN_UPDATE_H

#include "passes/train/Emitter.h"

namespace mlir::llcc {

/// Values of the results of `op` (new parameter, new states); failure with a diagnostic where its kind is not known or
/// it lacks a state or a number. What depends on lr and step alone is computed in f64 and rounded once.
FailureOr<SmallVector<Value>> emitUpdate(Emitter &e, UpdateOp op);

} // namespace mlir::llcc

#endif
