// Shape operators.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
void addShapeOps(OpTable &t) {}
} // namespace mlir::llcc::frontend
