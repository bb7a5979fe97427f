// Puts seeds on arguments as the strategy says.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SEEDSHARDINGPASS
#include "passes/shard/Passes.h.inc"

namespace {
struct SeedShardingPass : impl::SeedShardingPassBase<SeedShardingPass> {
  using SeedShardingPassBase::SeedShardingPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
