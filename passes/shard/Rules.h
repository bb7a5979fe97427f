// Sharding rules: what each op lets a mesh axis do, in factor form.
#ifndef LLCC_PASSES_SHARD_RULES_H
#define LLCC_PASSES_SHARD_RULES_H

#include "compiler/ir/LLCC.h"

namespace mlir::llcc {

/// An op is a loop nest over factors; every dimension of an operand or result runs along at most one factor that may be
/// cut. `dot` of [b, k] with [k, n] has the factors b and n (Pass) and k (Reduce). An axis that cuts a Pass factor cuts
/// the operands and results which run along it; an axis that cuts a Reduce factor leaves the result partial.
/// After Shardy's OpShardingRule; without its permutation factors.
struct Factor {
  int64_t size;
  bool reduces = false;                ///< not a dimension of the result: the op combines along it
  ReduceKind reduce = ReduceKind::Sum; ///< how, where `reduces`
  bool even = false; ///< may only be cut into equal blocks without padding (one part of a reshaped dimension)
};

/// A dimension that no axis may cut when the op runs.
constexpr int kWhole = -1;

struct ShardingRule {
  SmallVector<Factor> factors;
  /// For each operand (result), for each dimension: its factor, or kWhole. No dimensions where it is not a ranked
  /// tensor.
  SmallVector<SmallVector<int>> operands, results;
};

/// True in modules with the attribute llcc.deterministic (--deterministic=strategy): nothing is ever partial, as sums
/// of parts have other bits than the sum of the whole.
bool sumsWhole(Operation *op);

/// On an op, numbers of loops (factors) that no axis may cut: the keys of attention, which each query meets all.
/// Until llcc-convert-to-spmd.
constexpr StringLiteral kWholeLoopsAttr = "llcc.whole_loops";

/// The rule of `op`. Every op has one: an op that is not known keeps all its dimensions whole.
ShardingRule getShardingRule(Operation *op);

/// True where op(partial operands) is partial: f(a + b) = f(a) + f(b) (for `kind` = sum; likewise max), so that a
/// pending reduction may wait. All tensor operands have to be partial over the same axes. False for ops that enlarge
/// the tensor, as the reduction is cheaper before.
bool carriesPartial(Operation *op, ReduceKind kind);

/// True where the value costs nothing to compute at any placement: splat constants, iota, broadcasts (which end inside
/// the kernels that read them). Such an op is cloned for each use, so that one use does not bind the placement of
/// another.
bool isFree(Operation *op);

} // namespace mlir::llcc

#endif
