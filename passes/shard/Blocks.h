// Repeated blocks of a model: layers of a transformer, residual blocks of a convolution net.
#ifndef LLCC_PASSES_SHARD_BLOCKS_H
#define LLCC_PASSES_SHARD_BLOCKS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {

/// A run of equal blocks in a list of items: `count` blocks of `length` items, the first begins at `begin`.
struct Repetition {
  size_t begin, length, count;
};

/// Runs of blocks that repeat one behind the other in `signatures`, largest cover first, then of what is left before
/// and behind it. A block has an item of `heavy`, and begins where `crossing` (the cost of a cut in front of an item)
/// is small. At least two equal blocks each.
SmallVector<Repetition> findRepetitions(ArrayRef<size_t> signatures, ArrayRef<bool> heavy, ArrayRef<double> crossing);

/// ONNX node → number of its block, for the nodes of `gradients` that lie in repeated blocks. Two nodes are alike if
/// their forward ops are the same, with the same shapes, in the same order; names and weights do not count. A block has
/// a contraction, a convolution or a recurrence.
llvm::StringMap<int64_t> findBlocks(func::FuncOp gradients);

} // namespace mlir::llcc

#endif
