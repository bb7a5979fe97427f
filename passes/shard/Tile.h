// One block of a dimension that travels around a ring: values computed for that block only.
#ifndef LLCC_PASSES_SHARD_TILE_H
#define LLCC_PASSES_SHARD_TILE_H

#include "mlir/IR/Builders.h"
#include "passes/shard/Rules.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::llcc {

/// A dimension of `extent` elements, of which `members` members of the group over `axes` hold a padded block each, and
/// which some values of a member's program nevertheless have whole.
struct RingDim {
  int64_t extent, members;
  ArrayAttr axes;
  int64_t block() const { return (extent + members - 1) / members; }
  bool uneven() const { return extent % members != 0; }
};

/// The loops of a local op: as its sharding rule has them, and a mask leaves other dimensions than its own alone.
ShardingRule getLoops(Operation *op);

/// Computes values (local types) for the block that a member holds in round `round`, when the pieces have moved on that
/// often: member c has block (c - round) mod members. Ops of `tiled` are computed anew from tiles of what they read;
/// what is not among them and costs something is cut out of the whole value. Padding holds anything.
class Tile {
public:
  Tile(OpBuilder &b, Location loc, RingDim ring, int64_t round, const llvm::SetVector<Operation *> &tiled, bool again)
      : b(b), loc(loc), ring(ring), round(round), tiled(tiled), again(again) {}

  /// The block of `value`, which has the dimension at `dim`. Fails where an op on the way has no such form: `stuck`.
  FailureOr<Value> of(Value value, int64_t dim);
  /// `value` without the dimension, as ops of the tile read it.
  Value free(Value value) const {
    Value other = instead.lookup(value);
    return other ? other : value;
  }
  /// What a tile is known to be: the piece that came around, a value that is scaled otherwise.
  void set(Value value, Value tile) { known[value] = tile; }
  void replace(Value value, Value other) { instead[value] = other; }
  /// The op, which contracts or reduces the dimension, on tiles: one summand of its result. `dims`: where its operands
  /// have the dimension (-1: nowhere).
  FailureOr<Value> part(Operation *op, ArrayRef<int64_t> dims);
  /// False (i1, shape of the block) where the block of this round has padding.
  Value valid();

  Operation *stuck = nullptr;

private:
  RankedTensorType blockType(Value value, int64_t dim) const;
  bool isCheap(Value value, int depth = 0) const;
  Value cutOut(Value value, int64_t dim);
  Value offset(Type element);
  Operation *copy(Operation *op, ValueRange operands, Type result);

  OpBuilder &b;
  Location loc;
  RingDim ring;
  int64_t round;
  const llvm::SetVector<Operation *> &tiled;
  bool again; ///< copies of forward ops compute them again in the backward pass
  DenseMap<Value, Value> known, instead;
};

} // namespace mlir::llcc

#endif
