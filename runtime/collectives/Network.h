// What joins the devices of a session: threads of this process, or processes.
#ifndef LLCC_RUNTIME_COLLECTIVES_NETWORK_H
#define LLCC_RUNTIME_COLLECTIVES_NETWORK_H

#include "runtime/collectives/Communicator.h"
#include <memory>

namespace llcc::rt {

class Network {
public:
  virtual ~Network() = default;
  /// The communicator of a device of this process.
  virtual std::unique_ptr<Communicator> join(uint32_t device) = 0;
  /// Forgets half-done meetings after a failure; only while all devices are idle.
  virtual void reset() = 0;
  /// Bytes of messages on their way that this process holds, at most.
  virtual uint64_t transitBytes() const = 0;
};

/// The devices that differ from `device` only along `axes`, by member number (major axis first), and the number of
/// `device` among them.
std::vector<uint32_t> groupOf(const Plan &plan, const std::vector<uint32_t> &axes, uint32_t device, size_t &member);
/// The device with the coordinates of `device`, but in pipeline stage `stage`.
uint32_t peerOf(const Plan &plan, uint32_t device, uint32_t stage);
/// The block of ceil(n/members) that member `m` has of `n`: start, and how much of it is there.
std::pair<int64_t, int64_t> blockOf(int64_t n, size_t members, size_t m);

} // namespace llcc::rt

#endif
