// Window operators.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
void addWindowOps(OpTable &t) {}
} // namespace mlir::llcc::frontend
