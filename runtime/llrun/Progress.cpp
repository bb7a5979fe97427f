// Progress of a run on stderr.
#include "runtime/llrun/Progress.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace llcc::rt {

Progress::Progress(int64_t firstStep, int64_t lastStep, int64_t batch, bool quiet)
    : first(firstStep), last(lastStep), batch(batch), now(firstStep - 1), quiet(quiet),
      terminal(isatty(2) && !getenv("NO_PROGRESS")), start(Clock::now()), shown(start) {}

static std::string duration(double seconds) {
  char text[32];
  long s = std::lround(std::min(seconds, 3.6e8));
  if (s >= 3600)
    snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
  return text;
}

void Progress::draw(bool end) {
  double seconds = std::max(1e-9, std::chrono::duration<double>(Clock::now() - start).count());
  int64_t done = now - first + 1;
  double rate = double(done) / seconds, left = double(last - now) / std::max(rate, 1e-9);
  char numbers[160];
  snprintf(numbers, sizeof numbers, "step %lld/%lld  loss %.5f  %.0f samples/s  %s %s", (long long)now, (long long)last,
           loss, rate * double(batch), end ? "took" : "left", duration(end ? seconds : left).c_str());
  if (!terminal) {
    fprintf(stderr, "%s\n", numbers);
    return;
  }
  winsize size{};
  int columns = ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
  int width = std::clamp(columns - int(std::char_traits<char>::length(numbers)) - 4, 0, 40);
  std::string bar(size_t(width), '.');
  std::fill_n(bar.begin(), int64_t(width) * now / std::max<int64_t>(1, last), '#');
  fprintf(stderr, "\r\033[K%s%s%s%.*s", width ? "[" : "", bar.c_str(), width ? "] " : "",
          std::max(1, columns - width - 3), numbers);
  if (end)
    fputc('\n', stderr);
  fflush(stderr);
}

void Progress::step(int64_t step, double value) {
  now = step;
  loss = value;
  auto time = Clock::now();
  if (quiet || time - shown < std::chrono::milliseconds(terminal ? 100 : 10000))
    return;
  shown = time;
  drawn = step;
  draw(false);
}

void Progress::note(const std::string &text) {
  if (quiet)
    return;
  if (terminal)
    fprintf(stderr, "\r\033[K");
  fprintf(stderr, "%s\n", text.c_str());
  if (terminal && now >= first)
    draw(false);
}

void Progress::leave() {
  if (!quiet && terminal && drawn >= 0)
    fputc('\n', stderr);
}

void Progress::finish() {
  if (!quiet && now >= first)
    draw(true);
}

} // namespace llcc::rt
