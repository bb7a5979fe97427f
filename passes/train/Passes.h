// Declares and registers the passes of the train folder.
#ifndef LLCC_PASSES_TRAIN_PASSES_H
#define LLCC_PASSES_TRAIN_PASSES_H

#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::llcc {
#define GEN_PASS_DECL
#include "passes/train/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/train/Passes.h.inc"
} // namespace mlir::llcc

#endif
