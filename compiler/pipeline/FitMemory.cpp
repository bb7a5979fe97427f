// Search over levels of recomputation: each try is planned, and its arena is what counts.
#include "compiler/pipeline/FitMemory.h"
#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "passes/lower/Passes.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Recompute.h"

namespace mlir::llcc {

/// Bytes of each stage's arena when it recomputes what `levels` say.
static FailureOr<SmallVector<uint64_t>> plan(ModuleOp module, ArrayRef<int64_t> levels) {
  OwningOpRef<ModuleOp> copy = cast<ModuleOp>(module->clone());
  PassManager pm(module.getContext());
  RecomputePassOptions recompute;
  recompute.mode = "auto";
  recompute.levels.assign(levels.begin(), levels.end());
  pm.addPass(createRecomputePass(recompute));
  pm.addPass(createHoistFetchesPass());
  pm.addPass(createFuseKernelsPass());
  pm.addPass(createPlanMemoryPass());
  if (failed(pm.run(*copy)))
    return failure();
  SmallVector<uint64_t> arenas(levels.size(), 0);
  for (auto program : copy->getOps<ProgramOp>())
    if (size_t stage; program.getSymName().starts_with("step_stage") &&
                      !program.getSymName().drop_front(strlen("step_stage")).getAsInteger(10, stage) &&
                      stage < arenas.size())
      arenas[stage] = program.getArenaBytes();
  return arenas;
}

FailureOr<SmallVector<int64_t>> fitMemory(ModuleOp module, uint64_t memory) {
  size_t stages = 0;
  for (auto func : module.getOps<func::FuncOp>())
    stages += func.getName().starts_with("step_stage");
  int64_t top = countRecomputeLevels(module);
  // With `low` a stage does not fit, with `high` it does; nothing is known between.
  SmallVector<int64_t> low(stages, 0), high(stages, top);
  FailureOr<SmallVector<uint64_t>> nothing = plan(module, low), everything = plan(module, high);
  if (failed(nothing) || failed(everything))
    return failure();
  for (size_t s = 0; s < stages; ++s) {
    if ((*nothing)[s] <= memory)
      high[s] = 0;
    else if ((*everything)[s] > memory)
      low[s] = top;
  }
  auto isOpen = [&](size_t s) { return low[s] + 1 < high[s]; };
  while (llvm::any_of(llvm::seq<size_t>(0, stages), isOpen)) {
    SmallVector<int64_t> middle(high);
    for (size_t s = 0; s < stages; ++s)
      if (isOpen(s))
        middle[s] = (low[s] + high[s]) / 2;
    FailureOr<SmallVector<uint64_t>> arenas = plan(module, middle);
    if (failed(arenas))
      return failure();
    for (size_t s = 0; s < stages; ++s)
      if (isOpen(s))
        ((*arenas)[s] <= memory ? high : low)[s] = middle[s];
  }
  return high;
}

} // namespace mlir::llcc
