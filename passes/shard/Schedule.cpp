// Pipeline schedules: tables of stage × slot.
//
// Three stages, four microbatches; numbers are forward passes, letters (a = 0, b = 1, …) backward passes, dots bubbles:
//
//   gpipe   0 1 2 3 . . . . a b c d      1f1b   0 1 2 . . a 3 b . c . d
//           . 0 1 2 3 . . a b c d .             . 0 1 . a 2 b 3 c . d .
//           . . 0 1 2 3 a b c d . .             . . 0 a 1 b 2 c 3 d . .
//
// The first two have 2(p-1) bubbles on each stage when a forward and a backward pass take one slot each; 1F1B keeps at
// most p - s microbatches alive on stage s, GPipe all m. ZB-H1 splits a backward pass into what the stage above waits
// for and the gradients of weights (capital letters), which nobody waits for and which fill bubbles:
//
//   zb-h1   0 1 2 . . a A 3 b B 4 c C 5 d D e E f F
//           . 0 1 . a 2 b A 3 c B 4 d C 5 e D f E F
//           . . 0 a 1 b 2 c A 3 d B 4 e C 5 f D E F
//
// Interleaved: two stages hold two chunks each, below the tasks; a microbatch passes stage 0, 1, and 0, 1 again. There
// are as many bubbles as in 1F1B, each only as long as a chunk:
//
//             0 1 0 1 2 a 3 b 2 a 3 b . c . d c d
//             0 0 1 1 0 1 0 1 1 0 1 0 . 1 . 1 0 0
//             . 0 1 0 a 1 b 2 a 3 b 2 c 3 d c d .
//             . 0 0 1 1 1 1 0 0 0 0 1 1 1 1 0 0 .
//
// The table also fixes the order of messages: what a task makes for another stage is sent, and received, between its
// slot and the next one, on all stages in the same order (slot, sending stage, value). As every stage meets the
// messages in one global order, no stage waits for a message in a ring, even if a send holds its sender until it is
// received.
#include "passes/shard/Schedule.h"
#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

namespace mlir::llcc {

int64_t Schedule::bubbles(int64_t s) const {
  return std::count_if(slots[s].begin(), slots[s].end(), [](const std::optional<Task> &task) { return !task; });
}

int64_t Schedule::inFlight(int64_t s) const {
  int64_t alive = 0, most = 0;
  for (const std::optional<Task> &task : slots[s])
    if (task)
      most = std::max(most, alive += task->phase == Task::Phase::Forward ? 1
                                     : task->phase == (splitsBackward() ? Task::Phase::Weight : Task::Phase::Backward)
                                         ? -1
                                         : 0);
  return most;
}

bool Schedule::splitsBackward() const {
  for (const auto &stage : slots)
    for (const std::optional<Task> &task : stage)
      if (task && task->phase == Task::Phase::Weight)
        return true;
  return false;
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

// Slot by slot, each stage does the first thing that it can: a forward pass while at most p - s are ahead of their
// backward passes (as 1F1B) and p of their weight gradients (memory), a backward pass, weight gradients.
Schedule zeroBubbleH1(int64_t stages, int64_t microbatches) {
  struct Progress {
    int64_t forward = 0, backward = 0, weight = 0; // microbatches done
  };
  std::vector<Progress> done(stages);
  Schedule schedule;
  schedule.slots.resize(stages);
  auto unfinished = [&](const Progress &stage) { return stage.weight < microbatches; };
  while (std::any_of(done.begin(), done.end(), unfinished)) {
    std::vector<Progress> before = done; // of all slots before this one
    for (int64_t s = 0; s < stages; ++s) {
      Progress &mine = done[s];
      bool forward = mine.forward < microbatches && (s == 0 || before[s - 1].forward > mine.forward);
      bool backward = mine.backward < mine.forward && (s == stages - 1 || before[s + 1].backward > mine.backward);
      std::optional<Task> &task = schedule.slots[s].emplace_back();
      if (forward && mine.forward - mine.backward < stages - s && mine.forward - mine.weight < stages)
        task = Task{Task::Phase::Forward, mine.forward++};
      else if (backward)
        task = Task{Task::Phase::Backward, mine.backward++};
      else if (mine.weight < mine.backward)
        task = Task{Task::Phase::Weight, mine.weight++};
    }
  }
  return schedule;
}

// Each stage's tasks in Megatron's order: rounds of p microbatches, chunk by chunk; so many forward passes ahead that
// no stage waits for a gradient; then forward and backward passes in turn. Where p does not divide m, the order is that
// of the next multiple without the microbatches that do not exist: an order of tasks that can run still can when some
// are taken away. Each task stands in the first slot in which it can run.
Schedule interleaved(int64_t stages, int64_t microbatches, int64_t chunks) {
  int64_t rounds = (microbatches + stages - 1) / stages, total = rounds * stages * chunks;
  std::vector<std::vector<Task>> order(stages);
  for (int64_t s = 0; s < stages; ++s) {
    auto add = [&](Task::Phase phase, int64_t i) {
      int64_t chunk = i / stages % chunks, microbatch = i / (stages * chunks) * stages + i % stages;
      if (microbatch < microbatches)
        order[s].push_back(Task{phase, microbatch, phase == Task::Phase::Forward ? chunk : chunks - 1 - chunk});
    };
    int64_t ahead = std::min(total, 2 * (stages - s - 1) + (chunks - 1) * stages);
    for (int64_t i = 0; i < ahead; ++i)
      add(Task::Phase::Forward, i);
    for (int64_t i = 0; i < total; ++i) {
      if (ahead + i < total)
        add(Task::Phase::Forward, ahead + i);
      add(Task::Phase::Backward, i);
    }
  }
  Schedule schedule;
  schedule.chunks = chunks;
  schedule.slots.resize(stages);
  std::vector<size_t> next(stages, 0);
  int64_t pieces = stages * chunks, never = std::numeric_limits<int64_t>::max();
  // slot in which a piece is done with a microbatch: forward, backward
  std::vector<std::vector<int64_t>> done[2];
  for (auto &table : done)
    table.assign(pieces, std::vector<int64_t>(microbatches, never));
  auto unfinished = [&] {
    for (int64_t s = 0; s < stages; ++s)
      if (next[s] < order[s].size())
        return true;
    return false;
  };
  for (int64_t t = 0; unfinished(); ++t)
    for (int64_t s = 0; s < stages; ++s) {
      std::optional<Task> &slot = schedule.slots[s].emplace_back();
      if (next[s] == order[s].size())
        continue;
      const Task &task = order[s][next[s]];
      int64_t phase = int(task.phase), piece = schedule.pieceOf(s, task.chunk), feeds = phase ? piece + 1 : piece - 1;
      bool fed = feeds < 0 || feeds >= pieces || done[phase][feeds][task.microbatch] < t;
      if (!fed || (phase && done[0][piece][task.microbatch] >= t))
        continue;
      done[phase][piece][task.microbatch] = t;
      slot = task;
      ++next[s];
    }
  return schedule;
}

std::optional<Schedule> makeSchedule(const std::string &name, int64_t stages, int64_t microbatches, int64_t chunks) {
  if (name == "gpipe" && chunks == 1)
    return gpipe(stages, microbatches);
  if (name == "1f1b" || name == "interleaved")
    return chunks == 1 ? oneForwardOneBackward(stages, microbatches) : interleaved(stages, microbatches, chunks);
  if (name == "zb-h1" && chunks == 1)
    return zeroBubbleH1(stages, microbatches);
  return std::nullopt;
}

std::string parseSchedule(const std::string &text, Schedule &schedule) {
  schedule.slots.clear();
  schedule.chunks = 1;
  size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    auto &stage = schedule.slots.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      cell.erase(std::remove_if(cell.begin(), cell.end(), [](char c) { return c == ' ' || c == '\t'; }), cell.end());
      std::optional<Task> &task = stage.emplace_back();
      if (cell.empty())
        continue;
      size_t phase = std::string("FBW").find(cell[0]);
      size_t dot = cell.find('.');
      std::string microbatch = cell.substr(1, dot == std::string::npos ? dot : dot - 1),
                  chunk = dot == std::string::npos ? "0" : cell.substr(dot + 1);
      auto isNumber = [](const std::string &text, size_t digits) {
        return !text.empty() && text.size() <= digits &&
               std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
      };
      if (phase == std::string::npos || !isNumber(microbatch, 6) || !isNumber(chunk, 3))
        return "line " + std::to_string(schedule.slots.size()) + " has \"" + cell +
               "\", needs F, B or W, the number of a microbatch and, behind a point, that of a chunk, as F3 or F3.1, "
               "or nothing";
      task = Task{Task::Phase(phase), std::stoll(microbatch), std::stoll(chunk)};
      schedule.chunks = std::max(schedule.chunks, task->chunk + 1);
    }
    longest = std::max(longest, stage.size());
  }
  for (auto &stage : schedule.slots)
    stage.resize(longest);
  return {};
}

std::string printSchedule(const Schedule &schedule) {
  std::string text;
  for (const auto &stage : schedule.slots) {
    for (size_t t = 0; t < stage.size(); ++t) {
      text += t ? "," : "";
      if (stage[t])
        text += "FBW"[int(stage[t]->phase)] + std::to_string(stage[t]->microbatch) +
                (stage[t]->chunk ? "." + std::to_string(stage[t]->chunk) : "");
    }
    text += "\n";
  }
  return text;
}

std::string checkSchedule(const Schedule &schedule, int64_t microbatches) {
  int64_t stages = schedule.stages(), pieces = schedule.pieces();
  // slot of each task: [phase][piece][microbatch]
  int phases = schedule.splitsBackward() ? 3 : 2;
  std::vector<std::vector<int64_t>> slot[3];
  for (auto &table : slot)
    table.assign(pieces, std::vector<int64_t>(microbatches, -1));
  auto place = [&](int64_t piece) {
    std::string text = "stage " + std::to_string(schedule.stageOf(piece));
    return schedule.chunks == 1 ? text : text + ", chunk " + std::to_string(piece / stages);
  };
  auto name = [&](int phase, int64_t piece, int64_t k) {
    const char *passes[] = {"the forward pass", "the backward pass", "the weight gradients"};
    return std::string(passes[phase]) + " of microbatch " + std::to_string(k) + " on " + place(piece);
  };
  for (int64_t s = 0; s < stages; ++s) {
    // the last microbatch seen: [chunk][phase]
    std::vector<std::array<int64_t, 3>> last(schedule.chunks, {-1, -1, -1});
    if (int64_t(schedule.slots[s].size()) != schedule.length())
      return "stage " + std::to_string(s) + " has " + std::to_string(schedule.slots[s].size()) +
             " slots, stage 0 has " + std::to_string(schedule.length());
    for (int64_t t = 0; t < schedule.length(); ++t) {
      const std::optional<Task> &task = schedule.slots[s][t];
      if (!task)
        continue;
      int phase = int(task->phase);
      if (task->chunk < 0 || task->chunk >= schedule.chunks)
        return "stage " + std::to_string(s) + " has a task of chunk " + std::to_string(task->chunk) + ", there are " +
               std::to_string(schedule.chunks) + " chunks";
      int64_t piece = schedule.pieceOf(s, task->chunk), &before = last[task->chunk][phase];
      if (task->microbatch < 0 || task->microbatch >= microbatches)
        return name(phase, piece, task->microbatch) + " does not exist, there are " + std::to_string(microbatches) +
               " microbatches";
      if (task->microbatch == before)
        return name(phase, piece, task->microbatch) + " stands there twice";
      if (task->microbatch < before)
        return name(phase, piece, task->microbatch) + " comes after that of microbatch " + std::to_string(before);
      before = task->microbatch;
      slot[phase][piece][task->microbatch] = t;
    }
  }
  for (int phase = 0; phase < phases; ++phase)
    for (int64_t piece = 0; piece < pieces; ++piece)
      for (int64_t k = 0; k < microbatches; ++k) {
        int64_t at = slot[phase][piece][k];
        if (at < 0)
          return name(phase, piece, k) + " is missing";
        int64_t above = phase == 1 ? piece + 1 : piece - 1; // the piece that feeds this one
        if (phase < 2 && above >= 0 && above < pieces && slot[phase][above][k] >= at)
          return name(phase, piece, k) + " stands in slot " + std::to_string(at) + ", but needs that on " +
                 place(above) + ", which stands in slot " + std::to_string(slot[phase][above][k]);
        if (phase && slot[phase - 1][piece][k] >= at)
          return name(phase, piece, k) + " stands in slot " + std::to_string(at) + ", before " +
                 name(phase - 1, piece, k);
      }
  return {};
}

} // namespace mlir::llcc
