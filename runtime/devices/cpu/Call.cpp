// Chooses who runs a library operation, and reads its sizes.
#include "runtime/devices/cpu/Call.h"
#include "runtime/core/Error.h"
#include <cstdlib>
#include <cstring>

namespace llcc::rt {

ConvSizes convSizes(const Program &program, const Instr &instr) {
  ConvSizes s;
  auto dims = [&](const std::vector<uint32_t> &list, size_t i) { return program.buffers[list[i]].shape.dims; };
  s.x = instr.op == Op::ConvInputGrad ? dims(instr.outs, 0) : dims(instr.ins, 0);
  s.w = instr.op == Op::ConvWeightGrad ? dims(instr.outs, 0) : dims(instr.ins, 1);
  s.y = instr.op == Op::Conv ? dims(instr.outs, 0) : dims(instr.ins, instr.op == Op::ConvInputGrad ? 0 : 1);
  s.rank = size_t(instr.ints.at(0));
  s.groups = instr.ints.at(1);
  auto list = [&](size_t k) {
    auto begin = instr.ints.begin() + int64_t(2 + k * s.rank);
    return std::vector<int64_t>(begin, begin + int64_t(s.rank));
  };
  s.strides = list(0);
  s.padsLo = list(1);
  s.padsHi = list(2);
  s.dilations = list(3);
  return s;
}

std::unique_ptr<Call> prepareCall(const Program &program, const Instr &instr, char *arena) {
  DType type = program.buffers[instr.outs[0]].shape.type;
  const char *reference = getenv("LLCC_REFERENCE");
  bool plain = type == DType::F64 || (reference && !strcmp(reference, "1"));
  if (type != DType::F32 && type != DType::F64)
    throw Error{69, "node \"" + instr.node + "\": " + nameOf(instr.op) + " on cpu does not support " + nameOf(type) +
                        " yet, needs f32 or f64"};
  return plain ? referenceCall(program, instr, arena) : oneDnnCall(program, instr, arena);
}

} // namespace llcc::rt
