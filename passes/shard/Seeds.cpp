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

std::optional<int64_t> traceDim(Value value, int64_t dim) {
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

SmallVector<BlockArgument> getPictures(func::FuncOp func) {
  SmallVector<BlockArgument> pictures;
  for (auto conv : func.getOps<ConvOp>()) {
    Value x = conv.getX();
    while (Operation *op = x.getDefiningOp()) {
      bool same = op->getNumOperands() > 0 && op->getOperand(0).getType() == x.getType();
      if (!same && !isa<arith::TruncFOp, arith::ExtFOp>(op))
        break;
      x = op->getOperand(0);
    }
    auto arg = dyn_cast<BlockArgument>(x);
    if (arg && func.getArgAttr(arg.getArgNumber(), "llcc.batched") && !llvm::is_contained(pictures, arg))
      pictures.push_back(arg);
  }
  return pictures;
}

void seedBatch(func::FuncOp func, ArrayRef<StringRef> axes, Propagation &propagation, Seeds &seeds, bool spatial) {
  SmallVector<BlockArgument> pictures = spatial ? getPictures(func) : SmallVector<BlockArgument>();
  auto context = StringAttr::get(func.getContext(), kContextAxis);
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto type = dyn_cast<RankedTensorType>(func.getArgument(i).getType());
    if (seeds[i] || !func.getArgAttr(i, "llcc.batched") || !type || type.getRank() == 0)
      continue;
    seeds[i] = Placement::whole(type.getRank());
    for (StringRef axis : axes)
      seeds[i]->dims[0].push_back(StringAttr::get(func.getContext(), axis));
    // Sequences of ids and labels, where cutContext brought them.
    for (auto [dim, wanted] : llvm::enumerate(propagation.wanted(func.getArgument(i))))
      if (llvm::is_contained(wanted, context))
        seeds[i]->dims[dim].push_back(context);
    if (llvm::is_contained(pictures, func.getArgument(i)))
      seeds[i]->dims[2].push_back(StringAttr::get(func.getContext(), kSpatialAxis));
    propagation.seed(func.getArgument(i), seeds[i]->dims, /*closed=*/true);
  }
}

/// True where the value is computed from an input of the batch.
static bool dependsOnBatch(Value value, func::FuncOp func) {
  SmallVector<Value> open = {value};
  DenseSet<Value> seen;
  while (!open.empty()) {
    Value at = open.pop_back_val();
    if (!seen.insert(at).second)
      continue;
    if (auto arg = dyn_cast<BlockArgument>(at)) {
      if (func.getArgAttr(arg.getArgNumber(), "llcc.batched"))
        return true;
    } else {
      llvm::append_range(open, at.getDefiningOp()->getOperands());
    }
  }
  return false;
}

std::optional<std::pair<BlockArgument, int64_t>> getEmbedding(Operation *op, func::FuncOp func) {
  auto gather = dyn_cast<GatherOp>(op);
  if (!gather || isBackward(op->getLoc()))
    return std::nullopt;
  auto arg = dyn_cast<BlockArgument>(seeThrough(gather.getTable()));
  if (!arg || !func.getArgAttr(arg.getArgNumber(), "llcc.param") ||
      !func.getArgAttr(arg.getArgNumber(), "llcc.trainable"))
    return std::nullopt;
  std::optional<int64_t> rows = traceDim(gather.getTable(), gather.getAxis());
  if (!rows || !dependsOnBatch(gather.getIndices(), func))
    return std::nullopt;
  return std::pair(arg, *rows);
}

bool seedWeights(func::FuncOp func, MeshAttr mesh, Propagation &propagation, Seeds &seeds) {
  auto axis = StringAttr::get(func.getContext(), "tensor");
  int64_t members = mesh.getSize("tensor");
  propagation.run();
  bool used = llvm::any_of(func.getArguments(), [&](Value arg) { return propagation.placement(arg).cuts(axis); });
  for (Operation &op : func.getBody().front()) {
    if (auto embedding = getEmbedding(&op, func)) {
      auto [table, rows] = *embedding;
      Placement placement = propagation.placement(table);
      if (seeds[table.getArgNumber()] || placement.cuts(axis) || !placement.dims[rows].empty() ||
          cast<RankedTensorType>(table.getType()).getDimSize(rows) < members)
        continue;
      placement.dims[rows].push_back(axis);
      seeds[table.getArgNumber()] = placement;
      propagation.seed(table, placement.dims, /*closed=*/true);
      propagation.run();
      used = true;
      continue;
    }
    std::optional<WeightUse> use = getWeightUse(&op, func);
    if (!use || !func.getArgAttr(use->param.getArgNumber(), "llcc.trainable"))
      continue;
    const ShardingRule &rule = propagation.rule(&op);
    Value weight = op.getOperand(use->operand), activation = op.getOperand(1 - use->operand);
    const SmallVector<int> &dims = rule.operands[use->operand], &others = rule.operands[1 - use->operand];
    bool rowParallel = false;
    std::optional<int64_t> column;
    int64_t longest = 0; // of a weight with several columns: q, k and v have their own
    // Heads, where they are columns, or nothing: features of a head would be summed in each attention.
    auto heads = func.getArgAttrOfType<IntegerAttr>(use->param.getArgNumber(), kHeadsAttr);
    auto isColumn = [&](int64_t dim) {
      return dims[dim] != kWhole && !rule.factors[dims[dim]].reduces && !llvm::is_contained(others, dims[dim]) &&
             traceDim(weight, dim) == heads.getInt();
    };
    if (heads && llvm::none_of(llvm::seq<int64_t>(0, dims.size()), isColumn))
      heads = {};
    for (auto [dim, f] : llvm::enumerate(dims)) {
      if (f == kWhole)
        continue;
      auto other = llvm::find(others, f);
      if (rule.factors[f].reduces)
        rowParallel |=
            other != others.end() && llvm::is_contained(propagation.wanted(activation)[other - others.begin()], axis);
      else if (other == others.end() && rule.factors[f].size >= members && rule.factors[f].size > longest)
        if (std::optional<int64_t> traced = traceDim(weight, dim); traced && (!heads || *traced == heads.getInt())) {
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

unsigned seedSequence(func::FuncOp func, MeshAttr mesh, Propagation &propagation) {
  MLIRContext *context = func.getContext();
  auto axis = StringAttr::get(context, "tensor"), samples = StringAttr::get(context, "batch");
  Propagation batch(func, MeshAttr::get(context, {samples}, {1}));
  for (BlockArgument arg : func.getArguments())
    if (func.getArgAttr(arg.getArgNumber(), "llcc.batched") && !batch.wanted(arg).empty()) {
      SmallVector<Axes> dims(batch.wanted(arg).size());
      dims[0].push_back(samples);
      batch.seed(arg, dims, /*closed=*/true);
    }
  batch.run();
  propagation.run();
  unsigned seeded = 0;
  for (Operation &op : func.getBody().front()) {
    std::optional<WeightUse> use = getWeightUse(&op, func);
    if (!use || !isa<DotOp>(op))
      continue;
    const ShardingRule &rule = propagation.rule(&op);
    const SmallVector<int> &weight = rule.operands[use->operand];
    ArrayRef<Axes> cuts = propagation.wanted(op.getOperand(use->operand));
    bool rowParallel = false;
    for (auto [f, axes] : llvm::zip(weight, cuts))
      rowParallel |= f != kWhole && rule.factors[f].reduces && llvm::is_contained(axes, axis);
    Value result = op.getResult(0);
    Placement have = propagation.placement(result);
    if (!rowParallel)
      continue;
    if (have.cuts(axis)) { // as the user placed something else
      op.setAttr(kSeedAttr, have.toAttr(context, mesh));
      ++seeded;
      continue;
    }
    std::optional<int64_t> longest;
    auto shape = cast<RankedTensorType>(result.getType()).getShape();
    for (auto [dim, f] : llvm::enumerate(rule.results[0]))
      if (!llvm::is_contained(weight, f) && have.dims[dim].empty() && batch.wanted(result)[dim].empty() &&
          shape[dim] >= mesh.getSize("tensor") && (!longest || shape[dim] > shape[*longest]))
        longest = dim;
    if (!longest)
      continue;
    have.dims[*longest].push_back(axis);
    op.setAttr(kSeedAttr, have.toAttr(context, mesh));
    propagation.seed(result, have.dims, /*closed=*/false);
    ++seeded;
  }
  propagation.run();
  return seeded;
}

} // namespace mlir::llcc
