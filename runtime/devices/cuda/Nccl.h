// Collectives between GPUs by NCCL, opened at run time.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_NCCL_H
#define LLCC_RUNTIME_DEVICES_CUDA_NCCL_H

#include "runtime/devices/cuda/Driver.h"
#include "runtime/devices/cuda/Gpu.h"
#include <mutex>
#include <nccl.h>

namespace llcc::rt {

using Address = GpuAddress; // in the plug-in; the network has another of this name

// clang-format off
#define LLCC_NCCL_FUNCTIONS(use) \
  use(ncclGetVersion) use(ncclGetUniqueId) use(ncclCommInitRankConfig) use(ncclCommSplit) use(ncclCommDestroy) \
  use(ncclCommAbort) use(ncclCommGetAsyncError) use(ncclAllReduce) use(ncclAllGather) use(ncclReduceScatter) \
  use(ncclSend) use(ncclRecv) use(ncclGroupStart) use(ncclGroupEnd) use(ncclGetErrorString) use(ncclGetLastError)
// clang-format on

/// Functions of libnccl by their names in nccl.h.
struct NcclLibrary {
#define LLCC_NCCL_FIELD(name) decltype(&::name) name = nullptr;
  LLCC_NCCL_FUNCTIONS(LLCC_NCCL_FIELD)
#undef LLCC_NCCL_FIELD
  /// The library of this process. Throws Error (Unavailable): it is not there, with what to install.
  static const NcclLibrary &get();

private:
  SharedLibrary library;
  NcclLibrary();
};

/// The communicators of one GPU.
class Nccl {
public:
  /// Meets the other `ranks` - 1 devices that have the same `invitation`. Throws Error (Unavailable).
  Nccl(const std::string &invitation, uint32_t rank, uint32_t ranks);
  ~Nccl();
  static std::string invite();
  uint32_t join(const std::vector<uint32_t> &members);
  void exchange(CUstream stream, const Exchange &exchange);
  /// A failure that NCCL found by itself (a peer is gone); "" while all is well.
  std::string asynchronousError();
  /// May be called from another thread.
  void abandon();

private:
  void check(ncclResult_t result, const std::string &what) const;
  struct Group {
    ncclComm_t communicator = nullptr;
    uint32_t self = 0, members = 0;
  };
  const NcclLibrary &library;
  uint32_t rank;
  ncclComm_t all = nullptr;
  std::vector<Group> groups;
  std::mutex mutex; ///< of abandon and everything that reads communicators
  bool abandoned = false;
};

} // namespace llcc::rt

#endif
