// Gives every tensor of @gradients and @update a placement, from seeds, by factor rules, to a fixpoint.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PROPAGATESHARDINGPASS
#include "passes/shard/Passes.h.inc"

namespace {
struct PropagateShardingPass : impl::PropagateShardingPassBase<PropagateShardingPass> {
  using PropagateShardingPassBase::PropagateShardingPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
