// Conversions of bf16 and f16: every 16 bit pattern, and floats and doubles around every tie, against the compiler's
// own and against rounding by search.
#include "runtime/plan/Half.h"
#include "test/runtime/Check.h"
#include <cmath>
#include <vector>

using namespace llcc::rt;

namespace {

bool isNan16(uint16_t bits, uint16_t infinity) { return (bits & 0x7fff) > infinity; }

/// Every pattern is a value that comes back, NaN as NaN.
template <float (*Widen)(uint16_t), uint16_t (*Narrow)(float)> void patterns(const char *name, uint16_t infinity) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float value = Widen(half);
    bool nan = isNan16(half, infinity);
    CHECK(nan == std::isnan(value), "%s %04x is %g", name, half, double(value));
    uint16_t back = Narrow(value);
    CHECK(nan ? isNan16(back, infinity) && (back & 0x8000) == (half & 0x8000) : back == half,
          "%s %04x comes back as %04x", name, half, back);
  }
}

/// Between neighbours a tie goes to the even one, what is beside it to the nearer, be it a float or a double.
template <float (*Widen)(uint16_t), uint16_t (*Narrow)(float)> void ties(const char *name, uint16_t infinity) {
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    auto low = static_cast<uint16_t>(bits), high = static_cast<uint16_t>(bits + 1);
    double a = double(Widen(low)),
           b = high == infinity ? 2 * a - double(Widen(static_cast<uint16_t>(low - 1))) : double(Widen(high));
    double middle = a + (b - a) / 2;
    uint16_t even = low & 1 ? high : low;
    for (double sign : {1.0, -1.0}) {
      auto expect = [&](double value, uint16_t want) {
        uint16_t signedWant = static_cast<uint16_t>(want | (sign < 0 ? 0x8000 : 0));
        uint16_t got = narrowDouble<Narrow>(sign * value);
        CHECK(got == signedWant, "%s of %.17g is %04x, not %04x", name, sign * value, got, signedWant);
        auto exact = static_cast<float>(value);
        if (double(exact) == value)
          CHECK(Narrow(static_cast<float>(sign) * exact) == signedWant, "%s of the float %.9g", name, sign * value);
      };
      expect(middle, even);
      expect(std::nextafter(middle, 0), low);
      expect(std::nextafter(middle, INFINITY), high);
      expect(double(std::nextafterf(static_cast<float>(middle), 0)), low);
      expect(double(std::nextafterf(static_cast<float>(middle), INFINITY)), high);
    }
  }
}

void extremes() {
  CHECK(floatToFloat16(INFINITY) == 0x7c00 && floatToFloat16(-INFINITY) == 0xfc00, "infinities of f16");
  CHECK(floatToBfloat16(INFINITY) == 0x7f80 && floatToBfloat16(-INFINITY) == 0xff80, "infinities of bf16");
  CHECK(floatToFloat16(1e10f) == 0x7c00 && Float16(1e300).bits == 0x7c00, "too large for f16");
  CHECK(BFloat16(1e300).bits == 0x7f80 && BFloat16(-1e300).bits == 0xff80, "too large for bf16");
  CHECK(floatToFloat16(1e-10f) == 0 && floatToFloat16(-1e-10f) == 0x8000 && Float16(1e-300).bits == 0, "too small");
  // A NaN whose high bits of the fraction are 0 must not become infinite.
  CHECK(isNan16(floatToBfloat16(floatOf(0x7f800001)), 0x7f80), "NaN of bf16");
  CHECK(isNan16(floatToFloat16(floatOf(0x7f800001)), 0x7c00), "NaN of f16");
}

void arrays() {
  std::vector<float> values, back(1000);
  for (int i = 0; i < 1000; ++i)
    values.push_back(float(i - 500) * 0.37f);
  for (DType type : {DType::BF16, DType::F16}) {
    std::vector<uint16_t> bits(values.size());
    narrow(type, values.data(), bits.data(), values.size());
    widen(type, bits.data(), back.data(), bits.size());
    double limit = type == DType::BF16 ? 1.0 / 256 : 1.0 / 2048;
    for (size_t i = 0; i < values.size(); ++i)
      CHECK(std::fabs(double(back[i]) - double(values[i])) <= limit * std::fabs(double(values[i])), "%s %g became %g",
            nameOf(type), double(values[i]), double(back[i]));
  }
}

} // namespace

int main() {
  patterns<bfloat16ToFloat, floatToBfloat16>("bf16", 0x7f80);
  patterns<float16ToFloat, floatToFloat16>("f16", 0x7c00);
  ties<bfloat16ToFloat, floatToBfloat16>("bf16", 0x7f80);
  ties<float16ToFloat, floatToFloat16>("f16", 0x7c00);
  extremes();
  arrays();
  return finished("test-half");
}
