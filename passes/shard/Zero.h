// ZeRO: which block of a parameter, its gradient and its state a member of `data` keeps, and when parameters are
// fetched.
#ifndef LLCC_PASSES_SHARD_ZERO_H
#define LLCC_PASSES_SHARD_ZERO_H

#include "passes/shard/Placement.h"

namespace mlir::llcc {

/// `placement` of a tensor of `type` with one dimension cut over `data` too, as innermost axis: that which leaves the
/// smallest piece, of equals the first, whose blocks are runs of memory. Unchanged where `data` is used already or no
/// dimension has a row for each member.
Placement cutOverData(const Placement &placement, Type type, MeshAttr mesh);

/// In @gradients, whose ops are placed for parameters as `used` says, by name: where `resting` says otherwise (ZeRO-3),
/// the argument rests there and each pass and ONNX node fetches it right before its first use, with an llcc.reshard
/// (llcc.fetch: 0 forward, 1 backward). A conversion to 16 bits is done on what rests, so that 16 bits are fetched.
void insertFetches(func::FuncOp gradients, MeshAttr mesh, function_ref<Placement(StringRef)> used,
                   function_ref<Placement(StringRef)> resting);

} // namespace mlir::llcc

#endif
