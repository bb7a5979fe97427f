// Activations that are formulas of one number. Where one side of a choice would overflow, its operand is cut first, so
// that the gradient of the side that is not taken is 0 and not 0 * inf.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

/// Row of a function of one float input: y = formula(x).
template <Value (*Formula)(Binder &, Arithmetic &, Value)> static LogicalResult importActivation(Binder &b) {
  Arithmetic a(b);
  // Attributes are read in any case, so that a missing input is the only complaint.
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  Value y = Formula(b, a, x);
  if (b.failed())
    return failure();
  b.result(y);
  return success();
}

/// x where x is positive or NaN, otherwise `below` of min(x, 0).
template <typename Fn> static Value negativeSide(Arithmetic &a, Value x, Fn below) {
  Value positive = a.compare(arith::CmpFPredicate::UGT, x, 0.0);
  return a.select(positive, x, below(a.select(positive, 0.0, x)));
}

/// alpha * (exp(x) - 1) below 0.
static Value elu(Binder &b, Arithmetic &a, Value x) {
  double alpha = b.attrFloat("alpha", 1);
  return negativeSide(a, x, [&](Value n) { return a.mul(a.unary<math::ExpM1Op>(n), alpha); });
}

/// gamma * elu(x, alpha).
static Value selu(Binder &b, Arithmetic &a, Value x) {
  double alpha = b.attrFloat("alpha", double(1.67326319217681884765625f)),
         gamma = b.attrFloat("gamma", double(1.05070102214813232421875f));
  return a.mul(negativeSide(a, x, [&](Value n) { return a.mul(a.unary<math::ExpM1Op>(n), alpha); }), gamma);
}

/// max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).
static Value celu(Binder &b, Arithmetic &a, Value x) {
  double alpha = b.attrFloat("alpha", 1);
  if (alpha == 0) {
    (void)b.bad("attribute \"alpha\" is 0, it must not be");
    return x;
  }
  return negativeSide(a, x, [&](Value n) { return a.mul(a.unary<math::ExpM1Op>(a.div(n, alpha)), alpha); });
}

/// x * tanh(softplus(x)).
static Value mish(Binder &b, Arithmetic &a, Value x) {
  return a.mul(x, a.unary<math::TanhOp>(SoftplusOp::create(b.builder, b.loc, x.getType(), x)));
}

/// max(0, min(1, alpha * x + beta)); its slope at both ends is 0.
static Value hardSigmoid(Arithmetic &a, Value x, double alpha, double beta) {
  Value line = a.add(a.mul(x, alpha), beta);
  line = a.select(a.compare(arith::CmpFPredicate::UGT, line, 0.0), line, 0.0);
  return a.select(a.compare(arith::CmpFPredicate::ULT, line, 1.0), line, 1.0);
}
static Value hardSigmoid(Binder &b, Arithmetic &a, Value x) {
  double alpha = b.attrFloat("alpha", double(0.2f)), beta = b.attrFloat("beta", 0.5);
  return hardSigmoid(a, x, alpha, beta);
}

/// x * hardsigmoid(x / 6 + 1/2).
static Value hardSwish(Binder &, Arithmetic &a, Value x) { return a.mul(x, hardSigmoid(a, x, double(1.0f / 6), 0.5)); }

static Value swish(Arithmetic &a, Value x, double alpha) {
  return a.mul(x, a.sigmoid(alpha == 1 ? x : a.mul(x, alpha)));
}
static Value swish(Binder &b, Arithmetic &a, Value x) { return swish(a, x, b.attrFloat("alpha", 1)); }

static Value softsign(Binder &, Arithmetic &a, Value x) { return a.div(x, a.add(a.abs(x), 1.0)); }

/// x above alpha, 0 elsewhere.
static Value thresholdedRelu(Binder &b, Arithmetic &a, Value x) {
  return a.keep(a.compare(arith::CmpFPredicate::UGT, x, b.attrFloat("alpha", 1)), x);
}

/// x * sigmoid(1.702 * x) and the like (com.microsoft).
static Value quickGelu(Binder &b, Arithmetic &a, Value x) { return swish(a, x, b.attrFloat("alpha", double(1.702f))); }

/// swish(A) * B.
static LogicalResult importSwiGlu(Binder &b) {
  double alpha = b.attrFloat("alpha", 1);
  Value gate = b.floatInput(0, "A"), x = b.floatInput(1, "B");
  if (!gate || !x)
    return failure();
  if (gate.getType() != x.getType())
    return b.bad("A is " + showShape(shapeOf(gate)) + ", B is " + showShape(shapeOf(x)) +
                 "; they must have one shape and type");
  Arithmetic a(b);
  b.result(a.mul(swish(a, gate, alpha), x));
  return success();
}

/// slope * x below 0; slope broadcasts one way to X.
static LogicalResult importPRelu(Binder &b) {
  Value x = b.input(0, "X"), slope = b.input(1, "slope");
  if (!x || !slope)
    return failure();
  std::optional<Shape> shape = broadcastShapes(shapeOf(slope), shapeOf(x));
  if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(x))
    return b.bad("slope is " + showShape(shapeOf(slope)) + ", it does not broadcast to X, " + showShape(shapeOf(x)));
  if (typeOf(x).getElementType() != typeOf(slope).getElementType())
    return b.bad("element types of X and slope differ");
  Arithmetic a(b, b.isUnsigned(0));
  b.result(a.select(a.greater(x, 0.0), x, a.mul(x, slope))); // the slope at 0 is that of PyTorch, as of LeakyRelu
  return success();
}

/// x + bias below -lambd, x - bias above lambd, 0 between.
static LogicalResult importShrink(Binder &b) {
  double bias = b.attrFloat("bias", 0), lambd = b.attrFloat("lambd", 0.5);
  Value x = b.input(0, "input");
  if (!x)
    return failure();
  Arithmetic a(b, b.isUnsigned(0));
  Type type = typeOf(x).getElementType();
  if (!Arithmetic::isFloat(x)) // the bounds are floats, and the result is cut towards zero
    x = a.convert(x, b.builder.getF64Type());
  Value y = a.select(a.less(x, -lambd), a.add(x, bias), a.keep(a.greater(x, lambd), a.sub(x, bias)));
  b.result(a.convert(y, type));
  return success();
}

void addActivationOps(OpTable &t) {
  t.onOp("Elu", 6, importActivation<elu>);
  t.onOp("Selu", 6, importActivation<selu>);
  t.onOp("Celu", 12, importActivation<celu>);
  t.onOp("Mish", 18, importActivation<mish>);
  t.onOp("HardSigmoid", 6, importActivation<hardSigmoid>);
  t.onOp("HardSwish", 14, importActivation<hardSwish>);
  t.onOp("Swish", 24, importActivation<swish>);
  t.onOp("SwiGLU", 28, importSwiGlu);
  t.onOp("Softsign", 1, importActivation<softsign>);
  t.onOp("ThresholdedRelu", 10, importActivation<thresholdedRelu>);
  t.onOp("PRelu", 7, importPRelu, {Role::Elementwise, Role::Weight});
  t.onOp("Shrink", 9, importShrink);
  t.onOp("QuickGelu", 1, importActivation<quickGelu>, {}, nullptr, "com.microsoft");
}

} // namespace mlir::llcc::frontend
