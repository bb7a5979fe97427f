// Replaces each llcc.reshard by the cheapest sequence of collectives.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PLANRESHARDSPASS
#include "passes/shard/Passes.h.inc"

namespace {
struct PlanReshardsPass : impl::PlanReshardsPassBase<PlanReshardsPass> {
  using PlanReshardsPassBase::PlanReshardsPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
