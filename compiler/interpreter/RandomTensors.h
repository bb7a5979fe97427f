// Random values for arguments, by what their attributes say they hold.
#ifndef LLCC_COMPILER_INTERPRETER_RANDOMTENSORS_H
#define LLCC_COMPILER_INTERPRETER_RANDOMTENSORS_H

#include "compiler/interpreter/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <random>

namespace mlir::llcc {

/// Values for argument `i` of `function` (logical shape `type`): class numbers below llcc.classes; parameters of rank 2
/// and more uniform with variance about 1/fan-in, of rank 0 and 1 in [0.2, 1] (a variance or scale must be positive);
/// other floats in [-1, 1]; other integers 0 or 1.
Tensor randomArgument(func::FuncOp function, unsigned i, RankedTensorType type, std::mt19937_64 &random);

/// The string attribute `name` of argument `i`; empty where it has none.
StringRef argumentName(func::FuncOp function, unsigned i, StringRef name);
/// The string attribute `name` of result `i`; empty where it has none.
StringRef resultName(func::FuncOp function, unsigned i, StringRef name);

} // namespace mlir::llcc

#endif
