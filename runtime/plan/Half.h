// bf16 and f16 as they are stored, and their values: conversions round to nearest even and keep NaN, in integer
// operations that every CPU has and every compiler vectorises.
#ifndef LLCC_RUNTIME_PLAN_HALF_H
#define LLCC_RUNTIME_PLAN_HALF_H

#include "runtime/plan/Plan.h"
#include <cstring>

namespace llcc::rt {

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float bfloat16ToFloat(uint16_t bits) { return floatOf(static_cast<uint32_t>(bits) << 16); }
inline uint16_t floatToBfloat16(float value) {
  uint32_t bits = bitsOf(value);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
  return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

inline float float16ToFloat(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  // Exponent and fraction in place, scaled by 2^112 in one multiplication, which also makes denormals right.
  float scaled = floatOf(rest << 13) * floatOf((254 - 15) << 23);
  uint32_t bits = rest >= 0x7c00 ? 0x7f800000 | (rest << 13) : bitsOf(scaled);
  return floatOf(bits | sign);
}
inline uint16_t floatToFloat16(float value) {
  uint32_t bits = bitsOf(value), sign = (bits >> 16) & 0x8000, rest = bits & 0x7fffffff;
  // Below 2^-14 the addition of 0.5 leaves the denormal in the low bits, rounded by the FPU.
  uint32_t small = bitsOf(floatOf(rest) + 0.5f) - bitsOf(0.5f);
  uint32_t normal = (rest - (112u << 23) + 0xfff + ((rest >> 13) & 1)) >> 13;
  uint32_t special = rest > 0x7f800000 ? 0x7e00 | ((rest >> 13) & 0x3ff) : 0x7c00;
  uint32_t half = rest < (113u << 23) ? small : rest >= (143u << 23) ? special : normal;
  return static_cast<uint16_t>(half | sign);
}

/// A double in 16 bits with one rounding: the float between is rounded to odd, which keeps what decides ties.
template <uint16_t (*Narrow)(float)> uint16_t narrowDouble(double value) {
  float near = static_cast<float>(value);
  if (value != value || static_cast<double>(near) == value)
    return Narrow(near);
  double magnitude = value < 0 ? -value : value, found = near < 0 ? -double(near) : double(near);
  return Narrow(floatOf((bitsOf(near) - (found > magnitude)) | 1));
}

struct BFloat16 {
  uint16_t bits;
  BFloat16() = default;
  BFloat16(float value) : bits(floatToBfloat16(value)) {}
  BFloat16(double value) : bits(narrowDouble<floatToBfloat16>(value)) {}
  operator float() const { return bfloat16ToFloat(bits); }
};
struct Float16 {
  uint16_t bits;
  Float16() = default;
  Float16(float value) : bits(floatToFloat16(value)) {}
  Float16(double value) : bits(narrowDouble<floatToFloat16>(value)) {}
  operator float() const { return float16ToFloat(bits); }
};

inline bool isHalf(DType type) { return type == DType::BF16 || type == DType::F16; }

/// `count` elements of `type` (bf16 or f16) in f32.
void widen(DType type, const void *from, float *to, size_t count);
/// `count` f32 elements in `type` (bf16 or f16).
void narrow(DType type, const float *from, void *to, size_t count);

} // namespace llcc::rt

#endif
