// Gives every tensor of @gradients and @update a placement, from seeds, by factor rules, to a fixpoint. Runs after
// llcc-seed-sharding. Placements stand in `llcc.sharding` attributes (on arguments, results and ops), not yet in types:
// two operands of one arith op may have different ones until llcc-insert-reshards, and arith demands equal types.
//
//   %y = llcc.dot %x, %w …                    where %x has [["data"], ["tensor"]], %w has [["tensor"], []]
//     ⇒ %y = llcc.dot %x, %w … {llcc.sharding = #llcc.sharding<[["data"], []], partial = ["tensor"]>}
#include "passes/shard/Passes.h"
#include "passes/shard/UserSeeds.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PROPAGATESHARDINGPASS
#include "passes/shard/Passes.h.inc"

namespace {

using Placed = llvm::MapVector<Value, Placement>;

struct PropagateShardingPass : impl::PropagateShardingPassBase<PropagateShardingPass> {
  using PropagateShardingPassBase::PropagateShardingPassBase;

  llvm::StringMap<Placement> params, gradients; // what @update inherits from @gradients, by parameter name

  void runOnOperation() override {
    ModuleOp module = getOperation();
    params.clear();
    gradients.clear();
    FailureOr<MeshAttr> mesh = getMesh(module);
    if (failed(mesh))
      return signalPassFailure();
    if (zero < 0 || zero > 1) {
      module.emitError("zero=") << zero.getValue() << " is not supported, needs 0 or 1";
      return signalPassFailure();
    }
    FailureOr<func::FuncOp> forwardBackward = getStepFunction(module, "gradients");
    if (failed(forwardBackward))
      return signalPassFailure();
    FailureOr<func::FuncOp> update = getStepFunction(module, "update");
    if (failed(update))
      return signalPassFailure();
    if (failed(placeGradients(*forwardBackward, *mesh)) || failed(placeUpdate(*update, *mesh)))
      signalPassFailure();
  }

  LogicalResult placeGradients(func::FuncOp func, MeshAttr mesh) {
    FailureOr<SmallVector<std::optional<Placement>>> seeds = readSeeds(func, mesh);
    if (failed(seeds))
      return failure();
    splitFreeOps(func);
    Propagation propagation(func, mesh);
    seedByPriority(func, propagation, *seeds);
    propagation.run();
    // Running statistics, which no op of @gradients reads, lie like what is added to them.
    for (OpOperand &use : func.getBody().front().getTerminator()->getOpOperands())
      if (auto name = func.getResultAttrOfType<StringAttr>(use.getOperandNumber(), "llcc.gradient"))
        for (BlockArgument arg : func.getArguments())
          if (unsigned i = arg.getArgNumber(); !(*seeds)[i] && func.getArgAttr(i, "llcc.decay") &&
                                               func.getArgAttr(i, "llcc.param") == name && arg.use_empty())
            propagation.seed(arg, propagation.wanted(use.get()), /*closed=*/false);
    for (BlockArgument arg : func.getArguments()) {
      Placement placement = propagation.placement(arg);
      propagation.seed(arg, placement.dims, /*closed=*/true); // what follows places no argument any more
      if (auto name = func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.param"))
        params[name] = placement;
    }

    // A gradient would like to be cut as its parameter is, where nothing says otherwise.
    Operation *ret = func.getBody().front().getTerminator();
    auto gradientOf = [&](unsigned i) { return func.getResultAttrOfType<StringAttr>(i, "llcc.gradient"); };
    for (OpOperand &use : ret->getOpOperands()) {
      StringAttr name = gradientOf(use.getOperandNumber());
      auto param = name ? params.find(name) : params.end();
      if (param != params.end() && param->second.dims.size() == propagation.wanted(use.get()).size())
        propagation.seed(use.get(), param->second.dims, /*closed=*/false);
    }
    propagation.run();

    // Gradients stay pending over the microbatches; the loss and captures do not.
    Placed placed =
        propagation.finish([&](OpOperand &use) { return use.getOwner() == ret && gradientOf(use.getOperandNumber()); });
    record(func, mesh, propagation, placed);
    for (OpOperand &use : ret->getOpOperands()) {
      unsigned i = use.getOperandNumber();
      Placement result = gradientOf(i) ? placed[use.get()] : placed[use.get()].resolved();
      if (StringAttr name = gradientOf(i))
        gradients[name] = result;
      func.setResultAttr(i, kShardingAttr, result.toAttr(&getContext(), mesh));
    }
    return success();
  }

  /// The placement of what belongs to parameter `name`: the parameter's, for all that has its rank.
  Placement ofParam(StringRef name, Type type) {
    int64_t rank = isa<RankedTensorType>(type) ? cast<RankedTensorType>(type).getRank() : 0;
    auto param = params.find(name);
    return param != params.end() && int64_t(param->second.dims.size()) == rank ? param->second : Placement::whole(rank);
  }

  /// ZeRO-1 (Rajbhandari et al. 2020): optimizer state is cut over `data` too, along its longest whole dimension. The
  /// parts of the update that touch state follow by propagation; the parameter is gathered again when it is returned.
  Placement cutState(Placement placement, Type type, MeshAttr mesh) {
    auto axis = StringAttr::get(&getContext(), "data");
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (zero < 1 || mesh.getSize("data") < 2 || !tensor || placement.cuts(axis))
      return placement;
    int64_t longest = -1;
    for (int64_t dim = 0; dim < tensor.getRank(); ++dim)
      if (placement.dims[dim].empty() && tensor.getDimSize(dim) >= mesh.getSize("data") &&
          (longest < 0 || tensor.getDimSize(dim) > tensor.getDimSize(longest)))
        longest = dim;
    if (longest >= 0)
      placement.dims[longest].push_back(axis);
    return placement;
  }

  LogicalResult placeUpdate(func::FuncOp func, MeshAttr mesh) {
    splitFreeOps(func);
    Propagation propagation(func, mesh);
    SmallVector<Placement> actual;
    for (BlockArgument arg : func.getArguments()) {
      unsigned i = arg.getArgNumber();
      StringRef name;
      if (auto param = func.getArgAttrOfType<StringAttr>(i, "llcc.param"))
        name = param;
      else if (auto state = func.getArgAttrOfType<StringAttr>(i, "llcc.state"))
        name = state.getValue().split(':').second;
      auto gradient = func.getArgAttrOfType<StringAttr>(i, "llcc.gradient");
      if (gradient)
        name = gradient;
      // A gradient comes as @gradients returns it, and is made to lie like its parameter before anything else is done.
      Placement placement = ofParam(name, arg.getType());
      if (func.getArgAttr(i, "llcc.state"))
        placement = cutState(placement, arg.getType(), mesh);
      propagation.seed(arg, placement.dims, /*closed=*/true);
      if (gradient && !gradients.count(gradient))
        return func.emitError() << describeArgument(func, i) << " is not returned by @gradients";
      actual.push_back(gradient ? gradients[gradient] : placement);
    }
    propagation.run();
    Placed placed = propagation.finish([](OpOperand &) { return false; });
    record(func, mesh, propagation, placed);
    for (auto [i, placement] : llvm::enumerate(actual))
      if (isa<RankedTensorType>(func.getArgument(i).getType()))
        func.setArgAttr(i, kShardingAttr, placement.toAttr(&getContext(), mesh));

    for (unsigned i = 0; i < func.getNumResults(); ++i) {
      StringRef name;
      if (auto param = func.getResultAttrOfType<StringAttr>(i, "llcc.param"))
        name = param;
      else if (auto state = func.getResultAttrOfType<StringAttr>(i, "llcc.state"))
        name = state.getValue().split(':').second;
      Placement placement = ofParam(name, func.getResultTypes()[i]);
      if (func.getResultAttr(i, "llcc.state"))
        placement = cutState(placement, func.getResultTypes()[i], mesh);
      func.setResultAttr(i, kShardingAttr, placement.toAttr(&getContext(), mesh));
    }
    return success();
  }

  /// Writes placements down as attributes of arguments and ops.
  void record(func::FuncOp func, MeshAttr mesh, const Propagation &propagation, Placed &placed) {
    for (BlockArgument arg : func.getArguments())
      if (isa<RankedTensorType>(arg.getType()))
        func.setArgAttr(arg.getArgNumber(), kShardingAttr, placed[arg].toAttr(&getContext(), mesh));
    for (Operation &op : func.getBody().front()) {
      if (op.getNumResults() == 1 && isa<RankedTensorType>(op.getResult(0).getType()))
        op.setAttr(kShardingAttr, placed[op.getResult(0)].toAttr(&getContext(), mesh));
      if (op.getNumResults() > 1) { // one for each result
        SmallVector<Attribute> placements;
        for (Value result : op.getResults())
          placements.push_back(placed[result].toAttr(&getContext(), mesh));
        op.setAttr(kShardingAttr, ArrayAttr::get(&getContext(), placements));
      }
      if (!explain)
        continue;
      for (Value result : op.getResults()) {
        Placement want = propagation.placement(result);
        if (want.dims != placed[result].dims)
          mlir::emitRemark(op.getLoc()) << describeOp(&op) << ": runs as " << placed[result].toAttr(&getContext(), mesh)
                                        << ", its neighbours would have it " << want.toAttr(&getContext(), mesh);
      }
    }
  }
};
} // namespace
} // namespace mlir::llcc
