// Element types of host arrays: values kept, or refused where they would not be.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include "runtime/plan/Half.h"
#include <cmath>
#include <cstring>
#include <limits>

namespace llcc::rt {

static bool isFloat(DType type) { return type == DType::F32 || type == DType::F64 || isHalf(type); }

/// Through float where the conversion has no other way.
template <typename To, typename From> static To valueOf(From value) {
  constexpr bool half = std::is_same_v<From, BFloat16> || std::is_same_v<From, Float16>;
  if constexpr (half)
    return To(float(value));
  else if constexpr (std::is_same_v<To, BFloat16> || std::is_same_v<To, Float16>)
    return To(double(value));
  else
    return To(value);
}

template <typename To, typename From> static void cast(const Array &from, Array &to, const std::string &name) {
  for (uint64_t i = 0, n = from.shape.elements(); i < n; ++i) {
    From value;
    memcpy(&value, &from.bytes[i * sizeof(From)], sizeof(From));
    if (std::is_integral_v<From> && std::is_integral_v<To> && !std::is_same_v<To, bool>)
      if (int64_t(value) < int64_t(std::numeric_limits<To>::min()) ||
          int64_t(value) > int64_t(std::numeric_limits<To>::max()))
        throw Failure{65, "array \"" + name + "\": element " + std::to_string(i) + " is " + std::to_string(value) +
                              ", does not fit " + nameOf(to.shape.type)};
    To out = valueOf<To>(value);
    memcpy(&to.bytes[i * sizeof(To)], &out, sizeof(To));
  }
}

template <typename To> static void castFrom(const Array &from, Array &to, const std::string &name) {
  switch (from.shape.type) {
  case DType::F32:
    return cast<To, float>(from, to, name);
  case DType::F64:
    return cast<To, double>(from, to, name);
  case DType::BF16:
    return cast<To, BFloat16>(from, to, name);
  case DType::F16:
    return cast<To, Float16>(from, to, name);
  case DType::I8:
    return cast<To, int8_t>(from, to, name);
  case DType::U8:
  case DType::Bool:
    return cast<To, uint8_t>(from, to, name);
  case DType::I16:
    return cast<To, int16_t>(from, to, name);
  case DType::I32:
    return cast<To, int32_t>(from, to, name);
  case DType::I64:
    return cast<To, int64_t>(from, to, name);
  default:
    throw Failure{65,
                  "array \"" + name + "\" is " + nameOf(from.shape.type) + ", cannot become " + nameOf(to.shape.type)};
  }
}

Array convert(const Array &array, DType type, const std::string &name) {
  if (array.shape.type == type)
    return array;
  if (isFloat(array.shape.type) && !isFloat(type))
    throw Failure{65, "array \"" + name + "\" is " + nameOf(array.shape.type) + ", the model needs " + nameOf(type) +
                          "; convert it where it is made"};
  Array result;
  result.shape = {type, array.shape.dims};
  result.bytes.resize(result.shape.bytes());
  switch (type) {
  case DType::F32:
    castFrom<float>(array, result, name);
    break;
  case DType::F64:
    castFrom<double>(array, result, name);
    break;
  case DType::BF16:
    castFrom<BFloat16>(array, result, name);
    break;
  case DType::F16:
    castFrom<Float16>(array, result, name);
    break;
  case DType::I8:
    castFrom<int8_t>(array, result, name);
    break;
  case DType::U8:
  case DType::Bool:
    castFrom<uint8_t>(array, result, name);
    break;
  case DType::I16:
    castFrom<int16_t>(array, result, name);
    break;
  case DType::I32:
    castFrom<int32_t>(array, result, name);
    break;
  case DType::I64:
    castFrom<int64_t>(array, result, name);
    break;
  default:
    throw Failure{65, "array \"" + name + "\" is " + nameOf(array.shape.type) + ", cannot become " + nameOf(type)};
  }
  return result;
}

} // namespace llcc::rt
