// Gradients of math: each is dy times the derivative, written with the op's result where that saves work.
#include "passes/train/Gradients.h"

namespace mlir::llcc {
namespace {
using Predicate = arith::CmpFPredicate;

constexpr double kLn2 = 0.69314718055994530942, kLn10 = 2.30258509299404568402, kTwoOverSqrtPi = 1.12837916709551257390;

/// Row of a function of one number: `derivative`(b, x, y) is the cotangent of x, given y = f(x) and b.dy.
template <typename Op> void addUnary(GradientTable &table, Value (*derivative)(Backward &b, Value x, Value y)) {
  table.add<Op>([derivative](Op op, Backward &b) {
    b.give(op.getOperand(), [&] { return derivative(b, op.getOperand(), op.getResult()); });
  });
}

Value square(Backward &b, Value x) { return b.mul(x, x); }
Value oneMinusSquare(Backward &b, Value x) { return b.sub(b.constantLike(x, 1), square(b, x)); }
Value onePlusSquare(Backward &b, Value x) { return b.add(square(b, x), 1); }
Value isZero(Backward &b, Value x) { return b.compare(Predicate::OEQ, x, b.constantLike(x, 0)); }
Value zeroWhere(Backward &b, Value condition, Value x) { return b.select(condition, b.constantLike(x, 0), x); }

/// Derivative of erf: 2/sqrt(pi) exp(-x^2).
Value bell(Backward &b, Value x) { return b.mul(b.exp(b.neg(square(b, x))), kTwoOverSqrtPi); }

/// dy * e * x^(e-1), with the power as cheap as a constant e allows.
Value powerRule(Backward &b, Value x, Value exponent) {
  std::optional<double> e = splatOf(exponent);
  if (e && *e == 0)
    return b.constantLike(x, 0);
  if (e && *e == 1)
    return b.dy;
  if (e && *e == 2)
    return b.mul(b.dy, b.mul(x, 2));
  if (e && *e == 3)
    return b.mul(b.dy, b.mul(square(b, x), 3));
  if (e)
    return b.mul(b.dy, b.mul(b.binary<math::PowFOp>(x, b.constantLike(x, *e - 1)), *e));
  Value power = b.binary<math::PowFOp>(x, b.add(exponent, -1));
  return zeroWhere(b, isZero(b, exponent), b.mul(b.dy, b.mul(exponent, power)));
}

void addPowers(GradientTable &table) {
  table.add<math::PowFOp>([](math::PowFOp op, Backward &b) {
    Value x = op.getLhs(), exponent = op.getRhs();
    b.give(x, [&] { return powerRule(b, x, exponent); });
    b.give(exponent, [&] { // x^e log x; 0 at x = 0, where e >= 0 (torch.pow)
      Value zero = b.constantLike(x, 0);
      Value flat =
          b.builder.createOrFold<arith::AndIOp>(b.loc, isZero(b, x), b.compare(Predicate::OGE, exponent, zero));
      return zeroWhere(b, flat, b.mul(b.dy, b.mul(op.getResult(), b.unary<math::LogOp>(x))));
    });
  });
  table.add<math::FPowIOp>([](math::FPowIOp op, Backward &b) {
    b.give(op.getLhs(), [&]() -> Value {
      Value x = op.getLhs();
      Value e = b.builder.createOrFold<arith::SIToFPOp>(b.loc, typeOf(x), op.getRhs());
      return powerRule(b, x, e);
    });
  });
  // At 0 the slope is infinite and 0 is taken: the length of a zero vector then has gradient 0, not NaN.
  addUnary<math::SqrtOp>(
      table, [](Backward &b, Value, Value y) { return zeroWhere(b, isZero(b, y), b.div(b.mul(b.dy, 0.5), y)); });
  addUnary<math::CbrtOp>(table, [](Backward &b, Value, Value y) {
    return zeroWhere(b, isZero(b, y), b.div(b.dy, b.mul(square(b, y), 3)));
  });
  addUnary<math::RsqrtOp>(table,
                          [](Backward &b, Value, Value y) { return b.mul(b.dy, b.mul(b.mul(y, square(b, y)), -0.5)); });
}

void addExponentials(GradientTable &table) {
  addUnary<math::ExpOp>(table, [](Backward &b, Value, Value y) { return b.mul(b.dy, y); });
  addUnary<math::Exp2Op>(table, [](Backward &b, Value, Value y) { return b.mul(b.dy, b.mul(y, kLn2)); });
  addUnary<math::ExpM1Op>(table, [](Backward &b, Value, Value y) { return b.mul(b.dy, b.add(y, 1)); });
  addUnary<math::LogOp>(table, [](Backward &b, Value x, Value) { return b.div(b.dy, x); });
  addUnary<math::Log1pOp>(table, [](Backward &b, Value x, Value) { return b.div(b.dy, b.add(x, 1)); });
  addUnary<math::Log2Op>(table, [](Backward &b, Value x, Value) { return b.div(b.dy, b.mul(x, kLn2)); });
  addUnary<math::Log10Op>(table, [](Backward &b, Value x, Value) { return b.div(b.dy, b.mul(x, kLn10)); });
  addUnary<math::TanhOp>(table, [](Backward &b, Value, Value y) { return b.mul(b.dy, oneMinusSquare(b, y)); });
  addUnary<math::ErfOp>(table, [](Backward &b, Value x, Value) { return b.mul(b.dy, bell(b, x)); });
  addUnary<math::ErfcOp>(table, [](Backward &b, Value x, Value) { return b.neg(b.mul(b.dy, bell(b, x))); });
}

void addTrigonometry(GradientTable &table) {
  addUnary<math::SinOp>(table, [](Backward &b, Value x, Value) { return b.mul(b.dy, b.unary<math::CosOp>(x)); });
  addUnary<math::CosOp>(table, [](Backward &b, Value x, Value) { return b.neg(b.mul(b.dy, b.unary<math::SinOp>(x))); });
  addUnary<math::TanOp>(table, [](Backward &b, Value, Value y) { return b.mul(b.dy, onePlusSquare(b, y)); });
  addUnary<math::AsinOp>(
      table, [](Backward &b, Value x, Value) { return b.div(b.dy, b.unary<math::SqrtOp>(oneMinusSquare(b, x))); });
  addUnary<math::AcosOp>(table, [](Backward &b, Value x, Value) {
    return b.neg(b.div(b.dy, b.unary<math::SqrtOp>(oneMinusSquare(b, x))));
  });
  addUnary<math::AtanOp>(table, [](Backward &b, Value x, Value) { return b.div(b.dy, onePlusSquare(b, x)); });
  addUnary<math::SinhOp>(table, [](Backward &b, Value x, Value) { return b.mul(b.dy, b.unary<math::CoshOp>(x)); });
  addUnary<math::CoshOp>(table, [](Backward &b, Value x, Value) { return b.mul(b.dy, b.unary<math::SinhOp>(x)); });
  addUnary<math::AsinhOp>(
      table, [](Backward &b, Value x, Value) { return b.div(b.dy, b.unary<math::SqrtOp>(onePlusSquare(b, x))); });
  addUnary<math::AcoshOp>(
      table, [](Backward &b, Value x, Value) { return b.div(b.dy, b.unary<math::SqrtOp>(b.add(square(b, x), -1))); });
  addUnary<math::AtanhOp>(table, [](Backward &b, Value x, Value) { return b.div(b.dy, oneMinusSquare(b, x)); });
  table.add<math::Atan2Op>([](math::Atan2Op op, Backward &b) { // of (y, x): dy*x/(x^2+y^2), -dy*y/(x^2+y^2)
    Value scaled = b.div(b.dy, b.add(square(b, op.getLhs()), square(b, op.getRhs())));
    b.give(op.getLhs(), [&] { return b.mul(scaled, op.getRhs()); });
    b.give(op.getRhs(), [&] { return b.neg(b.mul(scaled, op.getLhs())); });
  });
}

void addPieces(GradientTable &table) {
  addUnary<math::AbsFOp>(table, [](Backward &b, Value x, Value) {
    Value zero = b.constantLike(x, 0);
    Value below = b.select(b.compare(Predicate::OLT, x, zero), b.neg(b.dy), zero);
    return b.select(b.compare(Predicate::OGT, x, zero), b.dy, below);
  });
  table.add<math::CopySignOp>([](math::CopySignOp op, Backward &b) { // the sign's operand is constant almost everywhere
    b.give(op.getLhs(), [&] {
      Value x = op.getLhs();
      Value same = b.compare(Predicate::OEQ, x, op.getResult());
      return zeroWhere(b, isZero(b, x), b.select(same, b.dy, b.neg(b.dy)));
    });
  });
  table.add<math::FmaOp>([](math::FmaOp op, Backward &b) {
    b.give(op.getA(), [&] { return b.mul(b.dy, op.getB()); });
    b.give(op.getB(), [&] { return b.mul(b.dy, op.getA()); });
    b.give(op.getC(), [&] { return b.dy; });
  });
  table.addConstant<math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp, math::TruncOp>();
}
} // namespace

void addMathGradients(GradientTable &table) {
  addPowers(table);
  addExponentials(table);
  addTrigonometry(table);
  addPieces(table);
}
} // namespace mlir::llcc
