// Collectives that may carry several tensors at once, and how such buckets are joined and taken apart.
#ifndef LLCC_PASSES_SHARD_BUCKETS_H
#define LLCC_PASSES_SHARD_BUCKETS_H

#include "compiler/ir/LLCC.h"

namespace mlir::llcc {

/// All-reduce, all-gather, reduce-scatter: result i comes from operand i alone, so any set of them over one group is
/// one collective, and any part of it is one too.
bool isBucket(Operation *op);

/// One tensor of a bucket.
struct BucketPart {
  Operation *op;
  unsigned index;
};

/// The collective that carries `parts`, which are of ops of one kind (reduction and axes too), from `operands` instead
/// of their own: result i is that of parts[i]. Other attributes are those of the first part's op.
Operation *createBucket(OpBuilder &builder, Location loc, ArrayRef<BucketPart> parts, ValueRange operands);

/// All parts of `op`.
SmallVector<BucketPart> partsOf(Operation *op);

} // namespace mlir::llcc

#endif
