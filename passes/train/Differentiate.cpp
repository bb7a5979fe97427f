// Adds to @gradients the gradient of its loss by each trainable parameter.
#include "compiler/ir/LLCC.h"
#include "passes/train/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "passes/train/Passes.h.inc"

namespace {
struct DifferentiatePass : impl::DifferentiatePassBase<DifferentiatePass> {
  using DifferentiatePassBase::DifferentiatePassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
