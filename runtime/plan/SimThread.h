// What a kernel that was compiled for the simulated GPU knows of the thread that it runs: the border between
// compiler/codegen/cudasim and runtime/devices/cudasim.
#ifndef LLCC_RUNTIME_PLAN_SIMTHREAD_H
#define LLCC_RUNTIME_PLAN_SIMTHREAD_H

#include <cstdint>

namespace llcc::rt {

/// Generated code addresses the fields as 64-bit words, by SimWord.
struct SimThread {
  int64_t thread[3], block[3], blockDim[3], gridDim[3];
  /// Returns when all threads of the block have called it.
  void (*barrier)(SimThread *self);
  /// Returns the `value` of another lane of the warp when all lanes have given theirs; `mode` as in gpu.shuffle (0 xor
  /// 1 down 2 up 3 idx). Sets `valid` to whether there was such a lane.
  uint64_t (*shuffle)(SimThread *self, uint64_t value, int64_t offset, int64_t width, int64_t mode);
  int64_t valid;
};

enum SimWord : int64_t {
  kSimThread = 0,
  kSimBlock = 3,
  kSimBlockDim = 6,
  kSimGridDim = 9,
  kSimBarrier = 12,
  kSimShuffle = 13,
  kSimValid = 14
};
static_assert(sizeof(SimThread) == 8 * (kSimValid + 1));

constexpr int64_t kSimWarp = 32;

/// A kernel of section "code.cudasim", an ELF shared object: runs one thread. `buffers`: those of CpuKernel, then the
/// block's shared memory. The section "cudasim" says of each kernel, a line each: its name, bytes of shared memory, and
/// 1 if threads meet in it (barriers, shuffles), else 0.
using SimKernel = void (*)(void *const *buffers, const int64_t *coords, SimThread *self, int64_t unused);

} // namespace llcc::rt

#endif
