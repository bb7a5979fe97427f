// One program bound to one device: every instruction prepared with its addresses, run in list order.
#ifndef LLCC_RUNTIME_CORE_EXECUTOR_H
#define LLCC_RUNTIME_CORE_EXECUTOR_H

#include "runtime/core/HostSide.h"
#include "runtime/core/StreamPair.h"
#include "runtime/core/Trace.h"
#include "runtime/devices/Device.h"

namespace llcc::rt {

/// Where a program runs and whom it talks to; all live longer than the executor.
struct Place {
  const Plan &plan;
  uint32_t device;
  std::vector<uint32_t> coords;
  Device &engine;
  Communicator *peers; ///< nullptr in inference
  HostSide &host;
  LossGate *gate; ///< nullptr in inference
  bool postsLoss; ///< this device's losses are the step's
  bool postsNorm; ///< …and its gradient norm
  bool gated;     ///< waits for the loss at the commit point
  Watch &watch;
};

class Executor {
public:
  /// Prepares all instructions; throws Error.
  Executor(const Program &program, char *arena, const Place &place);
  /// Runs the program: in list order, which is one that all streams and waits allow, or both streams at once. Throws
  /// Error or Aborted. With a timeline, each instruction is timed.
  void run(Timeline *timeline = nullptr);

private:
  void runBoth(Timeline *timeline);
  Work prepare(const Instr &instr);
  Work feed(const Instr &instr);
  Work capture(const Instr &instr);
  char *at(uint32_t buffer) const { return arena + program.buffers[buffer].offset; }

  const Program &program;
  char *arena;
  Place place;
  std::vector<Work> works;
  size_t commit;
  std::unique_ptr<StreamPair> streams; ///< nullptr: one thread runs both streams
};

} // namespace llcc::rt

#endif
