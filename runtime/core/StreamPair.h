// Two streams of one device at once: communication on a thread of its own, beside compute.
#ifndef LLCC_RUNTIME_CORE_STREAMPAIR_H
#define LLCC_RUNTIME_CORE_STREAMPAIR_H

#include "runtime/core/Watch.h"
#include <condition_variable>
#include <functional>
#include <thread>
#include <vector>

namespace llcc::rt {

/// Runs a program's instructions on two threads: stream 0 on the caller's, stream 1 on one that lives as long as the
/// pair. Each stream keeps list order; an instruction starts when those that it `waits` for have ended. These are
/// exactly the orders that the plan's proof covers (plan/VerifyOrder), so results are those of the list.
class StreamPair {
public:
  StreamPair(const Program &program, Watch &watch);
  ~StreamPair();
  /// True where there is something for the second thread.
  static bool helps(const Program &program);
  /// Calls `instruction(i)` for each, and `gate()` on the caller's thread before any from number `commit` on. Where
  /// one throws, the watch is raised, so that the other stream's waits end as well, and this throws Aborted.
  void run(size_t commit, const std::function<void()> &gate, const std::function<void(size_t)> &instruction);

private:
  void serve();
  void runStream(uint8_t stream);
  void guarded(uint8_t stream);
  void openGate();
  void ended(uint8_t stream, size_t instr);
  template <typename Test> void await(Test test);

  const Program &program;
  Watch &watch;
  std::vector<size_t> lists[2]; ///< instructions of each stream
  std::vector<bool> awaited;    ///< by instruction: another one waits for it
  size_t commit = 0;
  const std::function<void()> *gate = nullptr;
  const std::function<void(size_t)> *instruction = nullptr;

  std::mutex mutex;
  std::condition_variable change;
  // Under `mutex`:
  size_t done[2] = {0, 0}; ///< instructions below this number have ended, of those that are awaited
  bool open = false, failed = false;
  bool busy = false, leaving = false;
  std::thread thread; ///< last: starts when the rest is there
};

} // namespace llcc::rt

#endif
