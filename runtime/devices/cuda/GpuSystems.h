// Which GPUs there are for a target: the real ones behind the plug-in, or simulated ones.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_GPUSYSTEMS_H
#define LLCC_RUNTIME_DEVICES_CUDA_GPUSYSTEMS_H

#include "runtime/devices/cuda/Gpu.h"

namespace llcc::rt {

/// `target`: as in Plan, no CPU. Throws Error 69 that begins with `path` where nothing can run it.
std::unique_ptr<GpuSystem> openGpus(const std::string &path, const std::string &target);

} // namespace llcc::rt

#endif
