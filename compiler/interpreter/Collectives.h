// What a collective gives to each member of a group.
#ifndef LLCC_COMPILER_INTERPRETER_COLLECTIVES_H
#define LLCC_COMPILER_INTERPRETER_COLLECTIVES_H

#include "compiler/interpreter/Evaluate.h"
#include "compiler/interpreter/Interpreter.h"

namespace mlir::llcc {

/// True where an operand or result type of `op` carries a placement: then the op has its logical meaning.
bool isPlaced(Operation *op);

/// Combines the operands of a group, `xs[member]`, members in row-major order along the op's axes, into
/// `results[member]`. nullopt where `op` is no collective.
Evaluated evaluateCollective(Operation *op, ArrayRef<SmallVector<const Tensor *>> xs, const RunOptions &options,
                             MutableArrayRef<Results> results);

/// axis_slice, mask, axis_offset: what depends on the device but needs no other.
Evaluated evaluateMember(Operation *op, Operands xs, MeshAttr mesh, int64_t device, Results &results);

/// `axes` of a collective, or of axis_slice, mask, axis_offset; empty for other ops.
SmallVector<StringAttr> axesOf(Operation *op);

} // namespace mlir::llcc

#endif
