// What the devices of a session know of each other: how far each is, whether one has failed, how long to wait.
#ifndef LLCC_RUNTIME_CORE_WATCH_H
#define LLCC_RUNTIME_CORE_WATCH_H

#include "runtime/core/Error.h"
#include "runtime/plan/Plan.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

namespace llcc::rt {

/// Shared by all device threads. The first failure wins; every wait looks at `aborted` and leaves by throwing Aborted.
class Watch {
public:
  Watch(uint32_t devices, std::chrono::milliseconds timeout)
      : timeout(timeout), at(new std::atomic<uint32_t>[2 * devices]), running(devices, nullptr) {
    for (uint32_t d = 0; d < devices; ++d)
      begin(d, nullptr);
  }

  const std::chrono::milliseconds timeout;

  /// Device `d` starts a program (before its thread runs it).
  void begin(uint32_t d, const Program *program) {
    running[d] = program;
    at[2 * d].store(0, std::memory_order_relaxed);
    at[2 * d + 1].store(kUnused, std::memory_order_relaxed);
  }
  /// Device `d` is at instruction `instr`; `stream` 1 only where that has a thread of its own.
  void progress(uint32_t d, size_t instr, uint8_t stream = 0) {
    at[2 * d + stream].store(static_cast<uint32_t>(instr), std::memory_order_relaxed);
  }

  /// Of two streams, the one that is behind.
  size_t progressOf(uint32_t d) const {
    return std::min(at[2 * d].load(std::memory_order_relaxed), at[2 * d + 1].load(std::memory_order_relaxed));
  }

  bool aborted() const { return flag.load(std::memory_order_acquire); }
  void raise(const Error &failure) {
    std::lock_guard<std::mutex> lock(mutex);
    if (flag.load())
      return;
    first = failure;
    flag.store(true, std::memory_order_release);
  }
  /// Throws Aborted if a device has failed.
  void check() const {
    if (aborted())
      throw Aborted{};
  }
  Error failure() const {
    std::lock_guard<std::mutex> lock(mutex);
    return first;
  }
  /// For the next step, when all devices are idle.
  void reset() { flag.store(false); }

  /// "device 1, which is at instruction 12 (launch k3, node "fc1")".
  std::string where(uint32_t d) const;
  /// Throws: device `d` has waited for `peer` as long as it may.
  [[noreturn]] void timedOut(uint32_t d, uint32_t peer) const;

private:
  static constexpr uint32_t kUnused = UINT32_MAX;
  std::unique_ptr<std::atomic<uint32_t>[]> at; ///< two a device, by stream
  std::vector<const Program *> running;
  std::atomic<bool> flag{false};
  mutable std::mutex mutex;
  Error first{0, ""};
};

} // namespace llcc::rt

#endif
