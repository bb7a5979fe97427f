// Pipeline schedules: tables of stage × slot.
//
// Three stages, four microbatches; numbers are forward passes, letters (a = 0, b = 1, …) backward passes, dots bubbles:
//
//   gpipe   0 1 2 3 . . . . a b c d      1f1b   0 1 2 . . a 3 b . c . d
//           . 0 1 2 3 . . a b c d .             . 0 1 . a 2 b 3 c . d .
//           . . 0 1 2 3 a b c d . .             . . 0 a 1 b 2 c 3 d . .
//
// Both have 2(p-1) bubbles on each stage when a forward and a backward pass take one slot each; the right one keeps at most
// p - s microbatches alive on stage s, the left one all m.
//
// The table also fixes the order of messages: what a task makes for another stage is sent, and received, between its slot
// and the next one, on all stages in the same order (slot, sending stage, value). As every stage meets the messages in one
// global order, no stage waits for a message in a ring, even if a send holds its sender until it is received.
#include "passes/shard/Schedule.h"
#include <algorithm>

namespace mlir::llcc {

int64_t Schedule::bubbles(int64_t s) const {
  return std::count_if(slots[s].begin(), slots[s].end(), [](const std::optional<Task> &task) { return !task; });
}

int64_t Schedule::inFlight(int64_t s) const {
  int64_t alive = 0, most = 0;
  for (const std::optional<Task> &task : slots[s])
    if (task)
      most = std::max(most, alive += task->phase == Task::Phase::Forward ? 1 : -1);
  return most;
}

static Schedule empty(int64_t stages, int64_t microbatches) {
  Schedule schedule;
  schedule.slots.assign(stages, std::vector<std::optional<Task>>(2 * (stages + microbatches - 1)));
  return schedule;
}

Schedule gpipe(int64_t stages, int64_t microbatches) {
  Schedule schedule = empty(stages, microbatches);
  int64_t turn = stages + microbatches - 1; // the first backward pass, on the last stage
  for (int64_t s = 0; s < stages; ++s)
    for (int64_t k = 0; k < microbatches; ++k) {
      schedule.slots[s][s + k] = Task{Task::Phase::Forward, k};
      schedule.slots[s][turn + stages - 1 - s + k] = Task{Task::Phase::Backward, k};
    }
  return schedule;
}

Schedule oneForwardOneBackward(int64_t stages, int64_t microbatches) {
  Schedule schedule = empty(stages, microbatches);
  for (int64_t s = 0; s < stages; ++s)
    for (int64_t k = 0; k < microbatches; ++k) {
      bool warmUp = k < stages - s;
      schedule.slots[s][warmUp ? s + k : s + 2 * k] = Task{Task::Phase::Forward, k};
      schedule.slots[s][2 * stages - 1 - s + 2 * k] = Task{Task::Phase::Backward, k};
    }
  return schedule;
}

std::optional<Schedule> makeSchedule(const std::string &name, int64_t stages, int64_t microbatches) {
  if (name == "gpipe")
    return gpipe(stages, microbatches);
  if (name == "1f1b")
    return oneForwardOneBackward(stages, microbatches);
  return std::nullopt;
}

std::string checkSchedule(const Schedule &schedule, int64_t microbatches) {
  int64_t stages = schedule.stages();
  // slot of each task: [phase][stage][microbatch]
  std::vector<std::vector<int64_t>> slot[2];
  for (auto &table : slot)
    table.assign(stages, std::vector<int64_t>(microbatches, -1));
  auto name = [](int phase, int64_t s, int64_t k) {
    return std::string(phase ? "the backward" : "the forward") + " pass of microbatch " + std::to_string(k) + " on stage " + std::to_string(s);
  };
  for (int64_t s = 0; s < stages; ++s) {
    int64_t last[2] = {-1, -1};
    if (int64_t(schedule.slots[s].size()) != schedule.length())
      return "stage " + std::to_string(s) + " has " + std::to_string(schedule.slots[s].size()) + " slots, stage 0 has " + std::to_string(schedule.length());
    for (int64_t t = 0; t < schedule.length(); ++t) {
      const std::optional<Task> &task = schedule.slots[s][t];
      if (!task)
        continue;
      int phase = task->phase == Task::Phase::Backward;
      if (task->microbatch < 0 || task->microbatch >= microbatches)
        return name(phase, s, task->microbatch) + " does not exist, there are " + std::to_string(microbatches) + " microbatches";
      if (task->microbatch <= last[phase])
        return name(phase, s, task->microbatch) + " comes after that of microbatch " + std::to_string(last[phase]);
      last[phase] = task->microbatch;
      slot[phase][s][task->microbatch] = t;
    }
  }
  for (int phase = 0; phase < 2; ++phase)
    for (int64_t s = 0; s < stages; ++s)
      for (int64_t k = 0; k < microbatches; ++k) {
        int64_t at = slot[phase][s][k];
        if (at < 0)
          return name(phase, s, k) + " is missing";
        int64_t above = phase ? s + 1 : s - 1; // the stage that feeds this one
        if (above >= 0 && above < stages && slot[phase][above][k] >= at)
          return name(phase, s, k) + " stands in slot " + std::to_string(at) + ", but needs that on stage " + std::to_string(above) + ", which stands in slot " + std::to_string(slot[phase][above][k]);
        if (phase && slot[0][s][k] >= at)
          return name(phase, s, k) + " stands in slot " + std::to_string(at) + ", before its forward pass";
      }
  return {};
}

} // namespace mlir::llcc
