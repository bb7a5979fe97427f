// What the executor asks of a device; one object a device, used from that device's thread only. cpu/ is here, cuda/
// comes beside it.
#ifndef LLCC_RUNTIME_DEVICES_DEVICE_H
#define LLCC_RUNTIME_DEVICES_DEVICE_H

#include "runtime/collectives/Communicator.h"

namespace llcc::rt {

class Device {
public:
  virtual ~Device() = default;
  /// Prepares an instruction that touches this device only (launch, matmul, convolutions, copy, fill). `ins` and `outs`
  /// are the places of instr.ins and instr.outs, fixed for the device's life. Throws Error.
  virtual Work prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                       const std::vector<char *> &outs) = 0;
  /// Copies `bytes` of the host's memory into the device's; done when it returns.
  virtual void copyIn(char *to, const char *from, uint64_t bytes) = 0;
  /// After the last prepare, before the first run.
  virtual void finish() = 0;
  /// Memory beside the arena that libraries need for what was prepared.
  virtual uint64_t libraryBytes() const = 0;
};

} // namespace llcc::rt

#endif
