// The processes that run one plan together: messages between them, signs of life, and how a failure reaches all.
#ifndef LLCC_RUNTIME_COLLECTIVES_TCP_WORLD_H
#define LLCC_RUNTIME_COLLECTIVES_TCP_WORLD_H

#include "runtime/collectives/Wire.h"
#include "runtime/collectives/tcp/Rendezvous.h"
#include "runtime/core/Error.h"
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace llcc::rt {

/// Streams of messages between two ranks; each keeps its order. Those of groups and sends lie above kFirstOfPlan.
enum Lane : uint32_t { kFacts, kLoss, kNorm, kGradients, kState, kOrders, kClock, kTrace, kFirstOfPlan = 64 };

/// How long a process may show nothing.
struct Patience {
  std::chrono::milliseconds silence{8000};   ///< no sign of life at all: stopped, cut off, or its machine is gone
  std::chrono::milliseconds standing{60000}; ///< alive, but at the same instruction without waiting for another rank
};

/// One object a process. A thread of it reads all connections (so that a sender never waits for a receiver that
/// computes), sends a pulse to all, and watches theirs. The first failure wins and is for ever: every wait, here or of
/// a device, ends with it. Failures are named by the rank where they began, in the same words on all ranks.
class World {
public:
  /// `wire` carries the messages of plans instead of the connections (MPI); may be empty.
  World(std::vector<Member> members, uint32_t rank, Patience patience, std::unique_ptr<Wire> wire);
  ~World();

  uint32_t rank() const { return self; }
  uint32_t size() const { return static_cast<uint32_t>(peers.size()); }
  /// "rank 2 (host n7, pid 123)".
  const std::string &name(uint32_t rank) const { return peers[rank]->name; }
  /// Ranks on this process' host.
  uint32_t neighbours() const;

  /// Copies the message; throws the world's failure.
  void send(uint32_t to, uint32_t lane, const void *data, uint64_t bytes);
  /// The next message of the lane, of exactly `bytes` (kAny: as it comes). Throws the world's failure.
  static constexpr uint64_t kAny = UINT64_MAX;
  std::vector<char> take(uint32_t from, uint32_t lane, uint64_t bytes);
  void receive(uint32_t from, uint32_t lane, void *data, uint64_t bytes);
  /// Gives memory of a message back.
  void recycle(std::vector<char> &&message);
  uint64_t transitBytes() const { return mostTransit.load(); }

  /// Compares lines "name=value" on all ranks; throws Error 78 that names both sides of the first rank that differs.
  void agree(const std::string &facts);
  /// A request to stop (the signal's number) from any rank, as rank 0 has heard of it.
  void requestStop(int reason);
  int stopRequested() const { return stop.load(); }

  bool failed() const { return isFailed.load(std::memory_order_acquire); }
  Error failure() const;
  /// Called once, from the world's own thread, with the failure; empty: nobody. Returns after a call under way has
  /// ended.
  void onFailure(std::function<void(const Error &)> hook);
  void onFailureExit(std::function<void(const Error &)> hook);

  /// The device of this process begins or ends a step; `at` gives its instruction, `describe` names an instruction of a
  /// rank's program.
  void working(int64_t step, bool inStep);
  void observe(std::function<uint32_t()> at, std::function<std::string(uint32_t rank, uint32_t instr)> describe);

  /// The end: with code 0 waits until all ranks have come here; else tells all why this rank ends. Throws the world's
  /// failure. No call after it.
  void leave(int code, const std::string &text);

private:
  struct Header {
    uint32_t magic, kind, lane, reserved;
    uint64_t bytes;
  };
  /// Sign of life and of progress.
  struct Pulse {
    int64_t step;
    uint32_t instr, inStep;
    int32_t waitsFor; ///< rank, -1: nobody
    uint32_t reserved;
  };
  using Clock = std::chrono::steady_clock;
  struct Peer {
    std::string name, host;
    Socket socket;
    std::mutex writing;
    bool broken = false; ///< a message was cut off: nothing more can be said
    // Of the reading thread alone:
    bool open = true, bye = false;
    Header header{};
    size_t have = 0;
    std::vector<char> body;
    Clock::time_point heard, moved;
    Pulse pulse{};
    // Under `mutex`:
    bool left = false;
    std::map<uint32_t, std::deque<std::vector<char>>> queues;
  };

  void serve();
  void hear(Peer &peer, uint32_t r);
  void accept(Peer &peer, uint32_t r);
  void beat();
  void watchOthers();
  void raise(const Error &error);
  bool frame(Peer &peer, uint32_t kind, uint32_t lane, const void *data, uint64_t bytes, bool patient);

  uint32_t self;
  Patience patience;
  std::unique_ptr<Wire> wire;
  std::vector<std::unique_ptr<Peer>> peers;
  mutable std::mutex mutex;
  std::condition_variable change;
  Error first{0, ""};
  std::atomic<bool> isFailed{false}, leaving{false};
  std::atomic<int> stop{0};
  std::atomic<int32_t> waitsFor{-1};
  std::atomic<int64_t> step{0};
  std::atomic<bool> inStep{false};
  std::atomic<uint64_t> transit{0}, mostTransit{0};
  std::vector<std::vector<char>> spare;
  std::mutex hooks;
  std::function<void(const Error &)> hook, exitHook;
  std::function<uint32_t()> where;
  std::function<std::string(uint32_t, uint32_t)> describe;
  std::thread thread;
};

} // namespace llcc::rt

#endif
