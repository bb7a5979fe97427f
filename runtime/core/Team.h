// Device threads that live as long as a session, and threads that share one kernel.
#ifndef LLCC_RUNTIME_CORE_TEAM_H
#define LLCC_RUNTIME_CORE_TEAM_H

#include "runtime/plan/Plan.h"
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace llcc::rt {

/// Runs a job on every device at once; a single device runs on the caller's thread.
class Team {
public:
  /// `threads`: CPU threads for all devices together.
  Team(uint32_t devices, uint32_t threads);
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;
  /// Calls job(device) for each device and returns when all are done. Jobs must not throw.
  void run(const std::function<void(uint32_t)> &job);
  /// Threads that one device may use inside a kernel.
  uint32_t threadsEach() const { return each; }

private:
  void loop(uint32_t device);
  uint32_t devices, each;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(uint32_t)> *job = nullptr;
  uint64_t round = 0;
  uint32_t running = 0;
  bool ending = false;
  std::vector<std::thread> threads;
};

/// kernel over [0, extent), shared by up to `threads` threads where the work (extent * cost elements) pays for it.
void launch(CpuKernel kernel, void *const *buffers, const int64_t *coords, int64_t extent, int64_t cost,
            uint32_t threads);

} // namespace llcc::rt

#endif
