// The contractions that several operators are made of.
#ifndef LLCC_FRONTENDS_ONNX_OPS_CONTRACTION_H
#define LLCC_FRONTENDS_ONNX_OPS_CONTRACTION_H

#include "frontends/onnx/Binder.h"

namespace mlir::llcc::frontend {

/// numpy.matmul of two floats of one type; null where the shapes are refused (said). Messages call the inputs A and B.
Value matmul(Binder &b, Value x, Value y);

/// Convolution of x, [N, C, spatial..], with weights, [M, C/groups, kernel..], as the node's attributes say; null where
/// it is refused (said).
Value convolve(Binder &b, Value x, Value weights);

} // namespace mlir::llcc::frontend

#endif
