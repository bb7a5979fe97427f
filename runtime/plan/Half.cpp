// Arrays of bf16 and f16 to f32 and back.
#include "runtime/plan/Half.h"

namespace llcc::rt {

void widen(DType type, const void *from, float *to, size_t count) {
  const auto *bits = static_cast<const uint16_t *>(from);
  if (type == DType::BF16)
    for (size_t i = 0; i < count; ++i)
      to[i] = bfloat16ToFloat(bits[i]);
  else
    for (size_t i = 0; i < count; ++i)
      to[i] = float16ToFloat(bits[i]);
}

void narrow(DType type, const float *from, void *to, size_t count) {
  auto *bits = static_cast<uint16_t *>(to);
  if (type == DType::BF16)
    for (size_t i = 0; i < count; ++i)
      bits[i] = floatToBfloat16(from[i]);
  else
    for (size_t i = 0; i < count; ++i)
      bits[i] = floatToFloat16(from[i]);
}

} // namespace llcc::rt
