// One program bound to a CPU device: every instruction prepared with its addresses, run in list order.
#ifndef LLCC_RUNTIME_CORE_EXECUTOR_H
#define LLCC_RUNTIME_CORE_EXECUTOR_H

#include "runtime/core/BoundProgram.h"

namespace llcc::rt {

class Executor {
public:
  /// Prepares all instructions; throws Error. `peers`: nullptr in inference.
  Executor(const Program &program, char *arena, Device &engine, Communicator *peers, const Place &place);
  /// Runs the program. On a CPU the list order is one that all streams and waits allow. Throws Error or Aborted.
  /// With a timeline, each instruction is timed.
  void run(Timeline *timeline = nullptr);

private:
  Work prepare(const Instr &instr);
  Work feed(const Instr &instr);
  Work capture(const Instr &instr);
  char *at(uint32_t buffer) const { return arena + program.buffers[buffer].offset; }

  const Program &program;
  char *arena;
  Device &engine;
  Communicator *peers;
  Place place;
  std::vector<Work> works;
  size_t commit;
};

} // namespace llcc::rt

#endif
