// oneDNN calls for matmul and convolutions, prepared once: primitives, memory objects and argument lists are fixed, a
// run is one call.
#ifndef LLCC_RUNTIME_DEVICES_CPU_LIBRARY_H
#define LLCC_RUNTIME_DEVICES_CPU_LIBRARY_H

#include "runtime/collectives/Communicator.h"
#include <memory>

namespace llcc::rt {

/// One a device thread; primitives belong to the thread that makes them, with the number of threads set then.
class Library {
public:
  /// `threads`: what one device may use.
  explicit Library(int threads);
  ~Library();
  /// An empty Work where oneDNN has no implementation (the reference is the way then).
  Work matmul(const Program &program, const Instr &instr, const std::vector<char *> &ins,
              const std::vector<char *> &outs);
  Work convolution(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                   const std::vector<char *> &outs);
  /// Allocates the memory that convolutions share for arrays in the library's own layout.
  void finish();
  /// Shared memory for layouts plus the largest scratchpad.
  uint64_t bytes() const;

private:
  /// `widened`: bf16 and f16 operands are widened to f32 first, and the result is rounded behind.
  Work convolution(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                   const std::vector<char *> &outs, bool widened);
  struct State;
  std::unique_ptr<State> state;
};

} // namespace llcc::rt

#endif
