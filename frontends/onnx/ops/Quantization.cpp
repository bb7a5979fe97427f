// Quantization.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
void addQuantizationOps(OpTable &) {}
} // namespace mlir::llcc::frontend
