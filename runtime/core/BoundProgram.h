// A program on its device: memory, prepared instructions, and how the session reaches into that memory.
#ifndef LLCC_RUNTIME_CORE_BOUNDPROGRAM_H
#define LLCC_RUNTIME_CORE_BOUNDPROGRAM_H

#include "runtime/core/HostSide.h"
#include "runtime/core/Trace.h"
#include "runtime/devices/Device.h"
#include <map>
#include <memory>

namespace llcc::rt {

/// Where a program runs and whom it talks to; all live longer than what is bound.
struct Place {
  const Plan &plan;
  uint32_t device;
  std::vector<uint32_t> coords;
  HostSide &host;
  LossGate *gate; ///< nullptr in inference
  bool postsLoss; ///< this device's losses are the step's
  bool postsNorm; ///< …and its gradient norm
  bool gated;     ///< waits for the loss at the commit point
  Watch &watch;
};

/// Made and run on its device's thread; the session reads and writes its memory between runs.
class BoundProgram {
public:
  virtual ~BoundProgram() = default;
  /// Runs the program; with a timeline, each instruction is timed. Losses, gradients and outputs are with the host when
  /// it returns, what else the program does may still be under way. Throws Error or Aborted.
  virtual void run(Timeline *timeline) = 0;
  /// Byte `offset` of the arena in the host's memory; nullptr where the arena is elsewhere.
  virtual char *mapped(uint64_t offset) { return nullptr; }
  /// Copies between the arena and the host's memory; done when they return, and after all that was run before.
  virtual void read(uint64_t offset, char *to, uint64_t bytes) = 0;
  virtual void write(uint64_t offset, const char *from, uint64_t bytes) = 0;
  /// Memory beside the arena.
  virtual uint64_t libraryBytes() const = 0;
};

using KernelTable = std::map<std::string, CpuKernel>;

/// `threads`: what the device may use. `peers`: nullptr in inference. Throws Error.
std::unique_ptr<BoundProgram> bindToCpu(const Program &program, const Place &place, Communicator *peers, int threads,
                                        const KernelTable &kernels);

} // namespace llcc::rt

#endif
