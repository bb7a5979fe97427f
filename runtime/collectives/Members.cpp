// Who meets whom in a collective, by mesh coordinates.
#include "runtime/collectives/Network.h"
#include <algorithm>

namespace llcc::rt {

std::vector<uint32_t> groupOf(const Plan &plan, const std::vector<uint32_t> &axes, uint32_t device, size_t &member) {
  std::vector<uint32_t> coords = plan.coordinates(device);
  std::vector<uint32_t> strides(plan.sizes.size(), 1);
  for (size_t i = plan.sizes.size(); i-- > 1;)
    strides[i - 1] = strides[i] * plan.sizes[i];
  uint32_t base = device;
  for (uint32_t axis : axes)
    base -= coords[axis] * strides[axis];
  std::vector<uint32_t> members = {base};
  member = 0;
  for (uint32_t axis : axes) { // major first: later axes vary faster
    std::vector<uint32_t> next;
    for (uint32_t m : members)
      for (uint32_t c = 0; c < plan.sizes[axis]; ++c)
        next.push_back(m + c * strides[axis]);
    members = std::move(next);
    member = member * plan.sizes[axis] + coords[axis];
  }
  return members;
}

uint32_t peerOf(const Plan &plan, uint32_t device, uint32_t stage) {
  std::vector<uint32_t> coords = plan.coordinates(device);
  uint32_t result = 0;
  for (size_t i = 0; i < plan.sizes.size(); ++i)
    result = result * plan.sizes[i] + (plan.axes[i] == "pipeline" ? stage : coords[i]);
  return result;
}

std::pair<int64_t, int64_t> blockOf(int64_t n, size_t members, size_t m) {
  int64_t count = static_cast<int64_t>(members), size = n / count + (n % count != 0);
  int64_t start = size * static_cast<int64_t>(m);
  return {start, std::clamp<int64_t>(n - start, 0, size)};
}

} // namespace llcc::rt
