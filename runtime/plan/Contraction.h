// The numbers of a product or a convolution, by name.
#ifndef LLCC_RUNTIME_PLAN_CONTRACTION_H
#define LLCC_RUNTIME_PLAN_CONTRACTION_H

#include "runtime/plan/Plan.h"

namespace llcc::rt {

/// Sizes and strides as in Plan.h, Op::Matmul.
struct MatmulShape {
  int64_t batch, m, n, k;
  bool lhsTransposed, rhsTransposed;
  double alpha, beta;
  explicit MatmulShape(const Instr &instr)
      : batch(instr.ints[0]), m(instr.ints[1]), n(instr.ints[2]), k(instr.ints[3]), lhsTransposed(instr.ints[4] != 0),
        rhsTransposed(instr.ints[5] != 0), alpha(instr.reals[0]), beta(instr.reals[1]) {}
};

/// A convolution with one to three spatial dimensions, brought to three by leading ones.
struct ConvShape {
  int64_t batch, channels, filters, groups;
  int64_t in[3], kernel[3], out[3], stride[3], pad[3], dilation[3]; ///< pad: before the first element
  /// x [N, C, spatial..], w [M, C/groups, kernel..], y [N, M, out..].
  ConvShape(const Instr &instr, const Shape &x, const Shape &w, const Shape &y);
};

} // namespace llcc::rt

#endif
