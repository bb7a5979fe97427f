// Faults on demand, for tests of how the rest reacts: LLCC_FAULT=fail@device1:step2, kill@…, sleep:500ms@….
#ifndef LLCC_RUNTIME_CORE_FAULT_H
#define LLCC_RUNTIME_CORE_FAULT_H

#include <cstdint>

namespace llcc::rt {

/// Called by each device before its step. Does nothing unless the environment asks for a fault here: fail throws
/// Error, kill ends the process with SIGKILL, sleep waits.
void injectFault(uint32_t device, int64_t step);

} // namespace llcc::rt

#endif
