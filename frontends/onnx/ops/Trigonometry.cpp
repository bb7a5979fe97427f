// Trigonometric and hyperbolic functions, rounding, sign and remainder.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/Fold.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

template <typename Op> static LogicalResult importFunction(Binder &b) {
  Value x = b.floatInput(0, "input");
  if (!x)
    return failure();
  b.result(Op::create(b.builder, b.loc, x));
  return success();
}

/// 1, 0 or -1; NaN stays.
static LogicalResult importSign(Binder &b) {
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  Arithmetic a(b, b.isUnsigned(0));
  Value sign = a.select(a.greater(x, 0.0), a.like(x, 1), a.select(a.less(x, 0.0), a.like(x, -1), 0.0));
  if (Arithmetic::isFloat(x))
    sign = a.select(a.compare(arith::CmpFPredicate::UNO, x, x), a.like(x, NAN), sign);
  b.result(sign);
  return success();
}

/// With fmod the remainder has the sign of A (C), without that of B (Python).
static LogicalResult importMod(Binder &b) {
  bool fmod = b.attrInt("fmod", 0);
  SmallVector<Value> v = broadcastInputs(b, {0, 1});
  if (v.empty())
    return failure();
  Arithmetic a(b, b.isUnsigned(0));
  Value x = v[0], y = v[1], zero = a.like(x, 0), rest;
  if (Arithmetic::isFloat(x)) {
    rest = arith::RemFOp::create(b.builder, b.loc, x, y);
  } else if (a.isUnsigned) {
    Value by = a.select(a.equal(y, 0.0), 1.0, y);
    rest = arith::RemUIOp::create(b.builder, b.loc, x, by);
  } else { // the two divisors that a processor stops at leave no rest
    Value trap = a.either(a.equal(y, 0.0), a.equal(y, -1.0));
    rest = arith::RemSIOp::create(b.builder, b.loc, x, a.select(trap, 1.0, y));
  }
  if (!fmod && !a.isUnsigned) {
    Value apart = arith::XOrIOp::create(b.builder, b.loc, a.less(rest, zero), a.less(y, zero));
    rest = a.select(a.both(a.compare(arith::CmpFPredicate::UNE, rest, zero), apart), a.add(rest, y), rest);
  }
  b.result(rest);
  return success();
}

static LogicalResult foldMod(Binder &b) {
  bool fmod = b.attrInt("fmod", 0);
  ConstantPtr x = b.constant(0), y = b.constant(1);
  if (!x || !y || x->type != y->type)
    return b.bad("needs two inputs of one type");
  return foldBroadcast(b, {x, y}, x->type, [&](ArrayRef<int64_t> at, Constant &r) {
    if (r.isFloat()) {
      double n = y->reals[at[1]], rest = std::fmod(x->reals[at[0]], n);
      r.reals.push_back(!fmod && rest != 0 && (rest < 0) != (n < 0) ? rest + n : rest);
      return;
    }
    int64_t n = y->ints[at[1]], rest = n == 0 || n == -1 ? 0 : x->ints[at[0]] % n;
    r.ints.push_back(!fmod && rest != 0 && (rest < 0) != (n < 0) ? rest + n : rest);
  });
}

template <double (*Real)(double)> static LogicalResult foldReal(Binder &b) {
  ConstantPtr x = b.constant(0);
  if (!x || !x->isFloat())
    return b.bad("needs an input of floats");
  return foldBroadcast(b, {x}, x->type, [&](ArrayRef<int64_t> at, Constant &r) { r.reals.push_back(Real(x->reals[at[0]])); });
}

static LogicalResult foldSign(Binder &b) {
  ConstantPtr x = b.constant(0);
  if (!x)
    return b.bad("input (number 0) is missing");
  return foldBroadcast(b, {x}, x->type, [&](ArrayRef<int64_t> at, Constant &r) {
    double v = x->real(at[0]), sign = std::isnan(v) ? v : (v > 0) - (v < 0);
    if (r.isFloat())
      r.reals.push_back(sign);
    else
      r.ints.push_back(int64_t(sign));
  });
}

void addTrigonometryOps(OpTable &t) {
  t.onOp("Tan", 7, importFunction<math::TanOp>);
  t.onOp("Asin", 7, importFunction<math::AsinOp>);
  t.onOp("Acos", 7, importFunction<math::AcosOp>);
  t.onOp("Atan", 7, importFunction<math::AtanOp>);
  t.onOp("Sinh", 9, importFunction<math::SinhOp>);
  t.onOp("Cosh", 9, importFunction<math::CoshOp>);
  t.onOp("Asinh", 9, importFunction<math::AsinhOp>);
  t.onOp("Acosh", 9, importFunction<math::AcoshOp>);
  t.onOp("Atanh", 9, importFunction<math::AtanhOp>);
  t.onOp("Floor", 6, importFunction<math::FloorOp>, {}, foldReal<std::floor>);
  t.onOp("Ceil", 6, importFunction<math::CeilOp>, {}, foldReal<std::ceil>);
  t.onOp("Round", 11, importFunction<math::RoundEvenOp>, {}, foldReal<std::nearbyint>);
  t.onOp("Sign", 9, importSign, {}, foldSign);
  t.onOp("Mod", 10, importMod, {Role::Elementwise, Role::Data}, foldMod);
}

} // namespace mlir::llcc::frontend
