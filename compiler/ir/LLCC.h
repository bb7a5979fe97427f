// Everything that a client of the llcc dialect includes: dialect, attributes, ops.
#ifndef LLCC_COMPILER_IR_LLCC_H
#define LLCC_COMPILER_IR_LLCC_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/ir/Dialect.h.inc"
#include "compiler/ir/Enums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/Attrs.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/Ops.h.inc"

namespace mlir::llcc {
/// Activation functions of recurrence, ONNX's in lower case; the position is their number in a plan (Plan.h,
/// Recurrence).
ArrayRef<StringLiteral> recurrenceActivations();
} // namespace mlir::llcc

#endif
