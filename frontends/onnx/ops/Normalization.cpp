// Normalization operators.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
void addNormalizationOps(OpTable &t) {}
} // namespace mlir::llcc::frontend
