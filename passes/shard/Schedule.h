// Pipeline schedules as data: a table of stage × slot, and the check that such a table can run.
#ifndef LLCC_PASSES_SHARD_SCHEDULE_H
#define LLCC_PASSES_SHARD_SCHEDULE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir::llcc {

/// What a stage does in one slot.
struct Task {
  enum class Phase { Forward, Backward };
  Phase phase;
  int64_t microbatch;
};

/// `slots[s][t]`: what stage s does in slot t; empty: it waits (a bubble). All stages have equally many slots.
struct Schedule {
  std::vector<std::vector<std::optional<Task>>> slots;
  int64_t stages() const { return slots.size(); }
  int64_t length() const { return slots.empty() ? 0 : slots[0].size(); }
  /// Empty slots of stage `s`.
  int64_t bubbles(int64_t s) const;
  /// Largest number of microbatches whose forward pass stage `s` has done and whose backward pass it has not.
  int64_t inFlight(int64_t s) const;
};

/// GPipe: all forward passes, then all backward passes (Huang et al. 2019). p - 1 + p - 1 bubbles, m microbatches in flight.
Schedule gpipe(int64_t stages, int64_t microbatches);
/// 1F1B: as soon as a backward pass can run it does (PipeDream-flush, Narayanan et al. 2021, section 2.2). Same bubbles, at
/// most p - s microbatches in flight on stage s.
Schedule oneForwardOneBackward(int64_t stages, int64_t microbatches);

/// Schedule by its name, "gpipe" or "1f1b".
std::optional<Schedule> makeSchedule(const std::string &name, int64_t stages, int64_t microbatches);

/// Why the table cannot run (empty: it can): each stage does the forward and the backward pass of each microbatch exactly
/// once, microbatches in ascending order; a forward pass runs in a later slot than that of the stage above it, a backward
/// pass in a later slot than that of the stage below it and than the forward pass of its own stage.
std::string checkSchedule(const Schedule &schedule, int64_t microbatches);

} // namespace mlir::llcc

#endif
