// `--strategy=auto`: which mesh, schedule, microbatches and ZeRO stage take least time within the memory.
#ifndef LLCC_COMPILER_PIPELINE_SEARCHPLANS_H
#define LLCC_COMPILER_PIPELINE_SEARCHPLANS_H

#include "compiler/pipeline/CompileOptions.h"
#include <functional>

namespace llcc {

/// A plan and what it costs.
struct PlanTrial {
  CompileOptions options; ///< mesh, microbatches, schedule, zero … are set
  double seconds = 0;     ///< of a step
  double memory = 0;      ///< bytes of the device that needs most
  std::string refused;    ///< why the plan cannot be; empty: it can
  /// The flags that give this plan.
  std::string flags() const;
};

struct PlanSearch {
  int64_t devices = 1, batch = 1;
  bool wholeBatch = false; ///< statistics over the batch: one microbatch
  uint64_t memory = 0;     ///< bytes of a device; 0: no limit
  bool exhaustive = false;
};

/// Feasible plans, cheapest first. Each factorisation of the devices into pipeline x data x tensor (neighbours last, so
/// that tensor has the fastest links) and each number of microbatches is evaluated as it is; then the rest of the
/// product (ZeRO, sequence parallelism, schedules, chunks, recomputation) for the `kKept` cheapest of these (where none
/// fits, also for those that need least memory), or for all where the search is exhaustive. What the user's flags say
/// is not varied. `tried` gets every trial.
std::vector<PlanTrial> searchPlans(const CompileOptions &asked, const PlanSearch &search,
                                   const std::function<void(PlanTrial &)> &evaluate, std::vector<PlanTrial> &tried);

/// `--strategy=hybrid`: the mesh alone, everything else as the user asked, with the microbatches that the mesh would
/// get anyway (microbatchCount, less where a microbatch would have no row for a member). Hybrid means that axes are
/// mixed: meshes of one axis are looked at where no other is possible. Of many meshes those are looked at whose longest
/// axis is shortest, at most `most`. Cheapest first, those that keep the memory before the others.
std::vector<PlanTrial> searchMeshes(const CompileOptions &asked, const PlanSearch &search, size_t most,
                                    const std::function<void(PlanTrial &)> &evaluate, std::vector<PlanTrial> &tried);

} // namespace llcc

#endif
