// An artifact opened for running: its plan, the loaded module, a session.
#ifndef LLCC_RUNTIME_LLRUN_OPENED_H
#define LLCC_RUNTIME_LLRUN_OPENED_H

#include "runtime/llcc_rt.h"
#include "runtime/plan/Artifact.h"
#include <string>

namespace llcc::rt {

/// Throws Failure with the runtime's own code and sentence.
class Opened {
public:
  /// Compares it with its certificate, if it has one; it must have one if `certified`.
  explicit Opened(const std::string &path, bool certified = false);
  ~Opened();
  Opened(const Opened &) = delete;
  Opened &operator=(const Opened &) = delete;
  /// Devices, memory and weights; `memory` bytes a device may use (0: no limit).
  /// `timeout` seconds of patience between devices (0: 60); `world`: the processes that are the other devices.
  void start(uint32_t threads, uint64_t memory, uint32_t timeout = 0, llcc_rt_world *world = nullptr);

  std::string path;
  Artifact artifact;
  Plan plan;
  llcc_rt_module *module = nullptr;
  llcc_rt_session *session = nullptr;
};

/// Throws Failure(code, llcc_rt_last_error()) unless code is 0.
void check(int code);
/// Writes the session's trace and says on stderr how much of a step is communication, and how much of that is hidden.
void saveTrace(llcc_rt_session *session, const std::string &path, bool says);
/// "12.3 MiB".
std::string bytesText(uint64_t bytes);

} // namespace llcc::rt

#endif
