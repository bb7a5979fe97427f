// Formulas of the ops that stay whole until they are differentiated.
#include "passes/train/Whole.h"
#include <cmath>

namespace mlir::llcc {

static constexpr double kSqrtHalf = 0.70710678118654752440, kSqrtTwoOverPi = 0.79788456080286535588,
                        kOneOverSqrtTwoPi = 0.39894228040143267794, kGeluCubic = 0.044715;

static ArrayRef<int64_t> shapeOf(Value x) { return typeOf(x).getShape(); }

Value sigmoid(Emitter &e, Value x) { return e.div(e.constantLike(x, 1), e.add(e.exp(e.neg(x)), 1)); }

Value softplus(Emitter &e, Value x) {
  Value zero = e.constantLike(x, 0);
  Value tail = e.unary<math::Log1pOp>(e.exp(e.neg(e.unary<math::AbsFOp>(x))));
  return e.add(e.binary<arith::MaximumFOp>(x, zero), tail);
}

/// x minus its largest element along axis.
static Value shifted(Emitter &e, Value x, int64_t axis) {
  return e.sub(x, e.restore(e.reduce(ReduceKind::Max, x, axis), shapeOf(x), axis));
}

Value softmax(Emitter &e, Value x, int64_t axis) {
  Value weight = e.exp(shifted(e, x, axis));
  return e.div(weight, e.restore(e.sum(weight, axis), shapeOf(x), axis));
}

Value logSoftmax(Emitter &e, Value x, int64_t axis) {
  Value shift = shifted(e, x, axis);
  Value log = e.unary<math::LogOp>(e.sum(e.exp(shift), axis));
  return e.sub(shift, e.restore(log, shapeOf(x), axis));
}

/// tanh(sqrt(2/pi) (x + 0.044715 x^3))
static Value geluTanh(Emitter &e, Value x) {
  Value inner = e.mul(x, e.add(e.mul(e.mul(x, x), kGeluCubic), 1));
  return e.unary<math::TanhOp>(e.mul(inner, kSqrtTwoOverPi));
}

/// Phi(x), or its approximation.
static Value gauss(Emitter &e, Value x, bool tanh) {
  Value odd = tanh ? geluTanh(e, x) : e.unary<math::ErfOp>(e.mul(x, kSqrtHalf));
  return e.mul(e.add(odd, 1), 0.5);
}

Value gelu(Emitter &e, Value x, bool tanh) { return e.mul(x, gauss(e, x, tanh)); }

Value geluSlope(Emitter &e, Value x, bool tanh) {
  Value phi; // derivative of gauss
  if (tanh) {
    Value t = geluTanh(e, x), inner = e.add(e.mul(e.mul(x, x), 3 * kGeluCubic), 1);
    phi = e.mul(e.mul(e.sub(e.constantLike(x, 1), e.mul(t, t)), inner), 0.5 * kSqrtTwoOverPi);
  } else {
    phi = e.mul(e.exp(e.mul(e.mul(x, x), -0.5)), kOneOverSqrtTwoPi);
  }
  return e.add(gauss(e, x, tanh), e.mul(x, phi));
}

static double countOf(Value x, ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= typeOf(x).getDimSize(dim);
  return double(std::max<int64_t>(count, 1));
}

Value spreadMean(Emitter &e, Value x, ArrayRef<int64_t> dims) {
  return e.restore(e.mul(e.sum(x, dims), 1.0 / countOf(x, dims)), shapeOf(x), dims);
}

Value spreadTail(Emitter &e, Value x, Value like) {
  int64_t rank = typeOf(like).getRank();
  return e.broadcast(x, shapeOf(like), dimsFrom(rank - typeOf(x).getRank(), rank));
}

Normalized normalize(Emitter &e, Value x, ArrayRef<int64_t> dims, double epsilon) {
  Value centred = e.sub(x, spreadMean(e, x, dims));
  Value variance = e.mul(e.sum(e.mul(centred, centred), dims), 1.0 / countOf(x, dims));
  Value rstd = e.restore(e.unary<math::RsqrtOp>(e.add(variance, epsilon)), shapeOf(x), dims);
  return {e.mul(centred, rstd), rstd};
}

// With n the normalized x: rstd * (dy - mean(dy) - n*mean(dy*n)).
Value normalizeSlope(Emitter &e, const Normalized &n, Value dy, ArrayRef<int64_t> dims) {
  Value centred = e.sub(dy, spreadMean(e, dy, dims));
  return e.mul(n.rstd, e.sub(centred, e.mul(n.x, spreadMean(e, e.mul(dy, n.x), dims))));
}

Value smallPower(Emitter &e, Value x, double exponent) {
  int64_t count = std::isfinite(exponent) ? int64_t(std::min(std::fabs(exponent), 5.0)) : 5;
  if (count > 4 || double(count) != std::fabs(exponent))
    return {};
  Value one = e.constantLike(x, 1);
  if (count == 0)
    return one;
  Value square = count > 1 ? e.mul(x, x) : x;
  Value power = count == 3 ? e.mul(square, x) : count == 4 ? e.mul(square, square) : square;
  return exponent < 0 ? e.div(one, power) : power;
}

} // namespace mlir::llcc
