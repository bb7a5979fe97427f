// What one op computes on one device: the semantics of Ops.td as plain loops.
#ifndef LLCC_COMPILER_INTERPRETER_EVALUATE_H
#define LLCC_COMPILER_INTERPRETER_EVALUATE_H

#include "compiler/interpreter/Tensor.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::llcc {

using Operands = ArrayRef<const Tensor *>;
using Results = SmallVector<Tensor, 1>;

/// Each family answers nullopt for an op that is not its own, failure after a diagnostic at the op.
/// Results have the shape and element type of the op's results and are not rounded yet.
using Evaluated = std::optional<LogicalResult>;

/// arith and math, on tensors of equal shape and on scalars (rank 0).
Evaluated evaluateElementwise(Operation *op, Operands xs, Results &results);
/// llcc shape changes and reductions.
Evaluated evaluateShape(Operation *op, Operands xs, Results &results);
/// llcc gather, scatter, argsort.
Evaluated evaluateIndexing(Operation *op, Operands xs, Results &results);
/// llcc dot, convolution, pooling and their gradients.
Evaluated evaluateWindow(Operation *op, Operands xs, Results &results);
/// llcc ops that are whole for differentiation: softmax, layer norm, gelu, …, update.
Evaluated evaluateWhole(Operation *op, Operands xs, Results &results);
/// llcc recurrence and recurrence_grad.
Evaluated evaluateRecurrence(Operation *op, Operands xs, Results &results);

} // namespace mlir::llcc

#endif
