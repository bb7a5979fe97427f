// What convolutions and pools share: windows over the spatial dimensions of N x C x D1 x .. x Dn.
#ifndef LLCC_FRONTENDS_ONNX_OPS_WINDOW_H
#define LLCC_FRONTENDS_ONNX_OPS_WINDOW_H

#include "frontends/onnx/Binder.h"

namespace mlir::llcc::frontend {

/// Window, strides, pads, dilations and output sizes, one entry for each spatial dimension.
struct Window {
  Shape kernel, strides, padsLo, padsHi, dilations, out;
};

constexpr int64_t kMaxWindow = int64_t(1) << 31; ///< far below where sums of sizes overflow

/// Reads the attributes that convolutions and pools share. `kernel` is empty where the attribute kernel_shape decides.
/// ceil_mode: outputs whose window begins inside the input or its padding before.
LogicalResult readWindow(Binder &b, ArrayRef<int64_t> x, ArrayRef<int64_t> kernel, bool ceil, Window &w);

} // namespace mlir::llcc::frontend

#endif
