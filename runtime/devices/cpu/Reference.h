// Plain loops for matmul and the three convolutions: what runs f64, and the oracle for the library (LLCC_REFERENCE=1).
#ifndef LLCC_RUNTIME_DEVICES_CPU_REFERENCE_H
#define LLCC_RUNTIME_DEVICES_CPU_REFERENCE_H

#include "runtime/plan/Plan.h"

namespace llcc::rt {

/// Sizes and strides as in Plan.h, Op::Matmul. Sums run in double, k ascending.
struct MatmulShape {
  int64_t batch, m, n, k;
  bool lhsTransposed, rhsTransposed;
  double alpha, beta;
  explicit MatmulShape(const Instr &instr)
      : batch(instr.ints[0]), m(instr.ints[1]), n(instr.ints[2]), k(instr.ints[3]), lhsTransposed(instr.ints[4] != 0),
        rhsTransposed(instr.ints[5] != 0), alpha(instr.reals[0]), beta(instr.reals[1]) {}
};
/// `Out`: T, or float where the sum of 16 bit products is kept as it is.
template <class T, class Out>
void referenceMatmul(const MatmulShape &shape, const T *lhs, const T *rhs, Out *out, int threads);

/// A convolution with one to three spatial dimensions, brought to three by leading ones.
struct ConvShape {
  int64_t batch, channels, filters, groups;
  int64_t in[3], kernel[3], out[3], stride[3], pad[3], dilation[3]; ///< pad: before the first element
  /// x [N, C, spatial..], w [M, C/groups, kernel..], y [N, M, out..].
  ConvShape(const Instr &instr, const Shape &x, const Shape &w, const Shape &y);
};
template <class T, class Out> void referenceConv(const ConvShape &shape, const T *x, const T *w, Out *y, int threads);
template <class T, class Out>
void referenceConvInputGrad(const ConvShape &shape, const T *dy, const T *w, Out *dx, int threads);
template <class T, class Out>
void referenceConvWeightGrad(const ConvShape &shape, const T *x, const T *dy, Out *dw, int threads);

} // namespace llcc::rt

#endif
