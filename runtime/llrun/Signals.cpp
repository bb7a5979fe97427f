// Ctrl-C and SIGTERM while training.
#include "runtime/llrun/Signals.h"
#include <unistd.h>

namespace llcc::rt {

static volatile std::sig_atomic_t first = 0;

static void onSignal(int signal) {
  if (first)
    _exit(128 + signal);
  first = signal;
}

Signals::Signals() {
  first = 0;
  struct sigaction action {};
  action.sa_handler = onSignal;
  sigaction(SIGINT, &action, &oldInt);
  sigaction(SIGTERM, &action, &oldTerm);
}

Signals::~Signals() {
  sigaction(SIGINT, &oldInt, nullptr);
  sigaction(SIGTERM, &oldTerm, nullptr);
}

int Signals::came() const { return first; }

} // namespace llcc::rt
