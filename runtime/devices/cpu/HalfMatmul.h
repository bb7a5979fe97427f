// Products of bf16 and f16 matrices on CPUs whose library has none: blocks are widened to f32, multiplied by sgemm, and
// rounded once.
#ifndef LLCC_RUNTIME_DEVICES_CPU_HALFMATMUL_H
#define LLCC_RUNTIME_DEVICES_CPU_HALFMATMUL_H

#include "runtime/collectives/Communicator.h"
#include <memory>

namespace llcc::rt {

/// One a device thread. Blocks share one scratch array, sized by the largest product that was prepared.
class HalfMatmul {
public:
  explicit HalfMatmul(int threads) : threads(threads) {}
  /// `instr`: Op::Matmul of 16 bit operands, no size 0. The result is of their type or f32.
  Work prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
               const std::vector<char *> &outs);
  /// Allocates the scratch array; before the first run.
  void finish();
  uint64_t bytes() const { return floats * sizeof(float); }

private:
  int threads;
  uint64_t floats = 0;
  std::unique_ptr<float[]> scratch;
};

} // namespace llcc::rt

#endif
