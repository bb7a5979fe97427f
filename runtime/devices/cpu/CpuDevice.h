// One CPU device: generated kernels, library calls, copies, on its share of the machine's threads.
#ifndef LLCC_RUNTIME_DEVICES_CPU_CPUDEVICE_H
#define LLCC_RUNTIME_DEVICES_CPU_CPUDEVICE_H

#include "runtime/core/BoundProgram.h"
#include <memory>

namespace llcc::rt {

/// `coords`: the device's place in the mesh, which kernels read. Make it and use it on the device's own thread.
std::unique_ptr<Device> makeCpuDevice(const std::vector<uint32_t> &coords, int threads, const KernelTable &kernels,
                                      bool plainLoops = false);

} // namespace llcc::rt

#endif
