// The CUDA driver, opened at run time. Only types come from cuda.h; nothing links libcuda.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_DRIVER_H
#define LLCC_RUNTIME_DEVICES_CUDA_DRIVER_H

#include "runtime/devices/cuda/SharedLibrary.h"
#include <cuda.h>

namespace llcc::rt {

// cuda.h maps many names to versioned symbols (cuMemAlloc is cuMemAlloc_v2); LLCC_CUDA_SYMBOL gives the mapped name.
#define LLCC_CUDA_SYMBOL_TEXT(name) #name
#define LLCC_CUDA_SYMBOL(name) LLCC_CUDA_SYMBOL_TEXT(name)
// clang-format off
#define LLCC_CUDA_FUNCTIONS(use) \
  use(cuInit) use(cuDriverGetVersion) use(cuDeviceGetCount) use(cuDeviceGet) use(cuDeviceGetName) \
  use(cuDeviceGetAttribute) use(cuDevicePrimaryCtxRetain) use(cuDevicePrimaryCtxRelease) use(cuCtxSetCurrent) \
  use(cuMemGetInfo) use(cuMemAlloc) use(cuMemFree) use(cuMemHostAlloc) use(cuMemFreeHost) \
  use(cuMemcpyHtoDAsync) use(cuMemcpyDtoHAsync) use(cuMemcpyDtoDAsync) use(cuMemcpy2DAsync) \
  use(cuMemsetD8Async) use(cuMemsetD16Async) use(cuMemsetD32Async) use(cuMemsetD2D32Async) \
  use(cuStreamCreateWithPriority) use(cuStreamDestroy) use(cuStreamSynchronize) use(cuStreamQuery) use(cuStreamWaitEvent) \
  use(cuStreamBeginCapture) use(cuStreamEndCapture) \
  use(cuEventCreate) use(cuEventDestroy) use(cuEventRecord) use(cuEventRecordWithFlags) use(cuStreamWriteValue32) use(cuEventQuery) use(cuEventSynchronize) use(cuEventElapsedTime) \
  use(cuModuleLoadDataEx) use(cuModuleUnload) use(cuModuleGetFunction) use(cuFuncSetAttribute) use(cuLaunchKernel) \
  use(cuGraphInstantiate) use(cuGraphLaunch) use(cuGraphExecDestroy) use(cuGraphDestroy) use(cuGetErrorName) use(cuGetErrorString)
// clang-format on

/// Functions of libcuda by their names in cuda.h.
struct Driver {
#define LLCC_CUDA_FIELD(name) decltype(&::name) name = nullptr;
  LLCC_CUDA_FUNCTIONS(LLCC_CUDA_FIELD)
#undef LLCC_CUDA_FIELD

  /// The driver of this process, opened and initialised once. Throws Error (Unavailable): no libcuda.so.1, a driver
  /// older than the CUDA version that this build was made with needs, no device. LLCC_LIBCUDA names another file.
  static const Driver &get();
  /// Throws Error (Unavailable) where `result` is not CUDA_SUCCESS: "<what>: CUDA_ERROR_… (text)".
  void check(CUresult result, const std::string &what) const;
  std::string describe(CUresult result) const;

  int version = 0; ///< 1000 · major + 10 · minor
  int devices = 0;

private:
  Driver();
  SharedLibrary library;
};

} // namespace llcc::rt

#endif
