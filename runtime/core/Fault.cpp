// Faults on demand, for tests of how the rest reacts.
#include "runtime/core/Fault.h"
#include "runtime/core/Error.h"
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace llcc::rt {

void injectFault(uint32_t device, int64_t step) {
  const char *text = std::getenv("LLCC_FAULT");
  if (!text || !*text)
    return;
  const char *place = std::strchr(text, '@');
  unsigned where = 0;
  long long when = 0;
  if (!place || std::sscanf(place, "@device%u:step%lld", &where, &when) != 2)
    throw Error{Usage, std::string("LLCC_FAULT is \"") + text + "\", needs fail, kill or sleep:N ms @deviceN:stepN"};
  if (where != device || when != step)
    return;
  if (std::strncmp(text, "kill@", 5) == 0)
    std::raise(SIGKILL);
  unsigned ms = 0;
  if (std::sscanf(text, "sleep:%ums@", &ms) == 1)
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  else
    throw Error{Unavailable,
                "device " + std::to_string(device) + " failed at step " + std::to_string(step) + " (LLCC_FAULT)"};
}

} // namespace llcc::rt
