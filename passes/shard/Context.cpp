// Finds the sequences of a model by its attention, and seeds them over `context`.
//
//   %s = llcc.dot %q, %k … : tensor<2x4x32x8xf32>, tensor<2x4x32x8xf32> -> tensor<2x4x32x32xf32>
//   … scale, mask …      %m = llcc.reduce <max> %s3 dims [3]
//     ⇒ %s has llcc.seed [[], [], ["context"], []], and what makes %k has [[], [], ["context"], []]
//
// A sequence is nothing that a tensor's shape tells: [8, 32, 48] may be tokens or rows of a picture. What makes it one
// is attention, and that is the only place where tokens meet. So it is found there, however an exporter wrote it, and
// everything else follows along the loops of the ops.
#include "passes/shard/Context.h"
#include "compiler/ir/Provenance.h"

namespace mlir::llcc {
namespace {

/// The value and dimension that dimension `dim` of `value` was before pointwise work; follows the first operand that
/// depends on it and has that dimension.
std::optional<std::pair<DotOp, int64_t>> traceToDot(Value value, int64_t dim, int depth = 0) {
  Operation *op = value.getDefiningOp();
  if (!op || depth > 64 || op->getNumResults() != 1)
    return std::nullopt;
  ShardingRule rule = getShardingRule(op);
  int factor = rule.results[0][dim];
  if (auto dot = dyn_cast<DotOp>(op))
    return std::pair(dot, dim);
  bool moves = isa<ReshapeOp, TransposeOp>(op) || op->hasTrait<OpTrait::Elementwise>();
  if (factor == kWhole || !moves)
    return std::nullopt;
  for (auto [operand, dims] : llvm::zip(op->getOperands(), rule.operands)) {
    auto at = llvm::find(dims, factor);
    if (at != dims.end())
      if (auto found = traceToDot(operand, at - dims.begin(), depth + 1))
        return found;
  }
  return std::nullopt;
}

/// The product, forward pass, that sums over the keys of `scores` (dimension `dim`), and its operand that is no weight.
void findValues(ScoresOp &scores) {
  SmallVector<std::pair<Value, int64_t>> open = {{scores.dot.getResult(), scores.keys}};
  DenseSet<Value> seen;
  while (!open.empty()) {
    auto [value, dim] = open.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isBackward(user->getLoc()) || user->getNumResults() != 1)
        continue;
      ShardingRule rule = getShardingRule(user);
      int factor = rule.operands[use.getOperandNumber()][dim];
      if (factor == kWhole)
        continue;
      auto at = llvm::find(rule.results[0], factor);
      if (at != rule.results[0].end()) {
        open.push_back({user->getResult(0), at - rule.results[0].begin()});
        continue;
      }
      if (auto dot = dyn_cast<DotOp>(user)) {
        unsigned other = 1 - use.getOperandNumber();
        scores.weights = value;
        scores.weightsDim = dim;
        scores.values = dot->getOperand(other);
        scores.valuesDim = llvm::find(rule.operands[other], factor) - rule.operands[other].begin();
        return;
      }
    }
  }
}

void addWholeLoop(DotOp dot, int64_t factor) {
  if (factor == kWhole)
    return;
  SmallVector<int64_t> loops = {factor};
  if (auto more = dot->getAttrOfType<DenseI64ArrayAttr>(kWholeLoopsAttr))
    llvm::append_range(loops, more.asArrayRef());
  dot->setAttr(kWholeLoopsAttr, DenseI64ArrayAttr::get(dot.getContext(), loops));
}

/// No product with `value` is cut along its dimension `dim`.
void keepWhole(Value value, int64_t dim) {
  for (OpOperand &use : value.getUses())
    if (auto dot = dyn_cast<DotOp>(use.getOwner()))
      addWholeLoop(dot, getShardingRule(dot).operands[use.getOperandNumber()][dim]);
}

/// Products that sum over the queries, which `value` has at `dim`, with something that has the keys: their gradient.
void keepOthersWhole(Value value, int64_t dim) {
  for (OpOperand &use : value.getUses()) {
    auto dot = dyn_cast<DotOp>(use.getOwner());
    if (!dot || !isBackward(dot.getLoc()))
      continue;
    ShardingRule rule = getShardingRule(dot);
    const SmallVector<int> &own = rule.operands[use.getOperandNumber()];
    if (own[dim] != kWhole && rule.factors[own[dim]].reduces)
      for (int factor : rule.operands[1 - use.getOperandNumber()])
        if (!llvm::is_contained(own, factor))
          addWholeLoop(dot, factor);
  }
}

} // namespace

SmallVector<ScoresOp> findScores(func::FuncOp func) {
  SmallVector<ScoresOp> found;
  for (auto reduce : func.getOps<ReduceOp>()) {
    if (reduce.getKind() != ReduceKind::Max || reduce.getDims().size() != 1 || isBackward(reduce.getLoc()))
      continue;
    auto traced = traceToDot(reduce.getX(), reduce.getDims()[0]);
    if (!traced || getWeightUse(traced->first, func))
      continue;
    auto [dot, keys] = *traced;
    ShardingRule rule = getShardingRule(dot);
    const SmallVector<int> &result = rule.results[0];
    auto has = [](ArrayRef<int> dims, int factor) { return llvm::is_contained(dims, factor); };
    bool right = has(rule.operands[1], result[keys]), left = has(rule.operands[0], result[keys]);
    if (left == right) // a batch dimension
      continue;
    unsigned keyed = right ? 1 : 0;
    int64_t queries = -1;
    for (auto [dim, factor] : llvm::enumerate(result))
      if (has(rule.operands[1 - keyed], factor) && !has(rule.operands[keyed], factor)) {
        // With grouped queries the group may be one more: the longest is the sequence.
        int64_t size = dot.getType().getDimSize(dim);
        if (queries < 0 || size > dot.getType().getDimSize(queries))
          queries = dim;
      }
    bool known = llvm::any_of(found, [dot = dot](const ScoresOp &other) { return other.dot == dot; });
    if (queries < 0 || known)
      continue;
    const SmallVector<int> &dims = rule.operands[keyed];
    found.push_back({dot, queries, keys, dot->getOperand(keyed), llvm::find(dims, result[keys]) - dims.begin(), {}});
    findValues(found.back());
  }
  return found;
}

SmallVector<ScoresOp> keepKeysWhole(func::FuncOp func) {
  SmallVector<ScoresOp> attention = findScores(func);
  for (ScoresOp &scores : attention) {
    keepWhole(scores.keyed, scores.keyedDim);
    unsigned asking = scores.dot.getLhs() == scores.keyed ? 1 : 0;
    int factor = getShardingRule(scores.dot).results[0][scores.queries];
    const SmallVector<int> asked = getShardingRule(scores.dot).operands[asking];
    keepOthersWhole(scores.dot->getOperand(asking), llvm::find(asked, factor) - asked.begin());
    if (scores.values) {
      keepWhole(scores.values, scores.valuesDim);
      keepWhole(scores.weights, scores.weightsDim);
    }
  }
  return attention;
}

int64_t seedContext(func::FuncOp func, MeshAttr mesh, ArrayRef<ScoresOp> attention, Propagation &propagation) {
  auto axis = StringAttr::get(func.getContext(), kContextAxis);
  int64_t members = mesh.getSize(kContextAxis), longest = 0;
  propagation.run();
  auto seed = [&](Value value, int64_t dim) {
    int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
    longest = std::max(longest, size);
    Placement have = propagation.placement(value);
    Operation *op = value.getDefiningOp();
    if (size < members || have.cuts(axis) || !op)
      return;
    have.dims[dim].push_back(axis);
    op->setAttr(kSeedAttr, have.toAttr(func.getContext(), mesh));
    propagation.seed(value, have.dims, /*closed=*/false);
  };
  for (ScoresOp scores : attention) {
    seed(scores.dot.getResult(), scores.queries);
    seed(scores.keyed, scores.keyedDim);
  }
  bool recurs = !func.getOps<RecurrenceOp>().empty();
  for (auto gather : func.getOps<GatherOp>()) {
    int64_t rank = gather.getIndices().getType().getRank();
    if (recurs || rank < 2 || gather.getBatch() != 0 || !getEmbedding(gather, func))
      continue;
    propagation.run();
    ArrayRef<int64_t> ids = gather.getIndices().getType().getShape().drop_front(); // behind the batch
    seed(gather.getResult(), gather.getAxis() + 1 + (llvm::max_element(ids) - ids.begin()));
  }
  propagation.run();
  return longest;
}

} // namespace mlir::llcc
