// Small rewrites of a step function that let fusing see more.
#ifndef LLCC_PASSES_LOWER_PREPARATION_H
#define LLCC_PASSES_LOWER_PREPARATION_H

#include "mlir/Support/LLVM.h"

namespace mlir::func {
class FuncOp;
}

namespace mlir::llcc {

/// Refuses what can't be lowered (ops of earlier stages, types that are not static tensors), each with its node.
LogicalResult checkLowerable(func::FuncOp function);

/// Drops dead ops; moves of unit dimensions become reshapes (views); wide concats and long reductions to one value are
/// cut in two; the backward pass of a relu reads the relu's result, so that its operand need not be kept.
void prepareForFusing(func::FuncOp function);

} // namespace mlir::llcc

#endif
