// arith and math ops, element by element.
#include "compiler/interpreter/Evaluate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>

namespace mlir::llcc {

namespace {
using Real1 = double (*)(double);
using Real2 = double (*)(double, double);
/// Integers come sign-extended with the width of the operands' type; wrapping happens after.
using Int2 = int64_t (*)(int64_t, int64_t, unsigned width);
} // namespace

static uint64_t low(int64_t x, unsigned width) {
  return width >= 64 ? uint64_t(x) : uint64_t(x) & ((1ull << width) - 1);
}

// NaN propagates, +0 above -0: arith.maximumf; maxnumf returns the other operand instead.
static double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
static double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}

static const llvm::StringMap<Real1> &real1() {
  static const llvm::StringMap<Real1> table = {
      {"arith.negf", [](double x) { return -x; }},
      {"math.absf", [](double x) { return std::fabs(x); }},
      {"math.exp", [](double x) { return std::exp(x); }},
      {"math.exp2", [](double x) { return std::exp2(x); }},
      {"math.expm1", [](double x) { return std::expm1(x); }},
      {"math.log", [](double x) { return std::log(x); }},
      {"math.log1p", [](double x) { return std::log1p(x); }},
      {"math.log2", [](double x) { return std::log2(x); }},
      {"math.log10", [](double x) { return std::log10(x); }},
      {"math.tanh", [](double x) { return std::tanh(x); }},
      {"math.tan", [](double x) { return std::tan(x); }},
      {"math.sin", [](double x) { return std::sin(x); }},
      {"math.cos", [](double x) { return std::cos(x); }},
      {"math.sinh", [](double x) { return std::sinh(x); }},
      {"math.cosh", [](double x) { return std::cosh(x); }},
      {"math.asin", [](double x) { return std::asin(x); }},
      {"math.acos", [](double x) { return std::acos(x); }},
      {"math.atan", [](double x) { return std::atan(x); }},
      {"math.asinh", [](double x) { return std::asinh(x); }},
      {"math.acosh", [](double x) { return std::acosh(x); }},
      {"math.atanh", [](double x) { return std::atanh(x); }},
      {"math.erf", [](double x) { return std::erf(x); }},
      {"math.erfc", [](double x) { return std::erfc(x); }},
      {"math.sqrt", [](double x) { return std::sqrt(x); }},
      {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }},
      {"math.cbrt", [](double x) { return std::cbrt(x); }},
      {"math.floor", [](double x) { return std::floor(x); }},
      {"math.ceil", [](double x) { return std::ceil(x); }},
      {"math.trunc", [](double x) { return std::trunc(x); }},
      {"math.round", [](double x) { return std::round(x); }},
      {"math.roundeven", [](double x) { return std::nearbyint(x); }},
      // Rounding to the narrower type happens when results are rounded.
      {"arith.extf", [](double x) { return x; }},
      {"arith.truncf", [](double x) { return x; }},
  };
  return table;
}

static const llvm::StringMap<Real2> &real2() {
  static const llvm::StringMap<Real2> table = {
      {"arith.addf", [](double a, double b) { return a + b; }},
      {"arith.subf", [](double a, double b) { return a - b; }},
      {"arith.mulf", [](double a, double b) { return a * b; }},
      {"arith.divf", [](double a, double b) { return a / b; }},
      {"arith.remf", [](double a, double b) { return std::fmod(a, b); }},
      {"arith.maximumf", maximum},
      {"arith.minimumf", minimum},
      {"arith.maxnumf", [](double a, double b) { return std::isnan(a)   ? b
                                                        : std::isnan(b) ? a
                                                                        : maximum(a, b); }},
      {"arith.minnumf", [](double a, double b) { return std::isnan(a)   ? b
                                                        : std::isnan(b) ? a
                                                                        : minimum(a, b); }},
      {"math.powf", [](double a, double b) { return std::pow(a, b); }},
      {"math.atan2", [](double a, double b) { return std::atan2(a, b); }},
      {"math.copysign", [](double a, double b) { return std::copysign(a, b); }},
  };
  return table;
}

static const llvm::StringMap<Int2> &int2() {
  // Sums and products wrap, so they are computed on unsigned numbers.
  static const llvm::StringMap<Int2> table = {
      {"arith.addi", [](int64_t a, int64_t b, unsigned) { return int64_t(uint64_t(a) + uint64_t(b)); }},
      {"arith.subi", [](int64_t a, int64_t b, unsigned) { return int64_t(uint64_t(a) - uint64_t(b)); }},
      {"arith.muli", [](int64_t a, int64_t b, unsigned) { return int64_t(uint64_t(a) * uint64_t(b)); }},
      {"arith.andi", [](int64_t a, int64_t b, unsigned) { return a & b; }},
      {"arith.ori", [](int64_t a, int64_t b, unsigned) { return a | b; }},
      {"arith.xori", [](int64_t a, int64_t b, unsigned) { return a ^ b; }},
      {"arith.maxsi", [](int64_t a, int64_t b, unsigned) { return std::max(a, b); }},
      {"arith.minsi", [](int64_t a, int64_t b, unsigned) { return std::min(a, b); }},
      {"arith.maxui", [](int64_t a, int64_t b, unsigned w) { return low(a, w) < low(b, w) ? b : a; }},
      {"arith.minui", [](int64_t a, int64_t b, unsigned w) { return low(a, w) < low(b, w) ? a : b; }},
      {"arith.shli", [](int64_t a, int64_t b, unsigned w) { return low(b, w) >= w ? 0 : int64_t(uint64_t(a) << b); }},
      {"arith.shrui", [](int64_t a, int64_t b, unsigned w) { return low(b, w) >= w ? 0 : int64_t(low(a, w) >> b); }},
      {"arith.shrsi", [](int64_t a, int64_t b, unsigned w) { return low(b, w) >= w ? (a < 0 ? -1 : 0) : a >> b; }},
  };
  return table;
}

// Quotients are apart: a zero divisor is an error of the program, as is the one overflow.
static LogicalResult divide(Operation *op, Operands xs, Tensor &y) {
  StringRef name = op->getName().getStringRef();
  bool isSigned = name.ends_with("si"), isDiv = name.contains("div");
  unsigned width = xs[0]->element.isIndex() ? 64 : xs[0]->element.getIntOrFloatBitWidth();
  for (int64_t i = 0, n = y.size(); i < n; ++i) {
    int64_t a = xs[0]->ints[i], b = xs[1]->ints[i];
    if (b == 0)
      return op->emitError() << "divides " << a << " by zero at element " << i;
    if (name == "arith.floordivsi" || name == "arith.ceildivsi") {
      int64_t q = b == -1 ? int64_t(0 - uint64_t(a)) : a / b;
      bool inexact = b != -1 && a % b != 0, positive = (a < 0) == (b < 0);
      y.ints[i] =
          q + (inexact && positive && name == "arith.ceildivsi") - (inexact && !positive && name != "arith.ceildivsi");
    } else if (isSigned) {
      y.ints[i] = isDiv ? (b == -1 ? int64_t(0 - uint64_t(a)) : a / b) : (b == -1 ? 0 : a % b);
    } else {
      uint64_t ua = low(a, width), ub = low(b, width);
      y.ints[i] = int64_t(isDiv ? ua / ub : ua % ub);
    }
  }
  return success();
}

static bool compareReals(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return a == b;
  case P::UEQ:
    return unordered || a == b;
  case P::ONE:
    return !unordered && a != b;
  case P::UNE:
    return a != b;
  case P::OGT:
    return a > b;
  case P::UGT:
    return unordered || a > b;
  case P::OGE:
    return a >= b;
  case P::UGE:
    return unordered || a >= b;
  case P::OLT:
    return a < b;
  case P::ULT:
    return unordered || a < b;
  case P::OLE:
    return a <= b;
  case P::ULE:
    return unordered || a <= b;
  }
  return false;
}

static bool compareInts(arith::CmpIPredicate predicate, int64_t a, int64_t b, unsigned width) {
  using P = arith::CmpIPredicate;
  uint64_t ua = low(a, width), ub = low(b, width);
  // i1 is held as 0 or 1, but true is -1 where it is read as signed.
  if (width == 1)
    a = -a, b = -b;
  switch (predicate) {
  case P::eq:
    return a == b;
  case P::ne:
    return a != b;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return ua < ub;
  case P::ule:
    return ua <= ub;
  case P::ugt:
    return ua > ub;
  case P::uge:
    return ua >= ub;
  }
  return false;
}

/// Element i of x as the bits of its type, read as y's type of the same width.
static void copyBits(const Tensor &x, Tensor &y, int64_t i) {
  APInt bits;
  if (x.isFloat()) {
    APFloat value(x.reals[i]);
    bool lost;
    value.convert(cast<FloatType>(x.element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    bits = value.bitcastToAPInt();
  } else {
    bits = APInt(x.element.getIntOrFloatBitWidth(), uint64_t(x.ints[i]), /*isSigned=*/true, /*implicitTrunc=*/true);
  }
  if (y.isFloat())
    y.reals[i] = APFloat(cast<FloatType>(y.element).getFloatSemantics(), bits).convertToDouble();
  else
    y.ints[i] = bits.getSExtValue();
}

Evaluated evaluateElementwise(Operation *op, Operands xs, Results &results) {
  if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect()) || op->getNumResults() < 1)
    return std::nullopt;
  StringRef name = op->getName().getStringRef();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    FailureOr<Tensor> value = tensorOf(constant.getValue(), constant.getType());
    if (failed(value))
      return op->emitError() << "constant's elements cannot be read, needs a splat or dense elements";
    results.push_back(std::move(*value));
    return success();
  }
  Tensor y(op->getResult(0).getType());
  int64_t n = y.size();
  unsigned width = 64; // of integer operands; index has 64
  if (!xs.empty() && !xs[0]->isFloat() && !xs[0]->element.isIndex())
    width = xs[0]->element.getIntOrFloatBitWidth();

  if (auto it = real1().find(name); it != real1().end()) {
    for (int64_t i = 0; i < n; ++i)
      y.reals[i] = it->second(xs[0]->reals[i]);
  } else if (auto it = real2().find(name); it != real2().end()) {
    for (int64_t i = 0; i < n; ++i)
      y.reals[i] = it->second(xs[0]->reals[i], xs[1]->reals[i]);
  } else if (auto it = int2().find(name); it != int2().end()) {
    for (int64_t i = 0; i < n; ++i)
      y.ints[i] = it->second(xs[0]->ints[i], xs[1]->ints[i], width);
  } else if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
                 arith::CeilDivSIOp>(op)) {
    if (failed(divide(op, xs, y)))
      return failure();
  } else if (auto cmp = dyn_cast<arith::CmpFOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.ints[i] = compareReals(cmp.getPredicate(), xs[0]->reals[i], xs[1]->reals[i]);
  } else if (auto cmp = dyn_cast<arith::CmpIOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.ints[i] = compareInts(cmp.getPredicate(), xs[0]->ints[i], xs[1]->ints[i], width);
  } else if (isa<arith::SelectOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.copy(i, xs[0]->ints[xs[0]->size() == 1 ? 0 : i] ? *xs[1] : *xs[2], i);
  } else if (isa<arith::SIToFPOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.reals[i] = double(width == 1 ? -xs[0]->ints[i] : xs[0]->ints[i]);
  } else if (isa<arith::UIToFPOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.reals[i] = double(low(xs[0]->ints[i], width));
  } else if (isa<arith::FPToSIOp, arith::FPToUIOp>(op)) {
    // Out of range is poison upstream: here it saturates, as NaN gives 0.
    for (int64_t i = 0; i < n; ++i) {
      double x = std::trunc(xs[0]->reals[i]);
      y.ints[i] = std::isnan(x) ? 0 : x >= 9.2e18 ? INT64_MAX : x <= -9.2e18 ? INT64_MIN : int64_t(x);
    }
  } else if (isa<arith::ExtUIOp, arith::IndexCastUIOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.ints[i] = int64_t(low(xs[0]->ints[i], width));
  } else if (isa<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.ints[i] = width == 1 ? -xs[0]->ints[i] : xs[0]->ints[i];
  } else if (isa<arith::BitcastOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      copyBits(*xs[0], y, i);
  } else if (isa<math::FmaOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.reals[i] = std::fma(xs[0]->reals[i], xs[1]->reals[i], xs[2]->reals[i]);
  } else if (isa<math::AbsIOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.ints[i] = xs[0]->ints[i] < 0 ? int64_t(0 - uint64_t(xs[0]->ints[i])) : xs[0]->ints[i];
  } else if (isa<math::IsNaNOp, math::IsInfOp, math::IsFiniteOp>(op)) {
    for (int64_t i = 0; i < n; ++i) {
      double x = xs[0]->reals[i];
      y.ints[i] = isa<math::IsNaNOp>(op) ? std::isnan(x) : isa<math::IsInfOp>(op) ? std::isinf(x) : std::isfinite(x);
    }
  } else if (isa<math::FPowIOp>(op)) {
    for (int64_t i = 0; i < n; ++i)
      y.reals[i] = std::pow(xs[0]->reals[i], double(xs[1]->ints[i]));
  } else if (isa<arith::MulUIExtendedOp>(op)) {
    Tensor high = y;
    for (int64_t i = 0; i < n; ++i) {
      unsigned __int128 product = (unsigned __int128)low(xs[0]->ints[i], width) * low(xs[1]->ints[i], width);
      y.ints[i] = int64_t(product);
      high.ints[i] = int64_t(product >> width);
    }
    results.push_back(std::move(y));
    results.push_back(std::move(high));
    return success();
  } else {
    return std::nullopt;
  }
  results.push_back(std::move(y));
  return success();
}

} // namespace mlir::llcc
