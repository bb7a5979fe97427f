// Collectives between devices that are processes, over messages; the same bits as between threads.
#ifndef LLCC_RUNTIME_COLLECTIVES_TCP_PROCESSNETWORK_H
#define LLCC_RUNTIME_COLLECTIVES_TCP_PROCESSNETWORK_H

#include "runtime/collectives/Network.h"
#include "runtime/collectives/tcp/World.h"

namespace llcc::rt {

/// Device d of the plan is rank d of the world.
class ProcessNetwork : public Network {
public:
  ProcessNetwork(const Plan &plan, World &world) : plan(plan), world(world) {}
  std::unique_ptr<Communicator> join(uint32_t device) override;
  /// A world that has failed stays failed.
  void reset() override {}
  uint64_t transitBytes() const override { return world.transitBytes(); }

private:
  const Plan &plan;
  World &world;
};

} // namespace llcc::rt

#endif
