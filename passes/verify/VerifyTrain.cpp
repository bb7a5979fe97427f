// Proves what must hold after train.
#include "compiler/ir/LLCC.h"
#include "passes/verify/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYTRAINPASS
#include "passes/verify/Passes.h.inc"

namespace {
struct VerifyTrainPass : impl::VerifyTrainPassBase<VerifyTrainPass> {
  using VerifyTrainPassBase::VerifyTrainPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
