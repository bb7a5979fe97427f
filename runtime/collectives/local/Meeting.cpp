// Waiting in shared memory: a short spin where every thread has a core, then yielding, then short sleeps.
#include "runtime/collectives/local/Meeting.h"
#include "runtime/core/Error.h"
#include <cstring>
#include <thread>

namespace llcc::rt {

void Fate::wait(const std::function<bool()> &ready, const std::string &what, bool spin) const {
  for (int i = 0; spin && i < 4000; ++i) {
    if (ready())
      return;
    __builtin_ia32_pause();
  }
  auto start = std::chrono::steady_clock::now();
  for (uint64_t i = 0;; ++i) {
    if (ready())
      return;
    if (failed())
      throw Aborted{};
    // With more threads than cores, yielding hands the core to the one that is late; after a while sleep instead.
    if (i < 2000) {
      std::this_thread::yield();
      continue;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (std::chrono::steady_clock::now() - start > limit)
      throw Error{69, what + " waited " + std::to_string(limit.count()) + " ms for its peers"};
  }
}

void Meeting::barrier(const std::string &what) {
  uint32_t now = generation.load(std::memory_order_acquire);
  if (count.fetch_add(1, std::memory_order_acq_rel) + 1 == slots.size()) {
    count.store(0, std::memory_order_relaxed);
    generation.fetch_add(1, std::memory_order_acq_rel);
    return;
  }
  fate.wait([&] { return generation.load(std::memory_order_acquire) != now; }, what, spin);
}

void Meeting::arrive(size_t member, const void *data, const std::string &what) {
  slots[member] = data;
  barrier(what);
}

void Mailbox::send(uint32_t from, uint32_t to, int64_t tag, const void *data, size_t bytes) {
  std::vector<char> copy(static_cast<const char *>(data), static_cast<const char *>(data) + bytes);
  std::lock_guard lock(mutex);
  queues[{from, to, tag}].push_back(std::move(copy));
}

void Mailbox::receive(uint32_t from, uint32_t to, int64_t tag, void *data, size_t bytes, const std::string &what) {
  std::vector<char> message;
  bool taken = false;
  fate.wait(
      [&] {
        std::lock_guard lock(mutex);
        auto found = queues.find({from, to, tag});
        if (found == queues.end() || found->second.empty())
          return false;
        message = std::move(found->second.front());
        found->second.pop_front();
        return taken = true;
      },
      what, false);
  if (message.size() != bytes)
    throw Error{70, what + " got " + std::to_string(message.size()) + " bytes, needs " + std::to_string(bytes)};
  memcpy(data, message.data(), bytes);
}

void Mailbox::clear() {
  std::lock_guard lock(mutex);
  queues.clear();
}

} // namespace llcc::rt
