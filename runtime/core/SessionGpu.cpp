// A session whose devices are GPUs: which system they belong to, and how programs are bound to them.
#include "runtime/core/Session.h"
#include "runtime/devices/cuda/GpuProgram.h"
#include "runtime/devices/cuda/GpuSystems.h"

namespace llcc::rt {

void Session::findGpus() {
  if (world && module.plan.target.compare(0, 7, "cudasim") == 0)
    throw Error{Usage, module.path + ": simulated GPUs are all in one process; start it without a launcher"};
  gpus = openGpus(module.path, module.plan.target);
  if (module.plan.devices() == 1)
    return;
  if (!world || world->rank() == 0)
    invitation = gpus->invite();
  if (!world)
    return;
  for (uint32_t r = 1; r < world->size() && world->rank() == 0; ++r)
    world->send(r, kState, invitation.data(), invitation.size());
  if (world->rank() != 0) {
    std::vector<char> bytes = world->take(0, kState, World::kAny);
    invitation.assign(bytes.begin(), bytes.end());
  }
}

std::unique_ptr<BoundProgram> Session::bindToGpu(const Seat &seat, const Place &place, const std::string &invited) {
  uint32_t count = gpus->count();
  // Ranks of one host count on; how they are spread over hosts is the launcher's business.
  uint32_t number = world ? place.device % world->neighbours() : place.device;
  if (count == 0 || (number >= count && !world))
    throw Error{Unavailable, module.path + " is compiled for " + std::to_string(module.plan.devices()) +
                                 " devices, this machine has " + std::to_string(count) + " GPU" +
                                 (count == 1 ? "" : "s") + "; compile with --devices=" +
                                 std::to_string(std::max(count, 1u)) + ", or start a process for each device"};
  GpuPlace at{module.plan,
              place.device,
              number % count,
              place.coords,
              [this](const std::string &name) { return module.artifact.section(name); },
              invited};
  return std::make_unique<GpuProgram>(*seat.program, gpus->open(at), *gpus, place);
}

} // namespace llcc::rt
