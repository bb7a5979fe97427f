// Pipeline schedules as data: a table of stage × slot, and the check that such a table can run.
#ifndef LLCC_PASSES_SHARD_SCHEDULE_H
#define LLCC_PASSES_SHARD_SCHEDULE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir::llcc {

/// What a stage does in one slot. Where a table has Weight tasks, Backward computes what other stages wait for
/// (gradients of inputs) and Weight the rest (gradients of weights); where it has none, Backward is the whole backward
/// pass.
struct Task {
  enum class Phase { Forward, Backward, Weight };
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
  /// True where the table has Weight tasks.
  bool splitsBackward() const;
  /// Largest number of microbatches whose forward pass stage `s` has done and whose backward pass it has not (all of
  /// it).
  int64_t inFlight(int64_t s) const;
};

/// GPipe: all forward passes, then all backward passes (Huang et al. 2019). p - 1 + p - 1 bubbles, m microbatches in
/// flight.
Schedule gpipe(int64_t stages, int64_t microbatches);
/// 1F1B: as soon as a backward pass can run it does (PipeDream-flush, Narayanan et al. 2021, section 2.2). Same
/// bubbles, at most p - s microbatches in flight on stage s.
Schedule oneForwardOneBackward(int64_t stages, int64_t microbatches);

/// ZB-H1 (Qi et al. 2023, "Zero Bubble Pipeline Parallelism"): weight gradients fill the bubbles. With unit slots p - 1
/// bubbles instead of the 3(p - 1) that 1F1B has then, and at most p microbatches in flight, as many as 1F1B has on its
/// first stage.
Schedule zeroBubbleH1(int64_t stages, int64_t microbatches);

/// Schedule by its name, "gpipe", "1f1b" or "zb-h1".
std::optional<Schedule> makeSchedule(const std::string &name, int64_t stages, int64_t microbatches);

/// A user's table: a line for each stage, its slots separated by commas; `F3` is the forward pass of microbatch 3, `B3`
/// the backward pass, `W3` its weight gradients, an empty slot a bubble. Short lines are filled up. Returns an error
/// text (empty: fine); call checkSchedule after it.
std::string parseSchedule(const std::string &text, Schedule &schedule);

/// Why the table cannot run (empty: it can): each stage does the forward and the backward pass of each microbatch
/// exactly once (and its weight gradients, if the table has any), microbatches in ascending order; a forward pass runs
/// in a later slot than that of the stage above it, a backward pass in a later slot than that of the stage below it and
/// than the forward pass of its own stage; weight gradients later than the backward pass.
std::string checkSchedule(const Schedule &schedule, int64_t microbatches);

} // namespace mlir::llcc

#endif
