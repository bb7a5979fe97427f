// Kernels become loops over memrefs, for CPU.
#include "compiler/ir/LLCC.h"
#include "passes/lower/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTKERNELSTOLOOPSPASS
#include "passes/lower/Passes.h.inc"

namespace {
struct ConvertKernelsToLoopsPass : impl::ConvertKernelsToLoopsPassBase<ConvertKernelsToLoopsPass> {
  using ConvertKernelsToLoopsPassBase::ConvertKernelsToLoopsPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
