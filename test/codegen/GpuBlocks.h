// Runs the threads of GPU kernels that were compiled for this CPU (runtime/plan/SimThread.h), a fiber each: blocks one
// after the other, the threads of a block in turns from barrier to barrier.
#ifndef LLCC_TEST_CODEGEN_GPUBLOCKS_H
#define LLCC_TEST_CODEGEN_GPUBLOCKS_H

#include "runtime/plan/SimThread.h"
#include <string>
#include <vector>

namespace llcc::test {

/// One launch. Shared memory of a block starts as noise.
struct GpuLaunch {
  rt::SimKernel kernel;
  std::vector<void *> buffers;
  std::vector<int64_t> coords;
  int64_t grid, block, sharedBytes;
  bool meets;     ///< has barriers or shuffles
  bool backwards; ///< the last thread runs first: what depends on the order gives other results
};

/// Returns what is wrong (empty: nothing): threads that wait where others have left.
std::string run(const GpuLaunch &launch);

} // namespace llcc::test

#endif
