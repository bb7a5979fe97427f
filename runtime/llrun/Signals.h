// Ctrl-C and SIGTERM while training: an end after a step, with everything saved.
#ifndef LLCC_RUNTIME_LLRUN_SIGNALS_H
#define LLCC_RUNTIME_LLRUN_SIGNALS_H

#include <csignal>

namespace llcc::rt {

/// While it lives, the first SIGINT or SIGTERM is kept here; the second one ends the process.
class Signals {
public:
  Signals();
  ~Signals();
  Signals(const Signals &) = delete;
  Signals &operator=(const Signals &) = delete;
  /// Number of the signal that came; 0: none.
  int came() const;

private:
  struct sigaction oldInt {
  }, oldTerm{};
};

} // namespace llcc::rt

#endif
