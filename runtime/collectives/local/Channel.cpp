// Messages from one device thread to another.
#include "runtime/collectives/local/Channel.h"
#include <cstring>

namespace llcc::rt {

void Channel::send(const char *data, uint64_t bytes) {
  std::vector<char> message;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!spare.empty()) {
      message = std::move(spare.back());
      spare.pop_back();
    }
  }
  uint64_t before = message.capacity();
  message.resize(bytes);
  transit += message.capacity() - before;
  std::memcpy(message.data(), data, bytes);
  {
    std::lock_guard<std::mutex> lock(mutex);
    waiting.push_back(std::move(message));
  }
  arrival.notify_one();
}

void Channel::receive(char *data, uint64_t bytes) {
  auto end = std::chrono::steady_clock::now() + watch.timeout;
  std::unique_lock<std::mutex> lock(mutex);
  while (waiting.empty()) {
    watch.check();
    if (std::chrono::steady_clock::now() > end)
      watch.timedOut(to, from);
    // Short, so that a failure elsewhere is seen soon.
    arrival.wait_for(lock, std::chrono::milliseconds(20));
  }
  std::vector<char> message = std::move(waiting.front());
  waiting.pop_front();
  lock.unlock();
  if (message.size() != bytes)
    throw Error{Software, "device " + std::to_string(to) + " received " + std::to_string(message.size()) +
                              " bytes from device " + std::to_string(from) + ", the plan says " +
                              std::to_string(bytes)};
  std::memcpy(data, message.data(), bytes);
  lock.lock();
  spare.push_back(std::move(message));
}

void Channel::reset() {
  for (auto &message : waiting)
    spare.push_back(std::move(message));
  waiting.clear();
}

} // namespace llcc::rt
