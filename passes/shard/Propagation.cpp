// The fixpoint of cuts along factors, then the placements that the ops compute.
#include "passes/shard/Propagation.h"

namespace mlir::llcc {

static int64_t rankOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : 0;
}

Propagation::Propagation(func::FuncOp func, MeshAttr mesh) : func(func), mesh(mesh) {
  Block &body = func.getBody().front();
  for (Value arg : body.getArguments())
    cuts[arg].resize(rankOf(arg));
  for (Operation &op : body) {
    rules[&op] = getShardingRule(&op);
    for (Value result : op.getResults())
      cuts[result].resize(rankOf(result));
  }
}

void Propagation::seed(Value value, ArrayRef<Axes> dims, bool close, ArrayRef<int64_t> open) {
  SmallVector<Axes> &have = cuts[value];
  for (auto [dim, axes] : llvm::enumerate(dims))
    if (have[dim].size() < axes.size())
      have[dim] = axes;
  // What earlier seeds would have brought to a closed dimension does not stay.
  for (auto [dim, axes] : llvm::enumerate(dims))
    if (close && !llvm::is_contained(open, int64_t(dim)))
      have[dim] = axes;
  for (int64_t dim : open)
    llvm::erase_if(have[dim], [&](StringAttr axis) {
      return !llvm::is_contained(dims[dim], axis) && Placement{SmallVector<Axes>(dims), {}}.cuts(axis);
    });
  if (close)
    closed[value] = SmallVector<int64_t, 2>(open);
  if (Operation *op = value.getDefiningOp())
    worklist.insert(op);
  for (Operation *user : value.getUsers())
    worklist.insert(user);
}

ArrayRef<Axes> Propagation::wanted(Value value) const { return cuts.find(value)->second; }

/// Merges all tensors of `op` into factors and gives each open one what it lacks. Wakes the neighbours of what changed.
bool Propagation::visit(Operation *op) {
  const ShardingRule &rule = rules[op];
  FactorAxes chosen(rule.factors.size());
  for (auto [value, factors] : llvm::zip(op->getOperands(), rule.operands))
    mergeFactors(rule, factors, cuts[value], mesh, chosen);
  for (auto [value, factors] : llvm::zip(op->getResults(), rule.results))
    mergeFactors(rule, factors, cuts[value], mesh, chosen);

  bool changed = false;
  auto give = [&](Value value, ArrayRef<int> factors) {
    auto close = closed.find(value);
    if (close != closed.end() && close->second.empty())
      return;
    SmallVector<Axes> &have = cuts[value];
    bool grown = false;
    for (auto [dim, f] : llvm::enumerate(factors)) {
      if (close != closed.end() && !llvm::is_contained(close->second, int64_t(dim)))
        continue;
      if (f == kWhole || chosen[f].size() <= have[dim].size() ||
          !std::equal(have[dim].begin(), have[dim].end(), chosen[f].begin()))
        continue;
      for (StringAttr axis : ArrayRef(chosen[f]).drop_front(have[dim].size())) {
        if (Placement{have, {}}.cuts(axis))
          break;
        have[dim].push_back(axis);
        grown = true;
      }
    }
    if (!grown)
      return;
    changed = true;
    if (Operation *def = value.getDefiningOp())
      worklist.insert(def);
    for (Operation *user : value.getUsers())
      worklist.insert(user);
  };
  for (auto [value, factors] : llvm::zip(op->getOperands(), rule.operands))
    give(value, factors);
  for (auto [value, factors] : llvm::zip(op->getResults(), rule.results))
    give(value, factors);
  return changed;
}

void Propagation::run() {
  // Rounds in insertion order; lists only grow, so this ends.
  while (!worklist.empty()) {
    SmallVector<Operation *> round = worklist.takeVector();
    llvm::sort(round, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    for (Operation *op : round)
      visit(op);
  }
}

llvm::MapVector<Value, Placement> Propagation::finish(function_ref<bool(OpOperand &)> takesPartial,
                                                      llvm::MapVector<Value, Placement> *scattered) {
  DenseSet<Value> whole; // resolved values that some user cannot take cut: scattering would gather them again
  // What users of a resolved value get.
  auto resolve = [&](Value value, const Placement &placement) {
    Placement result = placement.resolved();
    if (!scattered || whole.contains(value))
      return result;
    for (auto [have, want] : llvm::zip(result.dims, wanted(value)))
      if (want.size() > have.size() && std::equal(have.begin(), have.end(), want.begin()) &&
          llvm::all_of(ArrayRef(want).drop_front(have.size()),
                       [&](StringAttr axis) { return llvm::is_contained(placement.partial, axis); }))
        have = want;
    return result;
  };
  DenseSet<Value> resolved; // partial values that some user needs whole
  while (true) {
    llvm::MapVector<Value, Placement> placed;
    size_t before = resolved.size();
    SmallVector<Value> notCut; // values that `whole` lacks
    for (Value arg : func.getArguments())
      placed[arg] = placement(arg);
    for (Operation &op : func.getBody().front()) {
      SmallVector<Placement> operands, results;
      for (Value v : op.getOperands())
        operands.push_back(resolved.contains(v) ? resolve(v, placed[v]) : placed[v]);
      for (Value v : op.getResults())
        results.push_back(placement(v));
      OpPlacement here = placeOp(&op, rule(&op), operands, results, mesh);
      for (OpOperand &use : op.getOpOperands()) {
        const Placement &have = operands[use.getOperandNumber()];
        bool waits = op.getNumResults() ? !here.operands[use.getOperandNumber()].partial.empty() : takesPartial(use);
        if (!have.partial.empty() && !waits)
          resolved.insert(use.get());
        const Placement &need = op.getNumResults() ? here.operands[use.getOperandNumber()] : have;
        if (have.partial.empty() && resolved.contains(use.get()) &&
            llvm::any_of(placed[use.get()].partial,
                         [&](StringAttr axis) { return have.cuts(axis) && !need.cuts(axis); }))
          notCut.push_back(use.get());
      }
      for (auto [value, placement] : llvm::zip(op.getResults(), here.results))
        placed[value] = placement;
    }
    if (resolved.size() != before)
      continue;
    if (!notCut.empty()) { // only now, as operands that are still pending need other things
      whole.insert(notCut.begin(), notCut.end());
      continue;
    }
    for (auto &[value, placement] : placed)
      if (scattered && resolved.contains(value) && resolve(value, placement).dims != placement.dims)
        (*scattered)[value] = resolve(value, placement);
    return placed;
  }
}

FailureOr<SmallVector<Placement>> getNeeds(Operation *op, function_ref<Placement(Value)> have, MeshAttr mesh,
                                           SmallVector<Placement> &given) {
  SmallVector<Placement> operands, results;
  for (Value v : op->getResults())
    results.push_back(have(v));
  for (Value v : op->getOperands()) {
    operands.push_back(have(v));
    bool waits = llvm::all_of(operands.back().partial, [&](StringAttr axis) {
      return !results.empty() && llvm::is_contained(results[0].partial, axis);
    });
    if (!waits)
      operands.back() = operands.back().resolved();
  }
  OpPlacement placed = placeOp(op, getShardingRule(op), operands, results, mesh);
  given = placed.results;
  if (given != results)
    return failure();
  return placed.operands;
}

void splitFreeOps(func::FuncOp func) {
  // Users first, so that the operands of a cloned broadcast are cloned with it.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front()))) {
    if (!isFree(&op) || op.getNumResults() != 1)
      continue;
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : op.getResult(0).getUses())
      uses.push_back(&use);
    OpBuilder builder(&op);
    builder.setInsertionPointAfter(&op);
    for (OpOperand *use : ArrayRef(uses).drop_front(uses.empty() ? 0 : 1))
      use->set(builder.clone(op)->getResult(0));
  }
}

std::string describeArgument(func::FuncOp func, unsigned i) {
  for (StringRef key : {"llcc.param", "llcc.input", "llcc.label", "llcc.state", "llcc.gradient", "llcc.scalar"})
    if (auto name = func.getArgAttrOfType<StringAttr>(i, key))
      return key.drop_front(5).str() + " \"" + name.str() + "\"";
  return "argument #" + std::to_string(i);
}

FailureOr<SmallVector<std::optional<Placement>>> readSeeds(func::FuncOp func, MeshAttr mesh) {
  SmallVector<std::optional<Placement>> seeds(func.getNumArguments());
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto attr = func.getArgAttrOfType<ShardingAttr>(i, kShardingAttr);
    if (!attr)
      continue;
    auto type = dyn_cast<RankedTensorType>(func.getArgument(i).getType());
    auto error = [&]() { return func.emitError() << describeArgument(func, i) << ": sharding "; };
    if (!type || type.getRank() != int64_t(attr.getDims().size()))
      return error() << "has " << attr.getDims().size() << " dimensions, the argument has type "
                     << func.getArgument(i).getType(),
             failure();
    if (attr.isPartial())
      return error() << "is partial, an argument that the user places is whole or cut", failure();
    Placement placement = Placement::get(attr);
    for (const Axes &axes : placement.dims)
      for (StringAttr axis : axes)
        if (mesh.getPosition(axis.getValue()) < 0 || axis.getValue() == kPipelineAxis)
          return error() << "names axis '" << axis.getValue() << "', the mesh to cut tensors over is " << mesh,
                 failure();
    seeds[i] = placement;
  }
  return seeds;
}

} // namespace mlir::llcc
