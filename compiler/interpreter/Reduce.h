// How elements are combined by reductions and collectives.
#ifndef LLCC_COMPILER_INTERPRETER_REDUCE_H
#define LLCC_COMPILER_INTERPRETER_REDUCE_H

#include "compiler/interpreter/Tensor.h"
#include "compiler/ir/LLCC.h"

namespace mlir::llcc {

/// Sets element `i` to the neutral element of `kind`: 0, -inf, +inf, 1 (integers: the smallest, the largest).
void setNeutral(Tensor &y, int64_t i, ReduceKind kind);
/// y[i] = kind(y[i], x[from]); element types are equal. NaN wins in max and min.
void combine(Tensor &y, int64_t i, const Tensor &x, int64_t from, ReduceKind kind);

} // namespace mlir::llcc

#endif
