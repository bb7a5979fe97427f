// Draws the schedule tables and checks their laws for many sizes; illegal tables must be refused.
#include "passes/shard/Schedule.h"
#include <cstdio>

using namespace mlir::llcc;

static void draw(const char *name, const Schedule &schedule) {
  std::printf("%s\n", name);
  for (const auto &stage : schedule.slots) {
    std::printf("|");
    for (const auto &task : stage)
      std::printf("%c", !task ? '.' : char((task->phase == Task::Phase::Forward ? '0' : 'a') + task->microbatch));
    std::printf("|\n");
  }
}

int main() {
  int failures = 0;
  auto expect = [&](bool holds, const char *what, const char *name, int64_t p, int64_t m) {
    if (!holds && ++failures)
      std::printf("%s with %d stages and %d microbatches: %s\n", name, int(p), int(m), what);
  };
  for (const char *name : {"gpipe", "1f1b"})
    for (int64_t p = 1; p <= 7; ++p)
      for (int64_t m = 1; m <= 9; ++m) {
        Schedule schedule = *makeSchedule(name, p, m);
        std::string why = checkSchedule(schedule, m);
        expect(why.empty(), why.c_str(), name, p, m);
        for (int64_t s = 0; s < p; ++s) {
          expect(schedule.bubbles(s) == 2 * (p - 1), "2(p-1) bubbles", name, p, m);
          bool gpipe = name[0] == 'g';
          expect(schedule.inFlight(s) == (gpipe ? m : std::min(m, p - s)), "microbatches in flight", name, p, m);
        }
      }
  if (makeSchedule("zigzag", 2, 2))
    ++failures;
  draw("gpipe", gpipe(3, 4));
  draw("1f1b", oneForwardOneBackward(3, 4));

  Schedule early = gpipe(2, 2);
  std::swap(early.slots[1][1], early.slots[1][0]);
  std::printf("early: %s\n", checkSchedule(early, 2).c_str());
  Schedule hole = gpipe(2, 2);
  hole.slots[0][1].reset();
  std::printf("hole: %s\n", checkSchedule(hole, 2).c_str());
  Schedule swapped = gpipe(2, 2);
  std::swap(swapped.slots[0][0], swapped.slots[0][1]);
  std::printf("swapped: %s\n", checkSchedule(swapped, 2).c_str());
  Schedule foreign = gpipe(1, 1);
  foreign.slots[0][1]->microbatch = 7;
  std::printf("foreign: %s\n", checkSchedule(foreign, 1).c_str());
  Schedule reversed = gpipe(1, 1);
  std::swap(reversed.slots[0][0], reversed.slots[0][1]);
  std::printf("reversed: %s\n", checkSchedule(reversed, 1).c_str());
  Schedule ragged = gpipe(2, 1);
  ragged.slots[1].pop_back();
  std::printf("ragged: %s\n", checkSchedule(ragged, 1).c_str());
  std::printf("%d failures\n", failures);
  return failures != 0;
}
