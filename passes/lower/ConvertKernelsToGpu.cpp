// Kernels become gpu.func in one gpu.module, for CUDA.
#include "compiler/ir/LLCC.h"
#include "passes/lower/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTKERNELSTOGPUPASS
#include "passes/lower/Passes.h.inc"

namespace {
struct ConvertKernelsToGpuPass : impl::ConvertKernelsToGpuPassBase<ConvertKernelsToGpuPass> {
  using ConvertKernelsToGpuPassBase::ConvertKernelsToGpuPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
