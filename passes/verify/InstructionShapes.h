// What one instruction of an llcc.program must look like, by itself.
#ifndef LLCC_PASSES_VERIFY_INSTRUCTIONSHAPES_H
#define LLCC_PASSES_VERIFY_INSTRUCTIONSHAPES_H

#include "compiler/ir/LLCC.h"
#include <string>

namespace mlir::llcc {

/// Checks operation, counts of ins, outs, ints and reals, and that shapes fit them (runtime/plan/Plan.h, enum Op).
/// `module` holds the kernels. Returns what is wrong, empty if nothing.
std::string checkInstruction(ExecOp exec, ModuleOp module);

/// Bytes that a buffer takes; an i1 takes one.
int64_t bufferBytes(Value buffer);

} // namespace mlir::llcc

#endif
