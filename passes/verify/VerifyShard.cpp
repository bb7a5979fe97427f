// Proves what must hold after the shard stage, on the per-stage step functions:
//
// (S1) no placement is left: no llcc.reshard, no type with a sharding, no @gradients, no @update;
// (S2) there is one @step_stageN for each pipeline stage, N from 0, and its arguments and results have the local shape
// of
//      their llcc.shape at their llcc.placement;
// (S3) collectives run over axes of the mesh, never over the pipeline, and their local shapes fit;
// (S4) all members of a group meet the same collectives in the same order: they run the same function, which has no
// control flow; (S5) sends and receives match across stages, in order, tag and type, and nobody waits in a ring, even
// if a send holds
//      its sender until it is received;
// (S6) each trainable parameter, and each optimizer state, lives on one stage and is updated there exactly once; the
// loss is
//      shown once for each microbatch.
#include "compiler/ir/Provenance.h"
#include "compiler/ir/Ring.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/verify/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYSHARDPASS
#include "passes/verify/Passes.h.inc"

namespace {

constexpr StringLiteral kPipeline = "pipeline";

/// Starts a message at `op`: its ONNX node first.
InFlightDiagnostic report(Operation *op) {
  InFlightDiagnostic diagnostic = op->emitError();
  if (StringRef node = nodeOf(op->getLoc()); !node.empty())
    diagnostic << "node \"" << node << "\": ";
  return std::move(diagnostic << op->getName() << " ");
}

int64_t ceilDiv(int64_t n, int64_t k) { return (n + k - 1) / k; }

/// Checks one step function on its own.
class FunctionVerifier {
public:
  FunctionVerifier(func::FuncOp func, MeshAttr mesh) : func(func), mesh(mesh) {}

  LogicalResult run() {
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (failed(checkShape("argument", i, func.getArgument(i).getType(), func.getArgAttrDict(i))))
        return failure();
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (failed(checkShape("result", i, func.getResultTypes()[i], func.getResultAttrDict(i))))
        return failure();
    if (func.getBody().getBlocks().size() != 1)
      return func.emitError() << "@" << func.getName()
                              << " has control flow; members of a group could meet different collectives";
    for (Operation &op : func.getBody().front()) {
      if (op.getNumRegions())
        return report(&op) << "has control flow; members of a group could meet different collectives";
      if (failed(checkOp(&op)))
        return failure();
    }
    return success();
  }

private:
  func::FuncOp func;
  MeshAttr mesh;

  LogicalResult checkShape(StringRef what, unsigned i, Type type, DictionaryAttr attrs) {
    if (!attrs)
      return success();
    auto placement = attrs.getAs<ShardingAttr>("llcc.placement");
    auto shape = attrs.getAs<DenseI64ArrayAttr>("llcc.shape");
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!placement && !shape)
      return success();
    bool fits = placement && shape && tensor && int64_t(placement.getDims().size()) == tensor.getRank() &&
                shape.size() == tensor.getRank();
    if (!fits)
      return func.emitError() << "@" << func.getName() << ": " << what << " " << i << " is " << type
                              << ", needs llcc.placement and llcc.shape of its rank";
    for (int64_t dim = 0; dim < tensor.getRank(); ++dim) {
      for (StringAttr axis : placement.getAxes(dim))
        if (mesh.getPosition(axis.getValue()) < 0 || axis.getValue() == kPipeline)
          return func.emitError() << "@" << func.getName() << ": " << what << " " << i << " is cut over axis '"
                                  << axis.getValue() << "', the mesh is " << mesh;
      int64_t local = placement.getLocalSize(shape[dim], dim, mesh);
      if (local != tensor.getDimSize(dim))
        return func.emitError() << "@" << func.getName() << ": " << what << " " << i << " has local size "
                                << tensor.getDimSize(dim) << " at dimension " << dim << ", its placement gives "
                                << local;
    }
    return success();
  }

  LogicalResult checkOp(Operation *op) {
    if (auto reduce = dyn_cast<AllReduceOp>(op)) {
      if (failed(checkAxes(op, reduce.getAxes())))
        return failure();
      if (reduce.getXs().getTypes() != reduce.getResultTypes())
        return report(op) << "changes types; an all-reduce keeps them";
    } else if (auto gather = dyn_cast<AllGatherOp>(op)) {
      if (failed(checkAxes(op, gather.getAxes())))
        return failure();
      for (auto [i, dim, size] : llvm::enumerate(gather.getDims(), gather.getSizes())) {
        if (failed(checkSizes(op, {{dim, size}}, i)))
          return failure();
        if (int64_t most = sizeOf(gather.getXs()[i], dim) * members(gather.getAxes()); size > most)
          return report(op) << "joins to size " << size << ", the group has " << most;
      }
    } else if (auto scatter = dyn_cast<ReduceScatterOp>(op)) {
      if (failed(checkAxes(op, scatter.getAxes())))
        return failure();
      for (auto [i, dim] : llvm::enumerate(scatter.getDims()))
        if (failed(checkSizes(op, {{dim, ceilDiv(sizeOf(scatter.getXs()[i], dim), members(scatter.getAxes()))}}, i)))
          return failure();
    } else if (auto all = dyn_cast<AllToAllOp>(op)) {
      if (failed(checkAxes(op, all.getAxes())) ||
          failed(checkSizes(
              op, {{all.getSplitDim(), ceilDiv(sizeOf(all.getX(), all.getSplitDim()), members(all.getAxes()))},
                   {all.getConcatDim(), all.getSize()}})))
        return failure();
      int64_t most = sizeOf(all.getX(), all.getConcatDim()) * members(all.getAxes());
      if (int64_t(all.getSize()) > most)
        return report(op) << "joins to size " << all.getSize() << ", the group has " << most;
    } else if (auto shift = dyn_cast<RingShiftOp>(op)) {
      return checkAxes(op, shift.getAxes());
    } else if (auto slice = dyn_cast<AxisSliceOp>(op)) {
      if (failed(checkAxes(op, slice.getAxes())))
        return failure();
      return checkSizes(op,
                        {{slice.getDim(), ceilDiv(sizeOf(slice.getX(), slice.getDim()), members(slice.getAxes()))}});
    } else if (auto mask = dyn_cast<MaskOp>(op)) {
      if (failed(checkAxes(op, mask.getAxes())))
        return failure();
      int64_t local = mask.getExtent();
      for (Attribute axis : mask.getAxes())
        local = ceilDiv(local, mesh.getSize(cast<StringAttr>(axis).getValue()));
      return checkSizes(op, {{mask.getDim(), local}});
    } else if (auto offset = dyn_cast<AxisOffsetOp>(op)) {
      return checkAxes(op, offset.getAxes());
    }
    return success();
  }

  int64_t members(ArrayAttr axes) const {
    int64_t n = 1;
    for (Attribute axis : axes)
      n *= mesh.getSize(cast<StringAttr>(axis).getValue());
    return n;
  }
  static int64_t sizeOf(Value x, int64_t dim) {
    auto type = cast<RankedTensorType>(x.getType());
    return dim >= 0 && dim < type.getRank() ? type.getDimSize(dim) : 0;
  }

  LogicalResult checkAxes(Operation *op, ArrayAttr axes) {
    if (axes.empty())
      return report(op) << "names no axis";
    DenseSet<Attribute> seen;
    for (Attribute attr : axes) {
      StringRef axis = cast<StringAttr>(attr).getValue();
      if (mesh.getPosition(axis) < 0)
        return report(op) << "runs over axis '" << axis << "', the mesh is " << mesh;
      if (axis == kPipeline)
        return report(op) << "runs over the pipeline; its stages run different programs";
      if (!seen.insert(attr).second)
        return report(op) << "names axis '" << axis << "' twice";
    }
    return success();
  }

  /// Result `i` has the shape of operand `i` but for the given (dimension, size).
  LogicalResult checkSizes(Operation *op, ArrayRef<std::pair<int64_t, int64_t>> sizes, unsigned i = 0) {
    auto type = cast<RankedTensorType>(op->getOperand(i).getType());
    SmallVector<int64_t> shape(type.getShape());
    for (auto [dim, size] : sizes) {
      if (dim < 0 || dim >= type.getRank())
        return report(op) << "works at dimension " << dim << " of " << type;
      shape[dim] = size;
    }
    auto wanted = RankedTensorType::get(shape, type.getElementType());
    if (op->getResult(i).getType() != wanted)
      return report(op) << "gives " << op->getResult(i).getType() << ", needs " << wanted;
    return success();
  }
};

/// Plays the sends and receives of all stages against each other; both ends of a message move together.
class MessageVerifier {
public:
  explicit MessageVerifier(ArrayRef<func::FuncOp> stages)
      : stages(stages), events(stages.size()), at(stages.size(), 0) {}

  LogicalResult run() {
    for (size_t s = 0; s < stages.size(); ++s)
      for (Operation &op : body(s))
        if (isa<SendOp, RecvOp>(op)) {
          int64_t other = peer(&op);
          if (other < 0 || other >= int64_t(stages.size()) || other == int64_t(s))
            return report(&op) << "names stage " << other << ", the stages are 0 to " << stages.size() - 1
                               << " and this is stage " << s;
          events[s].push_back(&op);
        }
    for (bool moved = true; moved;) {
      moved = false;
      for (int64_t s = 0, n = stages.size(); s < n; ++s) {
        auto send = dyn_cast_or_null<SendOp>(next(s));
        auto recv = send ? dyn_cast_or_null<RecvOp>(next(send.getTo())) : RecvOp();
        if (!recv || int64_t(recv.getFrom()) != s)
          continue;
        if (failed(match(send, recv, s)))
          return failure();
        ++at[s];
        ++at[send.getTo()];
        moved = true;
      }
    }
    for (int64_t s = 0, n = stages.size(); s < n; ++s)
      if (Operation *op = next(s))
        return stuck(op, s);
    return success();
  }

private:
  ArrayRef<func::FuncOp> stages;
  std::vector<SmallVector<Operation *>> events;
  SmallVector<size_t> at;

  Block &body(size_t stage) { return func::FuncOp(stages[stage]).getBody().front(); }
  static int64_t peer(Operation *op) {
    if (auto send = dyn_cast<SendOp>(op))
      return send.getTo();
    return cast<RecvOp>(op).getFrom();
  }
  Operation *next(int64_t stage) const { return at[stage] < events[stage].size() ? events[stage][at[stage]] : nullptr; }

  LogicalResult match(SendOp send, RecvOp recv, int64_t from) {
    if (send.getTag() == recv.getTag() && send.getX().getType() == recv.getType())
      return success();
    InFlightDiagnostic diagnostic = report(recv) << "expects tag " << recv.getTag() << " of type " << recv.getType()
                                                 << " from stage " << from << ", which sends tag " << send.getTag()
                                                 << " of type " << send.getX().getType();
    diagnostic.attachNote(send.getLoc()) << "sent here";
    return diagnostic;
  }

  LogicalResult stuck(Operation *op, int64_t stage) {
    InFlightDiagnostic diagnostic = report(op) << "on stage " << stage << " waits for stage " << peer(op) << " forever";
    for (int64_t s = 0, n = stages.size(); s < n; ++s) {
      if (s == stage)
        continue;
      if (Operation *other = next(s))
        diagnostic.attachNote(other->getLoc()) << "stage " << s << " waits here for stage " << peer(other);
      else if (s == peer(op))
        diagnostic.attachNote(body(s).getTerminator()->getLoc()) << "stage " << s << " has no message left";
    }
    return diagnostic;
  }
};

/// Parameters and optimizer states across stages.
class VariableVerifier {
public:
  VariableVerifier(ModuleOp module, ArrayRef<func::FuncOp> stages) : module(module), stages(stages) {}

  LogicalResult run() {
    int64_t losses = 0;
    for (func::FuncOp func : stages) {
      for (StringRef key : {"llcc.param", "llcc.state"})
        if (failed(checkStage(func, key)))
          return failure();
      func.walk([&](CaptureOp op) { losses += op.getKind() == "loss"; });
    }
    auto microbatches = module->getAttrOfType<IntegerAttr>("llcc.microbatches");
    int64_t wanted = microbatches ? microbatches.getInt() : 1;
    if (losses != wanted)
      return module.emitError() << "the loss is shown " << losses << " times, there are " << wanted << " microbatches";
    return success();
  }

private:
  ModuleOp module;
  ArrayRef<func::FuncOp> stages;
  llvm::StringMap<StringRef> home; ///< key and name → function that keeps it

  LogicalResult checkStage(func::FuncOp func, StringRef key) {
    llvm::StringMap<unsigned> results;
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (auto name = func.getResultAttrOfType<StringAttr>(i, key))
        if (!results.try_emplace(name.getValue(), i).second)
          return func.emitError() << "@" << func.getName() << " updates \"" << name.getValue() << "\" twice";
    Operation *end = func.getBody().front().getTerminator();
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      auto name = func.getArgAttrOfType<StringAttr>(i, key);
      if (!name)
        continue;
      auto [entry, fresh] = home.try_emplace((key + "/" + name.getValue()).str(), func.getName());
      if (!fresh)
        return func.emitError() << "@" << func.getName() << " keeps \"" << name.getValue() << "\", so does @"
                                << entry->second << "; one stage must own it";
      auto result = results.find(name.getValue());
      bool mustChange = key == "llcc.state" || func.getArgAttr(i, "llcc.trainable") || func.getArgAttr(i, "llcc.decay");
      if (result == results.end()) {
        if (mustChange)
          return func.emitError() << "@" << func.getName() << " keeps \"" << name.getValue()
                                  << "\" but does not update it";
        continue;
      }
      Value updated = end->getOperand(result->second), argument = func.getArgument(i);
      if (updated.getType() != argument.getType())
        return func.emitError() << "@" << func.getName() << " takes \"" << name.getValue() << "\" as "
                                << argument.getType() << " and returns it as " << updated.getType();
      if (updated == argument && key == "llcc.param")
        return func.emitError() << "@" << func.getName() << " returns \"" << name.getValue() << "\" unchanged";
      results.erase(result);
    }
    if (!results.empty())
      return func.emitError() << "@" << func.getName() << " updates \"" << results.begin()->first()
                              << "\", which it does not keep";
    return success();
  }
};

struct VerifyShardPass : impl::VerifyShardPassBase<VerifyShardPass> {
  using VerifyShardPassBase::VerifyShardPassBase;

  LogicalResult verify() {
    ModuleOp module = getOperation();
    auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
    if (!mesh)
      return module.emitError() << "module has no mesh, needs the attribute llcc.mesh";
    for (StringRef name : {"gradients", "update"})
      if (auto func = module.lookupSymbol<func::FuncOp>(name))
        return func.emitError() << "@" << name << " is still there; llcc-split-pipeline must remove it";
    if (failed(checkNoPlacement(module)))
      return failure();
    SmallVector<func::FuncOp> stages;
    for (int64_t s = 0, n = mesh.getSize(kPipeline); s < n; ++s) {
      std::string name = "step_stage" + std::to_string(s);
      auto func = module.lookupSymbol<func::FuncOp>(name);
      if (!func || func.isExternal())
        return module.emitError() << "module has no @" << name << ", the mesh has " << n << " pipeline stages";
      if (failed(FunctionVerifier(func, mesh).run()))
        return failure();
      stages.push_back(func);
    }
    if (auto extra = module.lookupSymbol<func::FuncOp>("step_stage" + std::to_string(stages.size())))
      return extra.emitError() << "@" << extra.getName() << " is one stage too many, the mesh has " << stages.size();
    if (failed(MessageVerifier(stages).run()))
      return failure();
    return VariableVerifier(module, stages).run();
  }

  static LogicalResult checkNoPlacement(ModuleOp module) {
    auto placed = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && isa_and_nonnull<ShardingAttr>(tensor.getEncoding());
    };
    WalkResult result = module.walk([&](Operation *op) {
      if (isa<ReshardOp>(op)) {
        report(op) << "is still there; llcc-plan-reshards must replace it";
        return WalkResult::interrupt();
      }
      for (Type type : op->getResultTypes())
        if (placed(type)) {
          report(op) << "gives the placed type " << type << "; llcc-convert-to-spmd must make it local";
          return WalkResult::interrupt();
        }
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (Type type : block.getArgumentTypes())
            if (placed(type)) {
              report(op) << "takes the placed type " << type << "; llcc-convert-to-spmd must make it local";
              return WalkResult::interrupt();
            }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  void runOnOperation() override {
    if (failed(verify()))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::llcc
