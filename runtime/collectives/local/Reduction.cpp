// Element-wise reduction of several arrays in a fixed order.
#include "runtime/collectives/local/Reduction.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <cmath>

namespace llcc::rt {
namespace {

struct Sum {
  template <class T> static T apply(T a, T b) { return static_cast<T>(a + b); }
};
struct Prod {
  template <class T> static T apply(T a, T b) { return static_cast<T>(a * b); }
};
// A NaN on either side stays, so that a loss that is not finite is seen.
struct Max {
  template <class T> static T apply(T a, T b) { return a > b || a != a ? a : b; }
};
struct Min {
  template <class T> static T apply(T a, T b) { return a < b || a != a ? a : b; }
};

/// Sums of flags are "or", products "and".
struct Flag {
  uint8_t value;
  Flag() = default;
  Flag(int wide) : value(wide != 0) {}
  operator int() const { return value; }
};

template <class T> struct WideOf { using type = T; };
template <> struct WideOf<BFloat16> { using type = float; };
template <> struct WideOf<Float16> { using type = float; };
template <> struct WideOf<Flag> { using type = int; };

template <class T, class F> void run(const std::vector<const char *> &from, char *to, uint64_t count) {
  using Wide = typename WideOf<T>::type;
  constexpr uint64_t block = 256; // `to` may be one of `from`: a block is complete before it is stored
  Wide acc[block];
  for (uint64_t begin = 0; begin < count; begin += block) {
    uint64_t n = std::min(block, count - begin);
    const T *first = reinterpret_cast<const T *>(from[0]) + begin;
    for (uint64_t i = 0; i < n; ++i)
      acc[i] = static_cast<Wide>(first[i]);
    for (size_t m = 1; m < from.size(); ++m) {
      const T *next = reinterpret_cast<const T *>(from[m]) + begin;
      for (uint64_t i = 0; i < n; ++i)
        acc[i] = F::template apply<Wide>(acc[i], static_cast<Wide>(next[i]));
    }
    T *out = reinterpret_cast<T *>(to) + begin;
    for (uint64_t i = 0; i < n; ++i)
      out[i] = static_cast<T>(acc[i]);
  }
}

template <class T> void run(int64_t kind, const std::vector<const char *> &from, char *to, uint64_t count) {
  switch (kind) {
  case 0:
    return run<T, Sum>(from, to, count);
  case 1:
    return run<T, Max>(from, to, count);
  case 2:
    return run<T, Min>(from, to, count);
  default:
    return run<T, Prod>(from, to, count);
  }
}

} // namespace

void reduce(DType type, int64_t kind, const std::vector<const char *> &from, char *to, uint64_t count) {
  switch (type) {
  case DType::F32:
    return run<float>(kind, from, to, count);
  case DType::F64:
    return run<double>(kind, from, to, count);
  case DType::BF16:
    return run<BFloat16>(kind, from, to, count);
  case DType::F16:
    return run<Float16>(kind, from, to, count);
  case DType::I8:
    return run<int8_t>(kind, from, to, count);
  case DType::U8:
    return run<uint8_t>(kind, from, to, count);
  case DType::I16:
    return run<int16_t>(kind, from, to, count);
  case DType::I32: // sums may wrap, which only unsigned arithmetic defines; max and min need the sign
    return kind == 0 || kind == 3 ? run<uint32_t>(kind, from, to, count) : run<int32_t>(kind, from, to, count);
  case DType::I64:
    return kind == 0 || kind == 3 ? run<uint64_t>(kind, from, to, count) : run<int64_t>(kind, from, to, count);
  case DType::Bool:
    return run<Flag>(kind, from, to, count);
  }
}

} // namespace llcc::rt
