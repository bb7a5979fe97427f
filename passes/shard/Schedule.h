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
  int64_t chunk = 0; ///< which of the stage's chunks
};

/// `slots[s][t]`: what stage s does in slot t; empty: it waits (a bubble). All stages have equally many slots.
///
/// A stage holds `chunks` pieces of the model. Pieces are counted along the model, from 0 to p·v - 1: chunk c of stage
/// s is piece c·p + s, so that a microbatch passes all stages v times, and from the last one goes back to the first.
struct Schedule {
  std::vector<std::vector<std::optional<Task>>> slots;
  int64_t chunks = 1;
  int64_t stages() const { return slots.size(); }
  int64_t pieces() const { return stages() * chunks; }
  int64_t pieceOf(int64_t stage, int64_t chunk) const { return chunk * stages() + stage; }
  int64_t stageOf(int64_t piece) const { return piece % stages(); }
  int64_t length() const { return slots.empty() ? 0 : slots[0].size(); }
  /// Empty slots of stage `s`.
  int64_t bubbles(int64_t s) const;
  /// True where the table has Weight tasks.
  bool splitsBackward() const;
  /// Largest number of pairs of microbatch and chunk whose forward pass stage `s` has done and whose backward pass it
  /// has not (all of it).
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

/// Interleaved 1F1B (Narayanan et al. 2021, section 2.2): stages hold v chunks and do p microbatches of one chunk, then
/// of the next. 2(p - 1) bubbles beside 2·m·v tasks: v times less than 1F1B. At most 2(p - s - 1) + (v - 1)p + 1 chunks
/// of activations on stage s, each a v-th of a stage's. Where p does not divide m the last round is short, and stages
/// wait more.
Schedule interleaved(int64_t stages, int64_t microbatches, int64_t chunks);

/// Schedule by its name: "gpipe", "1f1b", "interleaved" (which is 1F1B with chunks) or "zb-h1"; gpipe and zb-h1 have
/// one chunk. Nothing where there is none.
std::optional<Schedule> makeSchedule(const std::string &name, int64_t stages, int64_t microbatches, int64_t chunks = 1);

/// A user's table: a line for each stage, its slots separated by commas; `F3` is the forward pass of microbatch 3, `B3`
/// the backward pass, `W3` its weight gradients, an empty slot a bubble; `F3.1` is that of chunk 1, `F3` that of
/// chunk 0. Short lines are filled up. There are as many chunks as the largest names. Returns an error text (empty:
/// fine); call checkSchedule after it.
std::string parseSchedule(const std::string &text, Schedule &schedule);

/// The table as parseSchedule reads it.
std::string printSchedule(const Schedule &schedule);

/// Why the table cannot run (empty: it can): each stage does the forward and the backward pass of each microbatch on
/// each of its chunks exactly once (and its weight gradients, if the table has any), microbatches of a chunk in
/// ascending order; a forward pass runs in a later slot than that of the piece above it, a backward pass in a later
/// slot than that of the piece below it and than the forward pass of its own piece; weight gradients later than the
/// backward pass.
std::string checkSchedule(const Schedule &schedule, int64_t microbatches);

} // namespace mlir::llcc

#endif
