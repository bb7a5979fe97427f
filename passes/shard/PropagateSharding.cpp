// Gives every tensor of @gradients and @update a placement, from seeds, by factor rules, to a fixpoint. Runs after
// llcc-seed-sharding. Placements stand in `llcc.sharding` attributes (on arguments, results and ops), not yet in types:
// two operands of one arith op may have different ones until llcc-insert-reshards, and arith demands equal types.
//
//   %y = llcc.dot %x, %w …                    where %x has [["data"], ["tensor"]], %w has [["tensor"], []]
//     ⇒ %y = llcc.dot %x, %w … {llcc.sharding = #llcc.sharding<[["data"], []], partial = ["tensor"]>}
#include "passes/shard/Passes.h"
#include "passes/shard/UserSeeds.h"
#include "passes/shard/Zero.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PROPAGATESHARDINGPASS
#include "passes/shard/Passes.h.inc"

namespace {

using Placed = llvm::MapVector<Value, Placement>;

struct PropagateShardingPass : impl::PropagateShardingPassBase<PropagateShardingPass> {
  using PropagateShardingPassBase::PropagateShardingPassBase;

  // What @update inherits from @gradients, by parameter name: how a parameter is used, and what is returned for it;
  // where its gradient and state are cut to (ZeRO), and where it rests between steps.
  llvm::StringMap<Placement> params, gradients, blocks, resting;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto *map : {&params, &gradients, &blocks, &resting})
      map->clear();
    FailureOr<MeshAttr> mesh = getMesh(module);
    if (failed(mesh))
      return signalPassFailure();
    if (zero < 0 || zero > 3) {
      module.emitError("zero=") << zero.getValue() << " is no stage of ZeRO, needs 0, 1, 2 or 3";
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
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      for (StringRef used : {StringRef(kPriorityAttr), StringRef(kOpenAttr), StringRef("llcc.shards"),
                             StringRef("llcc.shard_of_device")})
        func.removeArgAttr(i, used);
    for (Operation &op : func.getBody().front())
      if (auto seed = dyn_cast_or_null<ShardingAttr>(op.removeAttr(kSeedAttr))) {
        // An axis that it names leaves the dimension that it came to; everything else may come still.
        Placement placement = Placement::get(seed);
        auto all = llvm::to_vector(llvm::seq<int64_t>(0, placement.dims.size()));
        propagation.seed(op.getResult(0), placement.dims, /*closed=*/true, all);
      }
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
      if (auto name = func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.param")) {
        params[name] = placement;
        // Running statistics are small, and whole wherever they are read.
        bool cut = zero > 0 && !func.getArgAttr(arg.getArgNumber(), "llcc.decay");
        blocks[name] = cut ? cutOverData(placement, arg.getType(), mesh) : placement;
        resting[name] = zero == 3 ? blocks[name] : placement;
      }
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
    Placed scattered,
        placed = propagation.finish(
            [&](OpOperand &use) { return use.getOwner() == ret && gradientOf(use.getOperandNumber()); }, &scattered);
    record(func, mesh, propagation, placed);
    for (auto &[value, placement] : scattered) {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(value);
      auto scatter = ReshardOp::create(builder, value.getLoc(), value.getType(), value);
      scatter->setAttr(kShardingAttr, placement.toAttr(&getContext(), mesh));
      value.replaceUsesWithIf(scatter.getResult(),
                              [&](OpOperand &use) { return use.getOwner() != scatter && use.getOwner() != ret; });
    }
    insertFetches(
        func, mesh, [&](StringRef name) { return params[name]; }, [&](StringRef name) { return resting[name]; });
    auto microbatches = func->getParentOfType<ModuleOp>()->getAttrOfType<IntegerAttr>("llcc.microbatches");
    bool sumBlocks = zero >= 2 && microbatches && microbatches.getInt() > 1;
    for (OpOperand &use : ret->getOpOperands()) {
      unsigned i = use.getOperandNumber();
      Placement result = gradientOf(i) ? placed[use.get()] : placed[use.get()].resolved();
      if (StringAttr name = gradientOf(i)) {
        auto block = blocks.find(name);
        if (sumBlocks && block != blocks.end() && block->second != params[name])
          result = block->second;
        gradients[name] = result;
      }
      func.setResultAttr(i, kShardingAttr, result.toAttr(&getContext(), mesh));
    }
    return success();
  }

  /// The placement in `map` of what belongs to parameter `name`, for all that has its rank; other state is cut by
  /// itself.
  Placement ofParam(const llvm::StringMap<Placement> &map, StringRef name, Type type, MeshAttr mesh) {
    int64_t rank = isa<RankedTensorType>(type) ? cast<RankedTensorType>(type).getRank() : 0;
    auto param = map.find(name);
    if (param != map.end() && int64_t(param->second.dims.size()) == rank)
      return param->second;
    bool cut = zero > 0 && &map == &blocks && param != map.end();
    return cut ? cutOverData(Placement::whole(rank), type, mesh) : Placement::whole(rank);
  }

  LogicalResult placeUpdate(func::FuncOp func, MeshAttr mesh) {
    splitFreeOps(func);
    Propagation propagation(func, mesh);
    SmallVector<Placement> actual;
    for (BlockArgument arg : func.getArguments()) {
      unsigned i = arg.getArgNumber();
      auto param = func.getArgAttrOfType<StringAttr>(i, "llcc.param"),
           state = func.getArgAttrOfType<StringAttr>(i, "llcc.state"),
           gradient = func.getArgAttrOfType<StringAttr>(i, "llcc.gradient");
      StringRef name = gradient ? gradient.getValue()
                       : state  ? state.getValue().split(':').second
                       : param  ? param.getValue()
                                : StringRef();
      // A gradient comes as @gradients returns it, and is made to lie as the update wants it before anything else.
      Placement placement = ofParam(gradient || state ? blocks : resting, name, arg.getType(), mesh);
      propagation.seed(arg, placement.dims, /*closed=*/true);
      if (gradient && !gradients.count(gradient))
        return func.emitError() << describeArgument(func, i) << " is not returned by @gradients";
      actual.push_back(gradient ? gradients[gradient] : placement);
    }
    propagation.run();
    Placed placed = propagation.finish([](OpOperand &) { return false; });
    record(func, mesh, propagation, placed);
    OpBuilder builder(&getContext());
    builder.setInsertionPointToStart(&func.getBody().front());
    for (auto [i, placement] : llvm::enumerate(actual)) {
      BlockArgument arg = func.getArgument(i);
      if (!isa<RankedTensorType>(arg.getType()))
        continue;
      func.setArgAttr(i, kShardingAttr, placement.toAttr(&getContext(), mesh));
      if (placement == placed[arg] || arg.use_empty())
        continue;
      // The reduction of data parallelism: all-reduce, or with ZeRO reduce-scatter.
      auto aligned = ReshardOp::create(builder, arg.getLoc(), arg.getType(), arg);
      aligned->setAttr(kShardingAttr, placed[arg].toAttr(&getContext(), mesh));
      arg.replaceAllUsesExcept(aligned.getResult(), aligned);
    }

    for (unsigned i = 0; i < func.getNumResults(); ++i) {
      auto param = func.getResultAttrOfType<StringAttr>(i, "llcc.param"),
           state = func.getResultAttrOfType<StringAttr>(i, "llcc.state");
      StringRef name = state ? state.getValue().split(':').second : param ? param.getValue() : StringRef();
      Placement placement = ofParam(state ? blocks : resting, name, func.getResultTypes()[i], mesh);
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
