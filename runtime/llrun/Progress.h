// What a person sees while training: a bar on a terminal, plain lines elsewhere.
#ifndef LLCC_RUNTIME_LLRUN_PROGRESS_H
#define LLCC_RUNTIME_LLRUN_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace llcc::rt {

/// Writes to stderr. On a terminal one line that redraws itself, ten times a second at most; elsewhere a line every ten
/// seconds and at the end, without control characters.
class Progress {
public:
  Progress(int64_t firstStep, int64_t lastStep, int64_t batch, bool quiet);
  void step(int64_t step, double loss);
  /// A line that stays (evaluation, checkpoint).
  void note(const std::string &text);
  void finish();
  /// Ends the bar's line, so that a message begins on its own.
  void leave();

private:
  using Clock = std::chrono::steady_clock;
  void draw(bool last);

  int64_t first, last, batch, now, drawn = -1;
  double loss = 0;
  bool quiet, terminal;
  Clock::time_point start, shown;
};

} // namespace llcc::rt

#endif
