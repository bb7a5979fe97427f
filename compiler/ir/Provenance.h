// Which ONNX node an op comes from, and whether it belongs to the backward pass: carried by locations, so that every
// rewrite that passes its location on keeps it.
#ifndef LLCC_COMPILER_IR_PROVENANCE_H
#define LLCC_COMPILER_IR_PROVENANCE_H

#include "mlir/IR/Location.h"

namespace mlir::llcc {

/// Location of the forward op of ONNX node `name` (or "loss", "update" for what no node asked for).
Location nodeLoc(MLIRContext *context, StringRef name);
/// Location of an op that computes gradients for the op at `forward`: `"grad"("fc1")`.
Location gradLoc(Location forward);
/// Name of the ONNX node; empty where unknown. Looks through grad, fused and call-site locations.
StringRef nodeOf(Location loc);
/// True for ops of the backward pass.
bool isBackward(Location loc);

} // namespace mlir::llcc

#endif
