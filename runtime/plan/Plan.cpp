// Names, sizes and look-ups of the plan's structures.
#include "runtime/plan/Plan.h"

namespace llcc::rt {

uint64_t sizeOf(DType type) {
  switch (type) {
  case DType::F64:
  case DType::I64:
    return 8;
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::BF16:
  case DType::F16:
  case DType::I16:
    return 2;
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return 1;
  }
  return 1;
}

const char *nameOf(DType type) {
  static const char *const names[] = {"f32", "f64", "bf16", "f16", "i8", "u8", "i16", "i32", "i64", "bool"};
  return names[static_cast<uint8_t>(type)];
}

const char *nameOf(Op op) {
  static const char *const names[] = {
      "launch", "matmul",      "conv",       "conv_input_grad", "conv_weight_grad", "copy",       "fill",
      "feed",   "feed_scalar", "all_reduce", "all_gather",      "reduce_scatter",   "all_to_all", "ring_shift",
      "send",   "recv",        "capture",    "recurrence",      "recurrence_grad"};
  return names[static_cast<uint8_t>(op)];
}

uint64_t Shape::elements() const {
  uint64_t count = 1;
  for (int64_t dim : dims)
    count *= static_cast<uint64_t>(dim);
  return count;
}

uint32_t Plan::devices() const {
  uint32_t count = 1;
  for (uint32_t size : sizes)
    count *= size;
  return count;
}

uint32_t Plan::stages() const {
  for (size_t i = 0; i < axes.size() && i < sizes.size(); ++i)
    if (axes[i] == "pipeline")
      return sizes[i];
  return 1;
}

std::vector<uint32_t> Plan::coordinates(uint32_t device) const {
  std::vector<uint32_t> coords(sizes.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    coords[i] = device % sizes[i];
    device /= sizes[i];
  }
  return coords;
}

const Program *Plan::stepProgram(uint32_t stage) const {
  for (const Program &program : programs)
    if (program.kind == Program::Kind::Step && program.stage == stage)
      return &program;
  return nullptr;
}

const Program *Plan::inferProgram() const {
  for (const Program &program : programs)
    if (program.kind == Program::Kind::Infer)
      return &program;
  return nullptr;
}

} // namespace llcc::rt
