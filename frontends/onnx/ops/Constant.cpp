// Constant operators.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
void addConstantOps(OpTable &t) {}
} // namespace mlir::llcc::frontend
