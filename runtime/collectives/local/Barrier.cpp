// A barrier between device threads: spins shortly, then sleeps on a futex.
#include "runtime/collectives/local/Barrier.h"
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace llcc::rt {

void sleepOn(std::atomic<uint32_t> &word, uint32_t value) {
  // A wake-up between the caller's look at the abort flag and this call is lost; the short time makes up for it.
  timespec limit{0, 20'000'000};
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, value, &limit, nullptr, 0);
}

void wakeAll(std::atomic<uint32_t> &word) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

Barrier::Barrier(const std::vector<uint32_t> &devices, const Watch &watch, int spins)
    : devices(devices), watch(watch), spins(spins), turns(new std::atomic<uint32_t>[devices.size()]) {
  reset();
}

void Barrier::reset() {
  turn.store(0);
  arrived.store(0);
  for (size_t m = 0; m < devices.size(); ++m)
    turns[m].store(0);
}

void Barrier::wait(size_t member) {
  watch.check();
  uint32_t now = turn.load(std::memory_order_acquire);
  turns[member].store(now + 1, std::memory_order_relaxed);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == devices.size()) {
    arrived.store(0, std::memory_order_relaxed);
    turn.store(now + 1, std::memory_order_release);
    wakeAll(turn);
    return;
  }
  for (int i = 0; i < spins; ++i) {
    if (turn.load(std::memory_order_acquire) != now)
      return;
    __builtin_ia32_pause();
  }
  auto end = std::chrono::steady_clock::now() + watch.timeout;
  while (turn.load(std::memory_order_acquire) == now) {
    watch.check();
    sleepOn(turn, now);
    if (std::chrono::steady_clock::now() > end && turn.load(std::memory_order_acquire) == now)
      timedOut(member, now);
  }
}

void Barrier::timedOut(size_t member, uint32_t now) const {
  for (size_t m = 0; m < devices.size(); ++m)
    if (turns[m].load(std::memory_order_relaxed) != now + 1)
      watch.timedOut(devices[member], devices[m]);
  watch.timedOut(devices[member], devices[0]);
}

} // namespace llcc::rt
