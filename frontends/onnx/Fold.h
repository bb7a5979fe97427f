// Arithmetic on constants with numpy's broadcasting.
#ifndef LLCC_FRONTENDS_ONNX_FOLD_H
#define LLCC_FRONTENDS_ONNX_FOLD_H

#include "frontends/onnx/Binder.h"

namespace mlir::llcc::frontend {

/// Gives output 0 a constant of element type `type` in the common shape of `inputs`: `push` appends the element that is
/// made of element at[i] of each input. Results are rounded to the type.
LogicalResult foldBroadcast(Binder &b, ArrayRef<ConstantPtr> inputs, Type type,
                            llvm::function_ref<void(ArrayRef<int64_t> at, Constant &result)> push);

} // namespace mlir::llcc::frontend

#endif
