// Indexing operators.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
void addIndexingOps(OpTable &t) {}
} // namespace mlir::llcc::frontend
