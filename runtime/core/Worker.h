// The thread of one device: waits for a job, runs it, tells when it has ended; lives as long as the session.
#ifndef LLCC_RUNTIME_CORE_WORKER_H
#define LLCC_RUNTIME_CORE_WORKER_H

#include "runtime/core/Watch.h"
#include <condition_variable>
#include <functional>
#include <thread>

namespace llcc::rt {

class Worker {
public:
  Worker(uint32_t device, Watch &watch) : device(device), watch(watch), thread([this] { serve(); }) {}
  ~Worker();
  /// Starts a job; the last one must have ended. What it throws goes to the watch.
  void start(std::function<void()> job);
  /// Waits until the job has ended; false if the session has failed and the job still runs `patience` later.
  bool wait(std::chrono::milliseconds patience);

private:
  void serve();
  void perform();
  uint32_t device;
  Watch &watch;
  std::mutex mutex;
  std::condition_variable change;
  std::function<void()> job;
  bool busy = false, leaving = false;
  std::thread thread; ///< last: starts when the rest is there
};

} // namespace llcc::rt

#endif
