// Seeds of data and tensor parallelism.
#include "passes/shard/Seeds.h"
#include "compiler/ir/Provenance.h"

namespace mlir::llcc {

static Value seeThrough(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<ReshapeOp, TransposeOp, arith::TruncFOp, arith::ExtFOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

std::optional<WeightUse> getWeightUse(Operation *op, func::FuncOp func) {
  if (!isa<DotOp, ConvOp, ConvInputGradOp>(op) || isBackward(op->getLoc()))
    return std::nullopt;
  // The weight stands on the right in what importers make of Gemm, MatMul and Conv; look there first.
  for (unsigned operand : {1, 0})
    if (auto arg = dyn_cast<BlockArgument>(seeThrough(op->getOperand(operand))))
      if (func.getArgAttr(arg.getArgNumber(), "llcc.param"))
        return WeightUse{operand, arg};
  return std::nullopt;
}

/// The dimension of the parameter that dimension `dim` of `value` is.
static std::optional<int64_t> traceDim(Value value, int64_t dim) {
  while (Operation *op = value.getDefiningOp()) {
    ShardingRule rule = getShardingRule(op);
    int factor = rule.results[0][dim];
    auto at = factor == kWhole ? rule.operands[0].end() : llvm::find(rule.operands[0], factor);
    if (at == rule.operands[0].end())
      return std::nullopt;
    dim = at - rule.operands[0].begin();
    value = op->getOperand(0);
  }
  return dim;
}

void seedBatch(func::FuncOp func, Propagation &propagation, Seeds &seeds) {
  auto axis = StringAttr::get(func.getContext(), "data");
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto type = dyn_cast<RankedTensorType>(func.getArgument(i).getType());
    if (seeds[i] || !func.getArgAttr(i, "llcc.batched") || !type || type.getRank() == 0)
      continue;
    seeds[i] = Placement::whole(type.getRank());
    seeds[i]->dims[0].push_back(axis);
    propagation.seed(func.getArgument(i), seeds[i]->dims, /*closed=*/true);
  }
}

bool seedWeights(func::FuncOp func, MeshAttr mesh, Propagation &propagation, Seeds &seeds) {
  auto axis = StringAttr::get(func.getContext(), "tensor");
  int64_t members = mesh.getSize("tensor");
  propagation.run();
  bool used = llvm::any_of(func.getArguments(), [&](Value arg) { return propagation.placement(arg).cuts(axis); });
  for (Operation &op : func.getBody().front()) {
    std::optional<WeightUse> use = getWeightUse(&op, func);
    if (!use || !func.getArgAttr(use->param.getArgNumber(), "llcc.trainable"))
      continue;
    const ShardingRule &rule = propagation.rule(&op);
    Value weight = op.getOperand(use->operand), activation = op.getOperand(1 - use->operand);
    const SmallVector<int> &dims = rule.operands[use->operand], &others = rule.operands[1 - use->operand];
    bool rowParallel = false;
    std::optional<int64_t> column;
    int64_t longest = 0; // of a weight with several columns: q, k and v have their own
    for (auto [dim, f] : llvm::enumerate(dims)) {
      if (f == kWhole)
        continue;
      auto other = llvm::find(others, f);
      if (rule.factors[f].reduces)
        rowParallel |=
            other != others.end() && llvm::is_contained(propagation.wanted(activation)[other - others.begin()], axis);
      else if (other == others.end() && rule.factors[f].size >= members && rule.factors[f].size > longest)
        if (std::optional<int64_t> traced = traceDim(weight, dim)) {
          column = traced;
          longest = rule.factors[f].size;
        }
    }
    unsigned i = use->param.getArgNumber();
    used |= rowParallel || seeds[i]; // a weight that the user placed is the user's matter
    Placement placement = propagation.placement(use->param);
    if (rowParallel || seeds[i] || placement.cuts(axis) || !column)
      continue;
    placement.dims[*column].push_back(axis);
    seeds[i] = placement;
    propagation.seed(use->param, placement.dims, /*closed=*/true);
    propagation.run();
    used = true;
  }
  return used;
}

} // namespace mlir::llcc
