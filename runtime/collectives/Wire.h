// Another way for the messages of plans than TCP connections: what a plug-in (mpi/) gives.
#ifndef LLCC_RUNTIME_COLLECTIVES_WIRE_H
#define LLCC_RUNTIME_COLLECTIVES_WIRE_H

#include <cstdint>
#include <vector>

namespace llcc::rt {

class Wire {
public:
  virtual ~Wire() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t size() const = 0;
  /// At the start, on all ranks: `all` becomes every rank's `mine`, by rank.
  virtual void allGather(const void *mine, uint64_t bytes, void *all) = 0;
  /// Copies the message and never waits for the receiver. `lane` is less than 2^20.
  virtual void send(uint32_t to, uint32_t lane, const void *data, uint64_t bytes) = 0;
  /// True once the next message of the lane is here: it is then in `message`. Never waits.
  virtual bool take(uint32_t from, uint32_t lane, std::vector<char> &message) = 0;
  /// All ranks have come to their ends.
  virtual void finish() = 0;
};

/// What the plug-in's shared object has under this name: makes the wire, or gives nullptr and a reason.
using MakeWire = Wire *(*)(const char **reason);
constexpr const char *kMakeWire = "llcc_make_wire";
constexpr uint32_t kWireVersion = 1;
/// …and the version that it was built for.
constexpr const char *kWireVersionName = "llcc_wire_version";

} // namespace llcc::rt

#endif
