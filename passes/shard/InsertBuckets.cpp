// Joins all-reduces over the same group into buckets.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_INSERTBUCKETSPASS
#include "passes/shard/Passes.h.inc"

namespace {
struct InsertBucketsPass : impl::InsertBucketsPassBase<InsertBucketsPass> {
  using InsertBucketsPassBase::InsertBucketsPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
