// Attention on local types, keys and values gathered: what llcc-split-attention makes a ring of.
#ifndef LLCC_PASSES_SHARD_RINGMATCH_H
#define LLCC_PASSES_SHARD_RINGMATCH_H

#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Tile.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {

/// One attention of a member's program, forward and backward. T is the number of keys, all of them; each member has its
/// own queries.
///
///   s = q·K, scaled, masked;  m = max s;  e = exp(s - m);  l = sum e;  p = e / l;  w = f(p);  o = w·V
///   dw = do·V;  dp = f'(dw);  D = sum p*dp;  ds = p * (dp - D);  dq = ds·K;  dK, dV: reduce-scattered
///
/// f multiplies each element by what does not depend on p (dropout, guards against NaN).
struct RingAttention {
  RingDim ring;
  llvm::MapVector<Value, std::pair<Value, int64_t>> gathers; ///< whole value → own piece, dimension
  llvm::SetVector<Operation *> tiled;                        ///< ops with a result that has all keys
  llvm::DenseMap<Value, int64_t> dims;                       ///< where values have the keys
  Value scores;                                              ///< s
  ReduceOp max, sum;
  arith::DivFOp weights; ///< p
  DotOp output;          ///< o
  Value dropped;         ///< w
  bool guarded = false;  ///< f gives zero where p is NaN
  ReduceOp inner;        ///< D; null without a backward pass
  DotOp cotangent;       ///< dw
  Value slope;           ///< do
  SmallVector<DotOp> queryGradients;
  struct Scatter {
    OpResult result;
    Value operand;
    int64_t dim;
  };
  SmallVector<Scatter> scatters;
};

/// The attention that takes its softmax with `max`. Fails with `why` where something is not of that form; empty `why`
/// where no gathered sequence is involved.
FailureOr<RingAttention> matchRing(ReduceOp max, MeshAttr mesh, std::string &why);

} // namespace mlir::llcc

#endif
