// A prepared library operation: bound to its memory once, run many times.
#ifndef LLCC_RUNTIME_DEVICES_CPU_CALL_H
#define LLCC_RUNTIME_DEVICES_CPU_CALL_H

#include "runtime/plan/Plan.h"
#include <memory>

namespace llcc::rt {

class Call {
public:
  virtual ~Call() = default;
  virtual void run() = 0;
};

/// Matmul, Conv, ConvInputGrad, ConvWeightGrad of `instr` on buffers of `program` in `arena`: oneDNN for f32, plain
/// loops for f64 or where LLCC_REFERENCE=1 asks for them. Throws Error(69) for what neither does.
std::unique_ptr<Call> prepareCall(const Program &program, const Instr &instr, char *arena);

/// Sizes of one convolution, from shapes and ints (see Op::Conv).
struct ConvSizes {
  size_t rank = 0; ///< spatial
  int64_t groups = 1;
  std::vector<int64_t> x, w, y, strides, padsLo, padsHi, dilations;
};
ConvSizes convSizes(const Program &program, const Instr &instr);

std::unique_ptr<Call> referenceCall(const Program &program, const Instr &instr, char *arena);
std::unique_ptr<Call> oneDnnCall(const Program &program, const Instr &instr, char *arena);

} // namespace llcc::rt

#endif
