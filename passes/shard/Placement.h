// Placements of values and of one op's operands and results, as plain data between rules and types.
#ifndef LLCC_PASSES_SHARD_PLACEMENT_H
#define LLCC_PASSES_SHARD_PLACEMENT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Rules.h"

namespace mlir::llcc {

/// Mesh axes, major first.
using Axes = SmallVector<StringAttr, 2>;

/// What ShardingAttr says, without `invariant`: an axis that neither cuts the value nor is pending on it holds equal
/// bits on all members. That is an induction: the loader and collectives put equal bits on all members, and all members
/// run the same kernels on them.
struct Placement {
  SmallVector<Axes> dims;
  Axes partial;
  ReduceKind kind = ReduceKind::Sum;

  bool operator==(const Placement &other) const {
    return dims == other.dims && partial == other.partial && (partial.empty() || kind == other.kind);
  }
  bool operator!=(const Placement &other) const { return !(*this == other); }
  bool uses(StringAttr axis) const;
  bool cuts(StringAttr axis) const;
  /// The same cuts, nothing pending.
  Placement resolved() const { return {dims, {}, ReduceKind::Sum}; }

  static Placement whole(int64_t rank) { return {SmallVector<Axes>(rank), {}, ReduceKind::Sum}; }
  static Placement get(ShardingAttr attr);
  /// With `invariant` filled in: all other axes of the mesh but `pipeline`.
  ShardingAttr toAttr(MLIRContext *context, MeshAttr mesh) const;
};

/// The mesh axes of each factor of an op.
using FactorAxes = SmallVector<Axes>;

/// For axes that may cut one loop (factor) only: that loop.
using AxisLoops = DenseMap<StringAttr, int>;

/// Adds to `chosen` what `dims`, a tensor whose dimensions run along `factors`, says, as far as it fits: an axis is on
/// one factor only, lists of one factor are prefixes of each other, even factors are divided without rest. What came
/// first stays. Returns false where something did not fit. `loops`: where axes must go that are in it.
bool mergeFactors(const ShardingRule &rule, ArrayRef<int> factors, ArrayRef<Axes> dims, MeshAttr mesh,
                  FactorAxes &chosen, const AxisLoops *loops = nullptr);

/// Axes of a tensor whose dimensions run along `factors`.
SmallVector<Axes> projectFactors(ArrayRef<int> factors, const FactorAxes &chosen);

/// How one op runs: what it needs of each operand and what it gives. Entries of values that are not tensors are empty.
struct OpPlacement {
  SmallVector<Placement> operands, results;
};

/// Where tensors would have an axis along different loops, the loop that most of them have it along wins, of several
/// that of the first operand, so that a product of a cut weight and a cut result gathers its activation (sequence
/// parallelism), never the weight. Then operands decide first, in order, and the dimensions wanted of the results. A
/// partial operand stays partial where the op carries it and no factor takes its axes; otherwise it is needed resolved.
/// Holds: placeOp(op, operands, placeOp(op, operands, r).results) = placeOp(op, operands, r), so that the factors are
/// found again from placed values.
OpPlacement placeOp(Operation *op, const ShardingRule &rule, ArrayRef<Placement> operands, ArrayRef<Placement> results,
                    MeshAttr mesh);

/// `node "fc1" (llcc.dot)`: how messages name an op.
std::string describeOp(Operation *op);

/// Name of the axis that numbers pipeline stages; no value is placed along it.
constexpr StringLiteral kPipelineAxis = "pipeline";
/// On a reshard and the gathers made of it, a number: parameters that are cut over `data` at rest (ZeRO-3) are fetched
/// for each pass (0 forward, 1 backward) anew, so gathers of other numbers are not one by common subexpressions.
constexpr StringLiteral kFetchAttr = "llcc.fetch";
/// On an op: cuts that llcc-seed-sharding would have its result get, as far as nothing speaks against them.
constexpr StringLiteral kSeedAttr = "llcc.seed";
/// On an op, mesh axis to number of a factor: the loop that the axis cuts here, whatever the neighbours would have.
constexpr StringLiteral kAlongAttr = "llcc.along";
/// Argument, result and op attribute that holds a placement until types do.
constexpr StringLiteral kShardingAttr = "llcc.sharding";

/// The mesh of the module, with an error where there is none.
FailureOr<MeshAttr> getMesh(ModuleOp module);
/// @gradients or @update, with an error where it is missing.
FailureOr<func::FuncOp> getStepFunction(ModuleOp module, StringRef name);

} // namespace mlir::llcc

#endif
