// Where device threads of one process meet: barriers, shared slots, mailboxes. Nothing waits longer than the time
// limit, and a failure of one device releases all.
#ifndef LLCC_RUNTIME_COLLECTIVES_LOCAL_MEETING_H
#define LLCC_RUNTIME_COLLECTIVES_LOCAL_MEETING_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace llcc::rt {

/// Shared by all devices of a session: the first failure ends every wait.
class Fate {
public:
  std::chrono::milliseconds limit{60000};
  bool failed() const { return flag.load(std::memory_order_acquire); }
  void fail() { flag.store(true, std::memory_order_release); }
  void reset() { flag.store(false, std::memory_order_release); }
  /// Waits until `ready`; throws Aborted after a failure elsewhere, Error(69) naming `what` when the limit passes.
  void wait(const std::function<bool()> &ready, const std::string &what, bool spin) const;

private:
  std::atomic<bool> flag{false};
};

/// The members of one collective group; each member calls arrive with its pointer and then sees all pointers.
class Meeting {
public:
  Meeting(size_t members, Fate &fate, bool spin) : fate(fate), slots(members), spin(spin) {}
  size_t size() const { return slots.size(); }
  /// Publishes `data` as member `member` and waits until all have; slots then stay valid until the next depart.
  void arrive(size_t member, const void *data, const std::string &what);
  /// Waits until all members are done with the slots.
  void depart(const std::string &what) { barrier(what); }
  const void *slot(size_t member) const { return slots[member]; }

private:
  void barrier(const std::string &what);
  Fate &fate;
  std::vector<const void *> slots;
  std::atomic<uint32_t> count{0}, generation{0};
  bool spin;
};

/// Messages between devices: a send copies and goes on, a receive waits. Matched by sender, receiver and tag, in order.
class Mailbox {
public:
  explicit Mailbox(Fate &fate) : fate(fate) {}
  void send(uint32_t from, uint32_t to, int64_t tag, const void *data, size_t bytes);
  void receive(uint32_t from, uint32_t to, int64_t tag, void *data, size_t bytes, const std::string &what);
  void clear();

private:
  using Key = std::tuple<uint32_t, uint32_t, int64_t>;
  Fate &fate;
  std::mutex mutex;
  std::map<Key, std::deque<std::vector<char>>> queues;
};

} // namespace llcc::rt

#endif
