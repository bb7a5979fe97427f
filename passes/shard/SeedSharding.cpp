// Puts seeds on arguments as the strategy says: the batch over `data`, weights over `tensor`. Runs after the train
// stage, before llcc-propagate-sharding, which makes seeds into placements.
//
//   %x: tensor<64x784xf32> {llcc.input = "x", llcc.batched}
//     ⇒ %x: tensor<64x784xf32> {llcc.input = "x", llcc.batched, llcc.sharding = #llcc.sharding<[["data"], []]>}
#include "compiler/ir/Provenance.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Propagation.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SEEDSHARDINGPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// A dimension of a parameter argument that a dimension of an operand is, seen through casts, transposes and reshapes.
struct ParamDim {
  BlockArgument param;
  int64_t dim;
};

std::optional<BlockArgument> trainableParam(Value value, func::FuncOp func) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<ReshapeOp, TransposeOp, arith::TruncFOp, arith::ExtFOp>(op))
      return std::nullopt;
    value = op->getOperand(0);
  }
  auto arg = cast<BlockArgument>(value);
  if (!func.getArgAttr(arg.getArgNumber(), "llcc.param") || !func.getArgAttr(arg.getArgNumber(), "llcc.trainable"))
    return std::nullopt;
  return arg;
}

std::optional<ParamDim> traceDim(Value value, int64_t dim) {
  while (Operation *op = value.getDefiningOp()) {
    ShardingRule rule = getShardingRule(op);
    int factor = rule.results[0][dim];
    auto at = factor == kWhole ? rule.operands[0].end() : llvm::find(rule.operands[0], factor);
    if (at == rule.operands[0].end())
      return std::nullopt;
    dim = at - rule.operands[0].begin();
    value = op->getOperand(0);
  }
  return ParamDim{cast<BlockArgument>(value), dim};
}

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
    if (!llvm::is_contained({"", "single", "data", "tensor", "pipeline", "hybrid"}, StringRef(strategy)))
      return func.emitError("unknown strategy '") << strategy << "', needs data, tensor, pipeline, hybrid or single";
    FailureOr<SmallVector<std::optional<Placement>>> seeds = readSeeds(func, mesh);
    if (failed(seeds))
      return failure();
    Propagation propagation(func, mesh);
    for (auto [arg, seed] : llvm::zip(func.getArguments(), *seeds))
      if (seed)
        propagation.seed(arg, seed->dims, /*closed=*/true);
    auto takes = [&](StringRef axis) {
      bool all = strategy.empty() || strategy == "hybrid";
      return mesh.getSize(axis) > 1 && (all || axis == StringRef(strategy));
    };
    if (takes("data"))
      seedBatch(func, mesh, propagation, *seeds);
    propagation.run();
    if (takes("tensor") && failed(seedWeights(func, mesh, propagation, *seeds)))
      return failure();

    for (auto [i, seed] : llvm::enumerate(*seeds))
      if (seed)
        func.setArgAttr(i, kShardingAttr, seed->toAttr(&getContext(), mesh));
    for (StringAttr axis : mesh.getAxes()) {
      bool used = llvm::any_of(func.getArguments(), [&](Value arg) {
        return Placement{SmallVector<Axes>(propagation.wanted(arg)), {}}.cuts(axis);
      });
      if (!used && mesh.getSize(axis.getValue()) > 1 && axis.getValue() != kPipelineAxis)
        func.emitWarning("mesh axis '") << axis.getValue() << "' cuts no argument: its "
                                        << mesh.getSize(axis.getValue())
                                        << " members compute the same; choose another mesh or strategy";
    }
    return success();
  }

  /// Dimension 0 of every batched input and label.
  void seedBatch(func::FuncOp func, MeshAttr mesh, Propagation &propagation,
                 SmallVector<std::optional<Placement>> &seeds) {
    auto axis = StringAttr::get(&getContext(), "data");
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      auto type = dyn_cast<RankedTensorType>(func.getArgument(i).getType());
      if (seeds[i] || !func.getArgAttr(i, "llcc.batched") || !type || type.getRank() == 0)
        continue;
      if (type.getDimSize(0) < mesh.getSize("data"))
        func.emitWarning() << describeArgument(func, i) << " has a batch of " << type.getDimSize(0)
                           << ", mesh axis 'data' has " << mesh.getSize("data")
                           << " members: some of them compute on padding only";
      seeds[i] = Placement::whole(type.getRank());
      seeds[i]->dims[0].push_back(axis);
      propagation.seed(func.getArgument(i), seeds[i]->dims, /*closed=*/true);
    }
  }

  /// Megatron's scheme, greedy in program order. A contraction of an activation with a weight whose contracted
  /// dimension is already cut runs row-parallel (propagation cuts the weight's rows, the result is partial: one
  /// all-reduce). Any other one becomes column-parallel: the weight's output dimension is cut, no communication.
  LogicalResult seedWeights(func::FuncOp func, MeshAttr mesh, Propagation &propagation,
                            SmallVector<std::optional<Placement>> &seeds) {
    auto axis = StringAttr::get(&getContext(), "tensor");
    int64_t members = mesh.getSize("tensor");
    auto cut = [&](Value v, int64_t dim) { return llvm::is_contained(propagation.wanted(v)[dim], axis); };
    bool used = llvm::any_of(func.getArguments(), [&](Value arg) {
      return Placement{SmallVector<Axes>(propagation.wanted(arg)), {}}.cuts(axis);
    });
    for (Operation &op : func.getBody().front()) {
      if (!isa<DotOp, ConvOp>(op) || isBackward(op.getLoc()))
        continue;
      ShardingRule rule = getShardingRule(&op);
      // The weight stands on the right in what importers make of Gemm, MatMul and Conv; look there first.
      for (int w : {1, 0}) {
        std::optional<BlockArgument> param = trainableParam(op.getOperand(w), func);
        if (!param)
          continue;
        SmallVector<int> &weight = rule.operands[w], &other = rule.operands[1 - w];
        bool rowParallel = false;
        std::optional<ParamDim> column;
        for (auto [dim, f] : llvm::enumerate(weight)) {
          if (f == kWhole)
            continue;
          if (rule.factors[f].reduces) {
            auto at = llvm::find(other, f);
            rowParallel |= at != other.end() && cut(op.getOperand(1 - w), at - other.begin());
          } else if (!llvm::is_contained(other, f) && !column) {
            std::optional<ParamDim> traced = traceDim(op.getOperand(w), dim);
            if (traced && cast<RankedTensorType>(traced->param.getType()).getDimSize(traced->dim) >= members)
              column = traced;
          }
        }
        used |= rowParallel;
        unsigned i = param->getArgNumber();
        bool placed = seeds[i] || Placement{SmallVector<Axes>(propagation.wanted(*param)), {}}.cuts(axis);
        if (rowParallel || placed || !column)
          break;
        seeds[i] = Placement{SmallVector<Axes>(propagation.wanted(*param)), {}};
        seeds[i]->dims[column->dim].push_back(axis);
        propagation.seed(*param, seeds[i]->dims, /*closed=*/true);
        propagation.run();
        used = true;
        break;
      }
    }
    if (!used)
      return func.emitError("strategy 'tensor' finds no contraction or convolution to cut over ")
             << members << " devices: no trainable weight has an output dimension of at least " << members
             << "; use fewer devices or --strategy=data";
    return success();
  }
};
} // namespace
} // namespace mlir::llcc
