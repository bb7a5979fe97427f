// Arithmetic of placements: merging axes into factors, and back to operands and results.
#include "passes/shard/Placement.h"
#include "compiler/ir/Provenance.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {

bool Placement::cuts(StringAttr axis) const {
  return llvm::any_of(dims, [&](const Axes &axes) { return llvm::is_contained(axes, axis); });
}

bool Placement::uses(StringAttr axis) const { return cuts(axis) || llvm::is_contained(partial, axis); }

Placement Placement::get(ShardingAttr attr) {
  Placement placement = whole(attr.getDims().size());
  for (auto [dim, axes] : llvm::enumerate(placement.dims))
    axes.append(attr.getAxes(dim));
  placement.partial.append(attr.getPartial().begin(), attr.getPartial().end());
  if (attr.isPartial())
    placement.kind = attr.getKind();
  return placement;
}

ShardingAttr Placement::toAttr(MLIRContext *context, MeshAttr mesh) const {
  SmallVector<ArrayAttr> lists;
  for (const Axes &axes : dims)
    lists.push_back(ArrayAttr::get(context, SmallVector<Attribute>(axes.begin(), axes.end())));
  Axes pending, invariant;
  for (StringAttr axis : mesh.getAxes()) {
    if (llvm::is_contained(partial, axis))
      pending.push_back(axis);
    else if (!cuts(axis) && axis.getValue() != kPipelineAxis)
      invariant.push_back(axis);
  }
  return ShardingAttr::get(context, lists, pending, pending.empty() ? ReduceKind::Sum : kind, invariant);
}

bool mergeFactors(const ShardingRule &rule, ArrayRef<int> factors, ArrayRef<Axes> dims, MeshAttr mesh,
                  FactorAxes &chosen, const AxisLoops *loops) {
  bool fits = true;
  for (auto [f, axes] : llvm::zip(factors, dims)) {
    if (axes.empty())
      continue;
    if (f == kWhole) {
      fits = false;
      continue;
    }
    Axes &have = chosen[f];
    size_t common = std::min(have.size(), axes.size());
    if (!std::equal(have.begin(), have.begin() + common, axes.begin())) {
      fits = false;
      continue;
    }
    for (StringAttr axis : ArrayRef(axes).drop_front(common)) {
      bool taken = llvm::any_of(chosen, [&](const Axes &other) { return llvm::is_contained(other, axis); });
      bool rest =
          rule.factors[f].even && rule.factors[f].size % (mesh.getSize(have) * mesh.getSize(axis.getValue())) != 0;
      auto elected = loops ? loops->find(axis) : AxisLoops::const_iterator();
      bool elsewhere = loops && elected != loops->end() && elected->second != f;
      if (taken || rest || elsewhere) {
        fits = false;
        break;
      }
      have.push_back(axis);
    }
  }
  return fits;
}

SmallVector<Axes> projectFactors(ArrayRef<int> factors, const FactorAxes &chosen) {
  SmallVector<Axes> dims;
  for (int f : factors)
    dims.push_back(f == kWhole ? Axes() : chosen[f]);
  return dims;
}

/// Which loop each axis cuts: the one along which most tensors of the op have it, of several the first.
/// A table of an embedding and its gradient stay where they are: they count more than what is read or added.
static AxisLoops electLoops(Operation *op, const ShardingRule &rule, ArrayRef<Placement> operands,
                            ArrayRef<Placement> results) {
  llvm::MapVector<StringAttr, llvm::MapVector<int, int>> votes;
  auto count = [&](ArrayRef<SmallVector<int>> tensors, ArrayRef<Placement> placements, int weight) {
    for (auto [factors, placement] : llvm::zip(tensors, placements))
      for (auto [f, axes] : llvm::zip(factors, placement.dims))
        for (StringAttr axis : axes)
          if (f != kWhole)
            votes[axis][f] += weight;
  };
  if (isa<GatherOp>(op))
    count(ArrayRef(rule.operands).take_front(), operands.take_front(), 2);
  if (isa<ScatterAddOp>(op))
    count(rule.results, results, 2);
  count(rule.operands, operands, 1);
  count(rule.results, results, 1);
  AxisLoops loops;
  for (auto &[axis, counts] : votes)
    loops[axis] = llvm::max_element(counts, [](auto &a, auto &b) { return a.second < b.second; })->first;
  if (auto along = op->getAttrOfType<DictionaryAttr>(kAlongAttr))
    for (NamedAttribute entry : along)
      if (auto factor = dyn_cast<IntegerAttr>(entry.getValue()); factor && loops.contains(entry.getName()))
        loops[entry.getName()] = factor.getInt();
  return loops;
}

/// Axes of each loop, and by that of operands and results.
static FactorAxes chooseLoops(Operation *op, const ShardingRule &rule, ArrayRef<Placement> operands,
                              ArrayRef<Placement> results, MeshAttr mesh) {
  FactorAxes chosen(rule.factors.size());
  const AxisLoops loops = electLoops(op, rule, operands, results);
  for (auto [factors, placement] : llvm::zip(rule.operands, operands))
    mergeFactors(rule, factors, placement.dims, mesh, chosen, &loops);
  for (auto [factors, placement] : llvm::zip(rule.results, results))
    mergeFactors(rule, factors, placement.dims, mesh, chosen, &loops);
  return chosen;
}

OpPlacement placeOp(Operation *op, const ShardingRule &rule, ArrayRef<Placement> operands, ArrayRef<Placement> results,
                    MeshAttr mesh) {
  // A wish of a result that does not come true may have decided an election: asked again with what the results get, the
  // op must run the same way. Without wishes it does, as what is elected only gains votes.
  auto resultsOf = [&](const FactorAxes &chosen) {
    SmallVector<Placement> placed;
    for (const SmallVector<int> &factors : rule.results)
      placed.push_back({projectFactors(factors, chosen), {}});
    return placed;
  };
  SmallVector<Placement> wishes(results);
  // What waits is not scattered yet: several summands are one collective when they are added first.
  if (!operands.empty() && !operands[0].partial.empty() && carriesPartial(op, operands[0].kind) &&
      llvm::all_equal(llvm::map_range(operands, [](const Placement &o) { return ArrayRef<StringAttr>(o.partial); })))
    for (Placement &wish : wishes)
      for (Axes &axes : wish.dims)
        axes.truncate(
            llvm::find_if(axes, [&](StringAttr axis) { return llvm::is_contained(operands[0].partial, axis); }) -
            axes.begin());
  FactorAxes chosen = chooseLoops(op, rule, operands, wishes, mesh);
  auto settled = [&]() {
    SmallVector<Placement> got = resultsOf(chosen);
    bool same = llvm::all_of(llvm::zip(got, wishes),
                             [](auto pair) { return std::get<0>(pair).dims == std::get<1>(pair).dims; });
    wishes = std::move(got);
    return same;
  };
  for (int round = 0; round < 3 && !settled(); ++round)
    chosen = chooseLoops(op, rule, operands, wishes, mesh);
  if (!settled()) {
    SmallVector<Placement> none;
    for (const SmallVector<int> &factors : rule.results)
      none.push_back(Placement::whole(factors.size()));
    chosen = chooseLoops(op, rule, operands, none, mesh);
  }

  Placement given; // what is pending on the results
  for (auto [factor, axes] : llvm::zip(rule.factors, chosen)) {
    if (!factor.reduces || axes.empty())
      continue;
    given.partial.append(axes);
    given.kind = factor.reduce;
  }
  // One pending kind only, and an axis that waits must not cut the op.
  auto carried = [&]() -> Axes {
    if (operands.empty() || operands[0].partial.empty() || !carriesPartial(op, operands[0].kind))
      return {};
    for (const Placement &operand : operands)
      if (operand.partial != operands[0].partial || operand.kind != operands[0].kind)
        return {};
    for (const Axes &axes : chosen)
      for (StringAttr axis : axes)
        if (llvm::is_contained(operands[0].partial, axis))
          return {};
    return operands[0].partial;
  }();
  if (!carried.empty()) {
    given.kind = operands[0].kind;
    given.partial.append(carried);
  }
  llvm::sort(given.partial, [&](StringAttr a, StringAttr b) {
    return mesh.getPosition(a.getValue()) < mesh.getPosition(b.getValue());
  });

  OpPlacement placed;
  for (const SmallVector<int> &factors : rule.operands)
    placed.operands.push_back({projectFactors(factors, chosen), carried, given.kind});
  for (const SmallVector<int> &factors : rule.results)
    placed.results.push_back({projectFactors(factors, chosen), given.partial, given.kind});
  return placed;
}

std::string describeOp(Operation *op) {
  StringRef node = nodeOf(op->getLoc());
  std::string kind = op->getName().getStringRef().str();
  return node.empty() ? kind : "node \"" + node.str() + "\" (" + kind + ")";
}

FailureOr<MeshAttr> getMesh(ModuleOp module) {
  auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
  if (!mesh)
    return module.emitError("module has no mesh, needs the attribute llcc.mesh = #llcc.mesh<[axes], [sizes]>"),
           failure();
  return mesh;
}

FailureOr<func::FuncOp> getStepFunction(ModuleOp module, StringRef name) {
  auto func = module.lookupSymbol<func::FuncOp>(name);
  if (!func)
    return module.emitError("module has no function @") << name << ", needs the train stage before the shard stage",
           failure();
  if (!func.getBody().hasOneBlock())
    return func.emitError("@") << name << " has " << func.getBody().getBlocks().size() << " blocks, needs one",
           failure();
  return func;
}

} // namespace mlir::llcc
