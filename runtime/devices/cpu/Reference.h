// Plain loops for matmul and the three convolutions: what runs f64, and the oracle for the library (LLCC_REFERENCE=1).
#ifndef LLCC_RUNTIME_DEVICES_CPU_REFERENCE_H
#define LLCC_RUNTIME_DEVICES_CPU_REFERENCE_H

#include "runtime/plan/Contraction.h"

namespace llcc::rt {

/// Sums run in double, k ascending. `Out`: T, or float where the sum of 16 bit products is kept as it is.
template <class T, class Out>
void referenceMatmul(const MatmulShape &shape, const T *lhs, const T *rhs, Out *out, int threads);

template <class T, class Out> void referenceConv(const ConvShape &shape, const T *x, const T *w, Out *y, int threads);
template <class T, class Out>
void referenceConvInputGrad(const ConvShape &shape, const T *dy, const T *w, Out *dx, int threads);
template <class T, class Out>
void referenceConvWeightGrad(const ConvShape &shape, const T *x, const T *dy, Out *dw, int threads);

} // namespace llcc::rt

#endif
