// Arguments of the built-in kernels, as their host side fills them in. Plain data, read by nvcc and by the C++
// compiler.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_BUILTINARGUMENTS_H
#define LLCC_RUNTIME_DEVICES_CUDA_BUILTINARGUMENTS_H

#include <cstdint>

namespace llcc::rt {

/// Op::Matmul of Plan.h; one thread computes one element of the result.
struct MatmulArguments {
  int64_t batch, m, n, k;
  int32_t lhsTransposed, rhsTransposed;
  double alpha, beta;
  const void *lhs, *rhs;
  void *out;
};

/// A convolution brought to three spatial dimensions by leading ones (ConvShape). `pad`: before the first element.
struct ConvArguments {
  int64_t batch, channels, filters, groups;
  int64_t in[3], kernel[3], out[3], stride[3], pad[3], dilation[3];
  const void *first, *second; ///< operands in the order of Plan.h
  void *result;
};

/// Op::Recurrence and Op::RecurrenceGrad; null where the instruction has no such array.
struct RecurrenceArguments {
  int32_t kind; ///< 0 lstm 1 gru 2 rnn
  int32_t flags;
  int64_t steps, batch, units, gates, saved;
  int32_t activation[3];
  double alpha[3], beta[3], clip;
  const void *x, *r, *h0, *c0, *peepholes, *bias, *dy, *dcells;
  void *y, *cells, *kept, *dx, *dh, *dc;
  const int32_t *lengths32;
  const int64_t *lengths64;
};

} // namespace llcc::rt

#endif
