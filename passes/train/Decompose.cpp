// Rewrites ops that were whole for differentiation into arith, math, reduce and broadcast.
#include "compiler/ir/LLCC.h"
#include "passes/train/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_DECOMPOSEPASS
#include "passes/train/Passes.h.inc"

namespace {
struct DecomposePass : impl::DecomposePassBase<DecomposePass> {
  using DecomposePassBase::DecomposePassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
