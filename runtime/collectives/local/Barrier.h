// A barrier between device threads that spins shortly, then sleeps; a failed device releases the others.
#ifndef LLCC_RUNTIME_COLLECTIVES_LOCAL_BARRIER_H
#define LLCC_RUNTIME_COLLECTIVES_LOCAL_BARRIER_H

#include "runtime/core/Watch.h"

namespace llcc::rt {

/// Sleeps while `word` is `value`, at most about 20 ms; may wake early.
void sleepOn(std::atomic<uint32_t> &word, uint32_t value);
/// Wakes all that sleep on `word`.
void wakeAll(std::atomic<uint32_t> &word);

class Barrier {
public:
  /// `devices`: device number of each member, for messages. `spins`: how often to look before sleeping.
  Barrier(const std::vector<uint32_t> &devices, const Watch &watch, int spins);
  /// Waits for all members. Throws Aborted, or Error when the watch's time is over.
  void wait(size_t member);
  /// Only while no member waits.
  void reset();

private:
  [[noreturn]] void timedOut(size_t member, uint32_t turn) const;
  std::vector<uint32_t> devices;
  const Watch &watch;
  int spins;
  alignas(64) std::atomic<uint32_t> turn{0};
  alignas(64) std::atomic<uint32_t> arrived{0};
  std::unique_ptr<std::atomic<uint32_t>[]> turns; ///< of each member: its last arrival
};

} // namespace llcc::rt

#endif
