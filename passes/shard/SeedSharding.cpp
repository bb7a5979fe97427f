// Puts seeds on arguments as the strategy says: the batch over `data`, weights over `tensor`, sequences over `context`.
// Runs after the train stage, before llcc-propagate-sharding, which makes seeds into placements.
//
//   %x: tensor<64x784xf32> {llcc.input = "x", llcc.batched}
//     ⇒ %x: tensor<64x784xf32> {llcc.input = "x", llcc.batched, llcc.sharding = #llcc.sharding<[["data"], []]>}
#include "passes/shard/Context.h"
#include "passes/shard/Experts.h"
#include "passes/shard/Passes.h"
#include "passes/shard/UserSeeds.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SEEDSHARDINGPASS
#include "passes/shard/Passes.h.inc"

namespace {

struct SeedShardingPass : impl::SeedShardingPassBase<SeedShardingPass> {
  using SeedShardingPassBase::SeedShardingPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<MeshAttr> mesh = getMesh(module);
    if (failed(mesh))
      return signalPassFailure();
    FailureOr<func::FuncOp> func = getStepFunction(module, "gradients");
    if (failed(func) || failed(run(*func, *mesh)))
      signalPassFailure();
  }

  LogicalResult run(func::FuncOp func, MeshAttr mesh) {
    if (!llvm::is_contained({"", "single", "data", "tensor", "context", "spatial", "expert", "pipeline", "hybrid"},
                            StringRef(strategy)))
      return func.emitError("unknown strategy '")
             << strategy << "', needs data, tensor, context, spatial, expert, pipeline, hybrid or single";
    if (failed(applyUserSeeds(func, mesh, SmallVector<std::string>(shard.begin(), shard.end()))))
      return failure();
    applyShards(func, mesh);
    FailureOr<Seeds> seeds = readSeeds(func, mesh); // the user's win
    if (failed(seeds))
      return failure();
    splitFreeOps(
        func); // as llcc-propagate-sharding does: a mask that layers share would place the next layer's weights
    auto takes = [&](StringRef axis) {
      bool all = strategy.empty() || strategy == "hybrid";
      return mesh.getSize(axis) > 1 && (all || axis == StringRef(strategy));
    };
    bool contexts = takes(kContextAxis);
    SmallVector<StringRef> rows; // axes over which the batch is cut
    for (StringRef axis : {StringRef("data"), StringRef(kExpertAxis)})
      if (takes(axis))
        rows.push_back(axis);
    const Seeds users = *seeds;
    SmallVector<ScoresOp> attention;
    if (contexts)
      attention = keepKeysWhole(func);
    Propagation propagation(func, mesh);
    seedByPriority(func, propagation, *seeds);
    if (contexts && failed(cutContext(func, mesh, attention, propagation)))
      return failure();
    bool spatial = takes(kSpatialAxis);
    if (spatial && failed(checkPictures(func, mesh)))
      return failure();
    if (!rows.empty() || contexts || spatial)
      seedBatch(func, rows, propagation, *seeds, spatial);
    if (!rows.empty())
      warnShortBatches(func, mesh, *seeds);
    propagation.run();
    ExpertSeeds experts;
    if (takes(kExpertAxis)) {
      experts = seedExperts(func, mesh, propagation, *seeds);
      if (experts.weights.empty())
        return func.emitError("mesh axis 'expert' finds no stack of experts to cut over ")
               << mesh.getSize(kExpertAxis) << " devices: " << experts.without << "; use --strategy=data or tensor";
      for (const ExpertMove &move : explain ? ArrayRef(experts.moves) : ArrayRef<ExpertMove>())
        mlir::emitRemark(move.op->getLoc()) << describeOp(move.op) << ": " << move.text;
    }
    if (takes("tensor") && !seedWeights(func, mesh, propagation, *seeds)) {
      int64_t members = mesh.getSize("tensor");
      return func.emitError("strategy 'tensor' finds no contraction or convolution to cut over ")
             << members << " devices: no trainable weight has an output dimension of at least " << members
             << "; use fewer devices or --strategy=data";
    }
    if (sequenceParallel && failed(cutSequences(func, mesh, propagation)))
      return failure();
    for (BlockArgument arg : experts.weights) // with what tensor parallelism added
      if (auto &seed = (*seeds)[arg.getArgNumber()]; !seed)
        seed = propagation.placement(arg);
    for (auto [i, seed] : llvm::enumerate(*seeds))
      if (seed)
        func.setArgAttr(i, kShardingAttr, seed->toAttr(&getContext(), mesh));
    // Tokens go everywhere before experts are cut, in llcc-propagate-sharding as here.
    for (unsigned i = 0; !experts.weights.empty() && i < seeds->size(); ++i)
      if ((*seeds)[i] && !users[i] && func.getArgAttr(i, "llcc.batched"))
        func.setArgAttr(i, kPriorityAttr, Builder(&getContext()).getI64IntegerAttr(INT64_MAX - 1));
    for (StringAttr axis : mesh.getAxes()) {
      bool used = llvm::any_of(func.getArguments(), [&](Value arg) { return propagation.placement(arg).cuts(axis); });
      used |= contexts && axis.getValue() == kContextAxis; // of a picture's patches no argument is cut
      if (!used && mesh.getSize(axis.getValue()) > 1 && axis.getValue() != kPipelineAxis)
        func.emitWarning("mesh axis '") << axis.getValue() << "' cuts no argument: its "
                                        << mesh.getSize(axis.getValue())
                                        << " members compute the same; choose another mesh or strategy";
    }
    return success();
  }

  LogicalResult checkPictures(func::FuncOp func, MeshAttr mesh) {
    SmallVector<BlockArgument> pictures = getPictures(func);
    int64_t members = mesh.getSize(kSpatialAxis);
    if (pictures.empty())
      return func.emitError(
          "spatial parallelism cuts pictures over mesh axis 'spatial', no input of the batch goes into a "
          "convolution; use --strategy=data, tensor or pipeline");
    for (BlockArgument picture : pictures)
      if (int64_t rows = cast<RankedTensorType>(picture.getType()).getDimSize(2); rows % members != 0)
        return func.emitError() << describeArgument(func, picture.getArgNumber()) << ": " << rows
                                << " rows cannot be cut into " << members
                                << " equal blocks along mesh axis 'spatial'; choose a divisor, or --strategy=data";
    return success();
  }

  LogicalResult cutContext(func::FuncOp func, MeshAttr mesh, ArrayRef<ScoresOp> attention, Propagation &propagation) {
    int64_t members = mesh.getSize(kContextAxis), longest = seedContext(func, mesh, attention, propagation);
    if (longest == 0)
      return func.emitError(
          "context parallelism cuts sequences of tokens over mesh axis 'context', the model has none: no "
          "attention (a softmax over a product of two activations) and no embedding of ids without a "
          "recurrence; use --strategy=data, tensor or pipeline");
    if (longest < members)
      return func.emitError("context parallelism has ")
             << members << " devices for a sequence of " << longest
             << ", needs a token for each; use fewer devices along 'context', or --strategy=data or tensor";
    return success();
  }

  LogicalResult cutSequences(func::FuncOp func, MeshAttr mesh, Propagation &propagation) {
    if (mesh.getSize("tensor") < 2)
      return func.emitError("sequence parallelism cuts activations over mesh axis 'tensor', the mesh is ")
             << mesh << "; use --strategy=tensor or hybrid, or --mesh=tensor=N";
    if (seedSequence(func, mesh, propagation) == 0)
      func.emitWarning("sequence parallelism has no effect: no result of a row-parallel product has a dimension of at "
                       "least ")
          << mesh.getSize("tensor") << " beside batch and features";
    return success();
  }

  void warnShortBatches(func::FuncOp func, MeshAttr mesh, const Seeds &seeds) {
    for (auto [i, seed] : llvm::enumerate(seeds)) {
      if (!seed || seed->dims.empty() || !func.getArgAttr(i, "llcc.batched") || seed->dims[0].empty())
        continue;
      int64_t batch = cast<RankedTensorType>(func.getArgument(i).getType()).getDimSize(0);
      if (batch >= mesh.getSize(seed->dims[0]))
        continue;
      std::string axes;
      for (StringAttr axis : seed->dims[0])
        axes += (axes.empty() ? "'" : " and '") + axis.str() + "'";
      func.emitWarning() << describeArgument(func, i) << " has a batch of " << batch << ", mesh axis " << axes
                         << " has " << mesh.getSize(seed->dims[0]) << " members: some of them compute on padding only";
    }
  }
};
} // namespace
} // namespace mlir::llcc
