// Draws the schedule tables and checks their laws for many sizes; illegal tables must be refused.
#include "passes/shard/Schedule.h"
#include <cstdio>

using namespace mlir::llcc;

static void draw(const char *name, const Schedule &schedule) {
  std::printf("%s\n", name);
  for (const auto &stage : schedule.slots) {
    std::printf("|");
    for (const auto &task : stage)
      std::printf("%c", !task ? '.' : char("0aA"[int(task->phase)] + task->microbatch));
    std::printf("|\n");
  }
}

/// Two characters a slot: the microbatch as above, and the chunk.
static void drawChunks(const char *name, const Schedule &schedule) {
  std::printf("%s\n", name);
  for (const auto &stage : schedule.slots) {
    std::printf("|");
    for (const auto &task : stage)
      task ? std::printf("%c%d ", char("0aA"[int(task->phase)] + task->microbatch), int(task->chunk))
           : std::printf(".  ");
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
  // Interleaved: v chunks a stage; 2(p-1) bubbles beside 2·m·v tasks where p divides m, which is (p-1)/(m·v).
  for (int64_t v = 2; v <= 4; ++v)
    for (int64_t p = 1; p <= 8; ++p)
      for (int64_t m = 1; m <= 16; ++m) {
        Schedule schedule = *makeSchedule("interleaved", p, m, v);
        std::string why = checkSchedule(schedule, m);
        expect(why.empty(), why.c_str(), "interleaved", p, m);
        expect(schedule.chunks == v, "chunks", "interleaved", p, m);
        for (int64_t s = 0; s < p; ++s) {
          int64_t tasks = schedule.length() - schedule.bubbles(s);
          expect(tasks == 2 * m * v, "2mv tasks", "interleaved", p, m);
          bool even = m % p == 0;
          expect(!even || schedule.bubbles(s) == 2 * (p - 1), "2(p-1) bubbles", "interleaved", p, m);
          expect(!even || schedule.bubbles(s) * m * v == (p - 1) * tasks, "bubbles are (p-1)/(mv) of the tasks",
                 "interleaved", p, m);
          // never more time than without chunks, whose tasks are v times as long
          expect(schedule.length() <= v * makeSchedule("1f1b", p, m)->length(), "not longer than 1F1B", "interleaved",
                 p, m);
          expect(schedule.inFlight(s) <= std::min(m * v, 2 * (p - s - 1) + (v - 1) * p + 1), "in flight", "interleaved",
                 p, m);
        }
      }
  // bubbles of GPipe and 1F1B are (p-1)/m of the tasks
  for (const char *name : {"gpipe", "1f1b"})
    for (int64_t p = 1; p <= 8; ++p)
      for (int64_t m = 1; m <= 16; ++m) {
        Schedule schedule = *makeSchedule(name, p, m);
        for (int64_t s = 0; s < p; ++s)
          expect(schedule.bubbles(s) * m == (p - 1) * (schedule.length() - schedule.bubbles(s)), "(p-1)/m", name, p, m);
      }
  for (int64_t p = 1; p <= 8; ++p)
    for (int64_t m = 1; m <= 24; ++m) {
      Schedule schedule = *makeSchedule("zb-h1", p, m);
      std::string why = checkSchedule(schedule, m);
      expect(why.empty(), why.c_str(), "zb-h1", p, m);
      for (int64_t s = 0; s < p; ++s) {
        expect(schedule.inFlight(s) <= p, "at most p in flight", "zb-h1", p, m);
        expect(m < 2 * p || schedule.bubbles(s) == p - 1, "p-1 bubbles", "zb-h1", p, m);
        expect(schedule.bubbles(s) <= 3 * (p - 1), "not more bubbles than 1F1B", "zb-h1", p, m);
        expect(schedule.length() - schedule.bubbles(s) == 3 * m, "3m tasks", "zb-h1", p, m);
      }
    }
  // What is printed is read as the same.
  for (const Schedule &schedule : {gpipe(3, 4), zeroBubbleH1(2, 5), interleaved(3, 5, 3)}) {
    Schedule again;
    std::string text = printSchedule(schedule);
    expect(parseSchedule(text, again).empty() && printSchedule(again) == text && again.chunks == schedule.chunks &&
               checkSchedule(again, schedule.stages() == 3 && schedule.chunks == 1 ? 4 : 5).empty(),
           "print and parse", text.c_str(), schedule.stages(), 0);
  }
  if (makeSchedule("zigzag", 2, 2) || makeSchedule("gpipe", 2, 2, 2) || makeSchedule("zb-h1", 2, 2, 2))
    ++failures;
  draw("gpipe", gpipe(3, 4));
  draw("1f1b", oneForwardOneBackward(3, 4));
  draw("zb-h1", zeroBubbleH1(3, 6));
  drawChunks("interleaved", interleaved(2, 4, 2));
  drawChunks("uneven", interleaved(2, 3, 2));
  Schedule own;
  std::printf("own: %s\n", parseSchedule("F0, F1,, B0,B1\n,F0,B0,F1, B1\n", own).c_str());
  draw("own", own);
  std::printf("own: %s\n", checkSchedule(own, 2).c_str());
  std::printf("word: %s\n", parseSchedule("F0,F1\nF0,go\n", own).c_str());
  std::printf("chunks: %s\n", parseSchedule("F0,F0.1,B0.1,B0\r\n", own).c_str());
  drawChunks("chunks", own);
  std::printf("chunks: %s\n", checkSchedule(own, 1).c_str());
  std::printf("point: %s\n", parseSchedule("F0.\n", own).c_str());
  std::printf("number: %s\n", parseSchedule("F99999999999999999999\n", own).c_str());

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
  Schedule twice = gpipe(1, 2);
  twice.slots[0][1]->microbatch = 0;
  std::printf("twice: %s\n", checkSchedule(twice, 2).c_str());
  Schedule half = zeroBubbleH1(1, 2);
  half.slots[0].back().reset();
  std::printf("half: %s\n", checkSchedule(half, 2).c_str());
  Schedule wrapped = interleaved(2, 2, 2);
  std::swap(wrapped.slots[0][2], wrapped.slots[0][1]);
  std::printf("wrapped: %s\n", checkSchedule(wrapped, 2).c_str());
  Schedule third = interleaved(1, 1, 2);
  third.slots[0][3]->chunk = 2;
  std::printf("third: %s\n", checkSchedule(third, 1).c_str());
  Schedule lone = gpipe(1, 1);
  lone.chunks = 2;
  std::printf("lone: %s\n", checkSchedule(lone, 1).c_str());
  Schedule ragged = gpipe(2, 1);
  ragged.slots[1].pop_back();
  std::printf("ragged: %s\n", checkSchedule(ragged, 1).c_str());
  std::printf("%d failures\n", failures);
  return failures != 0;
}
