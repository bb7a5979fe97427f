// Formulas of the ops that stay whole until they are differentiated, in arith, math, reduce and broadcast. Gradient
// rules use the same formulas, so that what forward and backward both need is computed once.
#ifndef LLCC_PASSES_TRAIN_WHOLE_H
#define LLCC_PASSES_TRAIN_WHOLE_H

#include "passes/train/Emitter.h"

namespace mlir::llcc {

/// 1/(1+exp(-x)); exp overflows to infinity, which gives 0.
Value sigmoid(Emitter &e, Value x);
/// max(x, 0) + log1p(exp(-|x|)).
Value softplus(Emitter &e, Value x);
/// exp(x - max) / sum, along axis.
Value softmax(Emitter &e, Value x, int64_t axis);
/// x - max - log(sum(exp(x - max))), along axis.
Value logSoftmax(Emitter &e, Value x, int64_t axis);
/// x * Phi(x), Phi(x) = (1 + erf(x/sqrt 2))/2 (Hendrycks & Gimpel, arXiv 1606.08415); `tanh`: its approximation there.
Value gelu(Emitter &e, Value x, bool tanh);
/// d gelu / d x.
Value geluSlope(Emitter &e, Value x, bool tanh);

/// x scaled to mean 0 and variance 1 over `dims` (Ioffe & Szegedy, arXiv 1502.03167; Ba et al., arXiv 1607.06450).
struct Normalized {
  Value x;    ///< (x - mean) * rstd, shape of x
  Value rstd; ///< 1/sqrt(var + epsilon), broadcast to the shape of x
};
Normalized normalize(Emitter &e, Value x, ArrayRef<int64_t> dims, double epsilon);
/// Mean over `dims`, repeated over the shape of x.
Value spreadMean(Emitter &e, Value x, ArrayRef<int64_t> dims);
/// d loss / d x of normalize where `dy` is d loss / d (normalized x).
Value normalizeSlope(Emitter &e, const Normalized &n, Value dy, ArrayRef<int64_t> dims);
/// scale or bias [dims from axis on] repeated over the shape of `like`.
Value spreadTail(Emitter &e, Value x, Value like);

/// x^exponent as products and a quotient; nothing where the exponent is not a small whole number (-4..4).
Value smallPower(Emitter &e, Value x, double exponent);

} // namespace mlir::llcc

#endif
