// Messages from one device thread to another, first in first out; the sender never waits, what is on its way is copied.
#ifndef LLCC_RUNTIME_COLLECTIVES_LOCAL_CHANNEL_H
#define LLCC_RUNTIME_COLLECTIVES_LOCAL_CHANNEL_H

#include "runtime/core/Watch.h"
#include <condition_variable>
#include <deque>

namespace llcc::rt {

class Channel {
public:
  Channel(uint32_t from, uint32_t to, const Watch &watch, std::atomic<uint64_t> &transit)
      : from(from), to(to), watch(watch), transit(transit) {}
  void send(const char *data, uint64_t bytes);
  /// Throws Aborted, or Error when the watch's time is over.
  void receive(char *data, uint64_t bytes);
  /// Drops what is on its way; only while nobody uses the channel.
  void reset();

private:
  uint32_t from, to;
  const Watch &watch;
  std::atomic<uint64_t> &transit; ///< bytes that all channels hold, used or kept for reuse
  std::mutex mutex;
  std::condition_variable arrival;
  std::deque<std::vector<char>> waiting;
  std::vector<std::vector<char>> spare;
};

} // namespace llcc::rt

#endif
