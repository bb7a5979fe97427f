// Makes every op's operands placed as its rule needs them, with explicit llcc.reshard.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_INSERTRESHARDSPASS
#include "passes/shard/Passes.h.inc"

namespace {
struct InsertReshardsPass : impl::InsertReshardsPassBase<InsertReshardsPass> {
  using InsertReshardsPassBase::InsertReshardsPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
