// Generated kernels of a simulated GPU: blocks and threads one after the other, in a drawn order.
#ifndef LLCC_RUNTIME_DEVICES_CUDASIM_SIMKERNELS_H
#define LLCC_RUNTIME_DEVICES_CUDASIM_SIMKERNELS_H

#include "runtime/core/CodeLibrary.h"
#include "runtime/plan/SimThread.h"
#include <functional>
#include <memory>
#include <string>

namespace llcc::rt {

class SimKernels {
public:
  /// Sections "code.cudasim" and "cudasim" of an artifact. Throws Error.
  bool empty() const { return !library; }
  void load(const Plan &plan, std::string_view code, std::string_view table);
  /// Runs kernel number `kernel` of the plan. `buffers`: with one place more, for shared memory. `draw`: 0 runs blocks
  /// and threads in order, else another order. Throws Error where threads of a block do not meet.
  void run(uint32_t kernel, std::vector<void *> buffers, const int64_t *coords, uint64_t draw) const;

private:
  struct Entry {
    std::string name;
    SimKernel code = nullptr;
    uint64_t sharedBytes = 0;
    bool meets = false;
    int64_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  };
  std::unique_ptr<CodeLibrary> library;
  std::vector<Entry> entries; ///< by number in Plan::kernels
};

} // namespace llcc::rt

#endif
