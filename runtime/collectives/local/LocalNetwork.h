// Collectives between devices that are threads of one process, through shared memory; same bits on all members, in
// every run.
#ifndef LLCC_RUNTIME_COLLECTIVES_LOCAL_LOCALNETWORK_H
#define LLCC_RUNTIME_COLLECTIVES_LOCAL_LOCALNETWORK_H

#include "runtime/collectives/Network.h"
#include "runtime/collectives/local/Barrier.h"
#include "runtime/collectives/local/Channel.h"
#include <map>

namespace llcc::rt {

/// Devices that differ only along some axes. Each publishes where its operands are, and the others read them there.
struct Group {
  Group(std::vector<uint32_t> devices, const Watch &watch, int spins)
      : devices(devices), barrier(devices, watch, spins), ins(devices.size()), outs(devices.size()) {}
  std::vector<uint32_t> devices; ///< by member number
  Barrier barrier;
  std::vector<const std::vector<char *> *> ins, outs; ///< published, by member
};

/// All groups and channels of a session.
class LocalNetwork : public Network {
public:
  LocalNetwork(const Plan &plan, const Watch &watch);
  std::unique_ptr<Communicator> join(uint32_t device) override;
  /// The group of `device` along `axes`, and its member number in it. Safe from any thread.
  Group &group(const std::vector<uint32_t> &axes, uint32_t device, size_t &member);
  /// The lane from the device of `stage` that sends to the device at the same place of another stage.
  Channel &channel(uint32_t fromDevice, uint32_t toDevice, int64_t tag);
  uint32_t peer(uint32_t device, uint32_t stage) const { return peerOf(plan, device, stage); }
  void reset() override;
  uint64_t transitBytes() const override { return transit.load(); }

private:
  const Plan &plan;
  const Watch &watch;
  int spins;
  std::atomic<uint64_t> transit{0};
  std::mutex mutex;
  std::map<std::pair<std::vector<uint32_t>, uint32_t>, std::unique_ptr<Group>> groups;
  std::map<std::tuple<uint32_t, uint32_t, int64_t>, std::unique_ptr<Channel>> channels;
};

} // namespace llcc::rt

#endif
