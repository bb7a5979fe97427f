// Turns step functions and @forward into programs: instructions on streams, every buffer at a place in one arena.
#include "compiler/ir/LLCC.h"
#include "passes/lower/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/lower/Passes.h.inc"

namespace {
struct PlanMemoryPass : impl::PlanMemoryPassBase<PlanMemoryPass> {
  using PlanMemoryPassBase::PlanMemoryPassBase;
  void runOnOperation() override {}
};
} // namespace
} // namespace mlir::llcc
