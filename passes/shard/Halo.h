// What a convolution whose rows are cut needs of its neighbours' rows.
#ifndef LLCC_PASSES_SHARD_HALO_H
#define LLCC_PASSES_SHARD_HALO_H

#include "compiler/ir/LLCC.h"
#include "mlir/IR/Builders.h"

namespace mlir::llcc {

/// One spatial dimension of a convolution: y[o] reads x[o * stride - lo + tap * dilation]. Blocks of x are `stride`
/// times as long as those of y, so that a member's outputs need its own inputs and rows of the members beside it.
struct Halo {
  int64_t inputs, outputs, kernel, stride, dilation, lo;

  /// Of dimension 2 + `spatial` of x, y and w.
  static Halo get(Operation *op, ArrayRef<int64_t> x, ArrayRef<int64_t> y, ArrayRef<int64_t> w, int64_t spatial);
  int64_t reach() const { return (kernel - 1) * dilation; }
  /// Rows of x before and after a block that its outputs read.
  int64_t before() const { return lo; }
  int64_t after() const { return std::max<int64_t>(0, reach() - lo - (stride - 1)); }
  /// Rows of dy before and after a block to which its inputs contribute.
  int64_t outputsBefore() const { return (reach() - lo) / stride; }
  int64_t outputsAfter() const { return (stride - 1 + lo) / stride; }
  /// The largest number of equal blocks that each have what a neighbour asks for; 1: not to be cut.
  int64_t mostBlocks() const;
};

/// A cut spatial dimension: which, over which axes (`members` devices), and its arithmetic.
struct CutRows {
  int64_t spatial, members;
  ArrayAttr axes;
  Halo halo;
};

/// The convolution or gradient `op` on a member's blocks: `first` and `second` are its operands, `result` its type, all
/// local. Rows of neighbours are gathered, at the picture's edge they are zero.
Value makeLocalConvolution(OpBuilder &b, Operation *op, Value first, Value second, RankedTensorType result,
                           ArrayRef<CutRows> cuts);

} // namespace mlir::llcc

#endif
