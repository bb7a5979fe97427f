// How elements are combined by reductions and collectives.
#include "compiler/interpreter/Reduce.h"
#include <cmath>
#include <limits>

namespace mlir::llcc {

void setNeutral(Tensor &y, int64_t i, ReduceKind kind) {
  if (y.isFloat()) {
    double inf = std::numeric_limits<double>::infinity();
    y.reals[i] = kind == ReduceKind::Sum ? 0 : kind == ReduceKind::Prod ? 1 : kind == ReduceKind::Max ? -inf : inf;
    return;
  }
  unsigned width = y.element.isIndex() ? 64 : y.element.getIntOrFloatBitWidth();
  int64_t largest = width == 1 ? 1 : int64_t(~0ull >> (65 - width));
  y.ints[i] = kind == ReduceKind::Sum    ? 0
              : kind == ReduceKind::Prod ? 1
              : kind == ReduceKind::Min  ? largest
              : width == 1               ? 0
                                         : -largest - 1;
}

void combine(Tensor &y, int64_t i, const Tensor &x, int64_t from, ReduceKind kind) {
  if (y.isFloat()) {
    double a = y.reals[i], b = x.reals[from];
    bool nan = std::isnan(a) || std::isnan(b);
    switch (kind) {
    case ReduceKind::Sum:
      y.reals[i] = a + b;
      break;
    case ReduceKind::Prod:
      y.reals[i] = a * b;
      break;
    case ReduceKind::Max:
      y.reals[i] = nan ? NAN : std::max(a, b);
      break;
    case ReduceKind::Min:
      y.reals[i] = nan ? NAN : std::min(a, b);
      break;
    }
    return;
  }
  int64_t a = y.ints[i], b = x.ints[from];
  switch (kind) {
  case ReduceKind::Sum:
    y.ints[i] = int64_t(uint64_t(a) + uint64_t(b));
    break;
  case ReduceKind::Prod:
    y.ints[i] = int64_t(uint64_t(a) * uint64_t(b));
    break;
  case ReduceKind::Max:
    y.ints[i] = std::max(a, b);
    break;
  case ReduceKind::Min:
    y.ints[i] = std::min(a, b);
    break;
  }
}

} // namespace mlir::llcc
