// Type-checks every placement of @gradients and @update: the proof that the cut program computes what the whole one
// does.
//
// By induction over the ops, each placed value is what its type says (blocks, pending parts or equal copies of the
// logical value) if for each op
//   (1) all tensors agree on the axes of each loop (factor), and each axis cuts one loop at most: every member computes
//   its
//       block of the iteration space, and together they cover it once;
//   (2) axes that cut a reduced loop are pending on the result, with the op's reduction: nothing is dropped;
//   (3) pending operands go only into ops that distribute over the reduction, all operands pending alike: nothing is
//       counted twice;
//   (4) the result is invariant only where all operands are: equal bits come from equal bits.
// Only llcc.reshard and the collectives made of it change a placement. Uses the rules, but none of the code that chose
// the placements.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Placement.h"
#include "passes/verify/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYPLACEMENTPASS
#include "passes/verify/Passes.h.inc"

namespace {

using Names = SmallVector<StringAttr>;

ShardingAttr shardingOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<ShardingAttr>(tensor.getEncoding()) : ShardingAttr();
}

std::string quote(ArrayRef<StringAttr> axes) {
  std::string text = "[";
  for (StringAttr axis : axes)
    text += (text.size() > 1 ? ", \"" : "\"") + axis.str() + "\"";
  return text + "]";
}

bool has(ArrayRef<StringAttr> axes, StringAttr axis) { return llvm::is_contained(axes, axis); }

/// One dimension of one operand or result of an op.
struct Where {
  bool result;
  unsigned index;
  int64_t dim;
  std::string str() const {
    return "dimension " + std::to_string(dim) + " of " + (result ? "the result" : "operand #" + std::to_string(index));
  }
};

class OpChecker {
public:
  OpChecker(Operation *op, MeshAttr mesh) : op(op), mesh(mesh) {}

  LogicalResult check() {
    if (failed(checkPlaced()))
      return failure();
    if (isa<ReshardOp>(op))
      return checkReshard();
    if (isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, AxisSliceOp>(op))
      return checkCollective();
    if (auto capture = dyn_cast<CaptureOp>(op)) {
      if (ShardingAttr x = shardingOf(capture.getX().getType()); x.isPartial())
        return error() << "captures " << capture.getKind() << " \"" << capture.getName() << "\", which is partial over "
                       << quote(x.getPartial()) << ", needs a reshard before";
      return success();
    }
    if (op->hasTrait<OpTrait::IsTerminator>())
      return success();
    rule = getShardingRule(op);
    if (failed(checkFactors()) || failed(checkPending()))
      return failure();
    return checkInvariant();
  }

private:
  InFlightDiagnostic error() { return mlir::emitError(op->getLoc()) << describeOp(op) << ": "; }

  LogicalResult checkPlaced() {
    auto placed = [&](Type type) -> LogicalResult {
      if (!isa<RankedTensorType>(type))
        return success();
      ShardingAttr sharding = shardingOf(type);
      if (!sharding)
        return error() << "type " << type
                       << " has no placement, needs llcc-propagate-sharding and llcc-insert-reshards";
      return checkAxes(sharding, mesh, [&]() { return error(); });
    };
    for (Type type : op->getOperandTypes())
      if (failed(placed(type)))
        return failure();
    for (Type type : op->getResultTypes())
      if (failed(placed(type)))
        return failure();
    return success();
  }

  template <typename Visit> LogicalResult eachDim(Visit visit) {
    for (bool result : {false, true}) {
      auto &tensors = result ? rule.results : rule.operands;
      for (auto [i, factors] : llvm::enumerate(tensors)) {
        ShardingAttr sharding = shardingOf(result ? op->getResult(i).getType() : op->getOperand(i).getType());
        for (auto [dim, f] : llvm::enumerate(factors))
          if (failed(visit(Where{result, unsigned(i), int64_t(dim)}, f, sharding.getAxes(dim))))
            return failure();
      }
    }
    return success();
  }

  /// (1)
  LogicalResult checkFactors() {
    loops.assign(rule.factors.size(), std::nullopt);
    if (failed(eachDim([&](Where at, int f, ArrayRef<StringAttr> axes) -> LogicalResult {
          if (f == kWhole) {
            if (!axes.empty())
              return error() << at.str() << " is cut over " << quote(axes) << ", this op needs it whole";
            return success();
          }
          auto &loop = loops[f];
          if (!loop) {
            loop = {at, Names(axes)};
            const Factor &factor = rule.factors[f];
            if (int64_t members = mesh.getSize(axes); factor.even && factor.size % members != 0)
              return error() << at.str() << " is cut over " << quote(axes) << ", " << members
                             << " members, this op needs equal blocks along a size of " << factor.size;
            return success();
          }
          if (loop->second != Names(axes))
            return error() << at.str() << " is cut over " << quote(axes) << ", " << loop->first.str()
                           << ", the same loop, over " << quote(loop->second);
          return success();
        })))
      return failure();
    // With the rules there are, any two loops of an op meet in one tensor, whose type cannot list an axis twice; this
    // holds for a rule to come where they do not.
    for (auto [f, loop] : llvm::enumerate(loops))
      for (auto [g, other] : llvm::enumerate(loops))
        if (f < g && loop && other)
          for (StringAttr axis : loop->second)
            if (has(other->second, axis))
              return error() << "axis '" << axis.getValue() << "' cuts " << loop->first.str() << " and "
                             << other->first.str()
                             << ", which are different loops: only blocks on the diagonal would be computed";
    return success();
  }

  /// (2) and (3)
  LogicalResult checkPending() {
    llvm::MapVector<StringAttr, ReduceKind> pending;
    for (auto [factor, loop] : llvm::zip(rule.factors, loops))
      if (factor.reduces && loop)
        for (StringAttr axis : loop->second)
          pending[axis] = factor.reduce;

    ShardingAttr first;
    for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
      ShardingAttr sharding = shardingOf(operand.getType());
      if (!sharding || !sharding.isPartial())
        continue;
      if (!carriesPartial(op, sharding.getKind()))
        return error() << "operand #" << i << " is partial over " << quote(sharding.getPartial())
                       << ", this op does not distribute over " << stringifyReduceKind(sharding.getKind())
                       << ": needs a reshard before";
      if (!first)
        first = sharding;
    }
    if (first) {
      for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
        ShardingAttr sharding = shardingOf(operand.getType());
        for (StringAttr axis : first.getPartial())
          if (!has(sharding.getPartial(), axis))
            return error() << "operand #" << i << " is not partial over '" << axis.getValue()
                           << "' while another one is: it would be counted " << mesh.getSize(axis.getValue())
                           << " times";
        if (sharding.getPartial().size() != first.getPartial().size() || sharding.getKind() != first.getKind())
          return error() << "operands are pending differently, needs reshards before";
      }
      for (StringAttr axis : first.getPartial())
        pending[axis] = first.getKind();
    }

    for (Value value : op->getResults()) {
      ShardingAttr result = shardingOf(value.getType());
      if (!result)
        continue;
      for (auto [axis, kind] : pending) {
        if (!has(result.getPartial(), axis))
          return error() << "the result is not partial over '" << axis.getValue()
                         << "', each member has only its part of the " << stringifyReduceKind(kind)
                         << ": needs partial = " << quote({axis}) << " and a reshard after";
        if (result.getKind() != kind)
          return error() << "the result is pending with " << stringifyReduceKind(result.getKind())
                         << ", the op reduces with " << stringifyReduceKind(kind);
      }
      for (StringAttr axis : result.getPartial())
        if (!pending.count(axis))
          return error() << "the result is partial over '" << axis.getValue()
                         << "', which nothing reduces: it would be counted " << mesh.getSize(axis.getValue())
                         << " times";
    }
    return success();
  }

  /// (4)
  LogicalResult checkInvariant() {
    for (Value value : op->getResults())
      if (ShardingAttr result = shardingOf(value.getType()))
        for (StringAttr axis : result.getInvariant())
          for (auto [i, operand] : llvm::enumerate(op->getOperands()))
            if (ShardingAttr from = shardingOf(operand.getType()); from && !has(from.getInvariant(), axis))
              return error() << "the result is invariant over '" << axis.getValue() << "', operand #" << i << " is not";
    return success();
  }

  LogicalResult checkReshard() {
    ShardingAttr from = shardingOf(op->getOperand(0).getType()), to = shardingOf(op->getResult(0).getType());
    for (StringAttr axis : to.getPartial())
      if (!has(from.getPartial(), axis) || from.getKind() != to.getKind())
        return error() << "makes a value partial over '" << axis.getValue() << "', only an op that reduces may do so";
    for (StringAttr axis : to.getInvariant()) {
      bool moves = Placement::get(from).uses(axis); // a collective puts equal bits there
      if (!moves && !has(from.getInvariant(), axis))
        return error() << "makes a replicated value invariant over '" << axis.getValue()
                       << "', but no data moves over it";
    }
    return success();
  }

  /// Placed collectives: what each moves, exactly.
  LogicalResult checkCollective() {
    auto names = [](ArrayAttr axes) {
      Names list;
      for (Attribute axis : axes)
        list.push_back(cast<StringAttr>(axis));
      return list;
    };
    for (auto [i, x, y] : llvm::enumerate(op->getOperands(), op->getResults())) {
      Placement from = Placement::get(shardingOf(x.getType())), want = from;
      const Placement to = Placement::get(shardingOf(y.getType()));
      auto resolve = [&](ArrayRef<StringAttr> axes, ReduceKind kind) -> LogicalResult {
        for (StringAttr axis : axes) {
          if (!has(from.partial, axis))
            return error() << "reduces over '" << axis.getValue() << "', the operand is partial over "
                           << quote(from.partial)
                           << (mesh.getSize(axis.getValue()) > 1 ? ": it would be counted several times" : "");
          llvm::erase(want.partial, axis);
        }
        if (from.kind != kind)
          return error() << "reduces with " << stringifyReduceKind(kind) << ", the operand is pending with "
                         << stringifyReduceKind(from.kind);
        return success();
      };
      auto cut = [&](int64_t dim, const Names &axes) { want.dims[dim].append(axes.begin(), axes.end()); };
      auto join = [&](int64_t dim, const Names &axes) -> LogicalResult {
        Axes &have = want.dims[dim];
        if (have.size() < axes.size() || !std::equal(axes.begin(), axes.end(), have.end() - axes.size()))
          return error() << "gathers dimension " << dim << " over " << quote(axes) << ", it is cut over "
                         << quote(have);
        have.truncate(have.size() - axes.size());
        return success();
      };
      auto inRank = [&](int64_t dim) -> LogicalResult {
        if (dim < 0 || dim >= int64_t(from.dims.size()))
          return error() << "names dimension " << dim << " of a tensor of rank " << from.dims.size();
        return success();
      };
      LogicalResult fits = llvm::TypeSwitch<Operation *, LogicalResult>(op)
                               .Case([&](AllReduceOp o) { return resolve(names(o.getAxes()), o.getKind()); })
                               .Case([&, i = i](AllGatherOp o) {
                                 int64_t dim = o.getDims()[i];
                                 return failed(inRank(dim)) ? failure() : join(dim, names(o.getAxes()));
                               })
                               .Case([&, i = i](ReduceScatterOp o) -> LogicalResult {
                                 int64_t dim = o.getDims()[i];
                                 if (failed(inRank(dim)) || failed(resolve(names(o.getAxes()), o.getKind())))
                                   return failure();
                                 cut(dim, names(o.getAxes()));
                                 return success();
                               })
                               .Case([&](AllToAllOp o) -> LogicalResult {
                                 if (failed(inRank(o.getSplitDim())) || failed(inRank(o.getConcatDim())) ||
                                     failed(join(o.getConcatDim(), names(o.getAxes()))))
                                   return failure();
                                 cut(o.getSplitDim(), names(o.getAxes()));
                                 return success();
                               })
                               .Case([&](AxisSliceOp o) -> LogicalResult {
                                 if (failed(inRank(o.getDim())))
                                   return failure();
                                 for (StringAttr axis : names(o.getAxes()))
                                   if (from.uses(axis))
                                     return error() << "takes blocks over '" << axis.getValue()
                                                    << "', which the operand already uses";
                                 cut(o.getDim(), names(o.getAxes()));
                                 return success();
                               });
      if (failed(fits))
        return failure();
      if (want != to)
        return error() << "gives " << want.toAttr(op->getContext(), mesh) << ", its result type says "
                       << shardingOf(y.getType());
    }
    return success();
  }

public:
  /// Every axis is one of the mesh's, and not the pipeline's.
  template <typename Error> static LogicalResult checkAxes(ShardingAttr sharding, MeshAttr mesh, Error error) {
    Names axes(sharding.getPartial().begin(), sharding.getPartial().end());
    axes.append(sharding.getInvariant().begin(), sharding.getInvariant().end());
    for (size_t dim = 0; dim < sharding.getDims().size(); ++dim)
      axes.append(sharding.getAxes(dim));
    for (StringAttr axis : axes)
      if (mesh.getPosition(axis.getValue()) < 0 || axis.getValue() == kPipelineAxis)
        return error() << "placement " << sharding << " names axis '" << axis.getValue()
                       << "', the mesh to cut tensors over is " << mesh;
    return success();
  }

private:
  Operation *op;
  MeshAttr mesh;
  ShardingRule rule;
  SmallVector<std::optional<std::pair<Where, Names>>> loops;
};

struct VerifyPlacementPass : impl::VerifyPlacementPassBase<VerifyPlacementPass> {
  using VerifyPlacementPassBase::VerifyPlacementPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<MeshAttr> mesh = getMesh(module);
    if (failed(mesh))
      return signalPassFailure();
    FailureOr<func::FuncOp> gradients = getStepFunction(module, "gradients");
    if (failed(gradients))
      return signalPassFailure();
    FailureOr<func::FuncOp> update = getStepFunction(module, "update");
    if (failed(update))
      return signalPassFailure();
    bool ok = succeeded(checkArguments(*gradients, *mesh));
    ok = succeeded(checkArguments(*update, *mesh)) && ok;
    for (func::FuncOp func : {*gradients, *update})
      for (Operation &op : func.getBody().front())
        ok = succeeded(OpChecker(&op, *mesh).check()) && ok;
    if (!ok || failed(checkBorders(*gradients, *update)))
      signalPassFailure();
  }

  LogicalResult checkArguments(func::FuncOp func, MeshAttr mesh) {
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      Type type = func.getArgumentTypes()[i];
      if (!isa<RankedTensorType>(type))
        continue;
      auto error = [&]() { return func.emitError() << "@" << func.getName() << ": argument #" << i << ": "; };
      ShardingAttr sharding = shardingOf(type);
      if (!sharding)
        return error() << "type " << type
                       << " has no placement, needs llcc-propagate-sharding and llcc-insert-reshards";
      if (failed(OpChecker::checkAxes(sharding, mesh, error)))
        return failure();
      if (sharding.isPartial() && !func.getArgAttr(i, "llcc.gradient"))
        return error() << "is partial over " << quote(sharding.getPartial()) << ", only a gradient may be";
    }
    return success();
  }

  /// What leaves one function is what the other, or the next step, takes.
  LogicalResult checkBorders(func::FuncOp gradients, func::FuncOp update) {
    auto types = [](func::FuncOp func, StringRef key, bool results) {
      llvm::StringMap<Type> named;
      unsigned n = results ? func.getNumResults() : func.getNumArguments();
      for (unsigned i = 0; i < n; ++i)
        if (auto name = dyn_cast_or_null<StringAttr>(results ? func.getResultAttr(i, key) : func.getArgAttr(i, key)))
          named[name] = results ? func.getResultTypes()[i] : func.getArgumentTypes()[i];
      return named;
    };
    for (unsigned i = 0; i < gradients.getNumResults(); ++i)
      if (ShardingAttr result = shardingOf(gradients.getResultTypes()[i]);
          result && result.isPartial() && !gradients.getResultAttr(i, "llcc.gradient"))
        return gradients.emitError() << "@gradients: result #" << i << " is partial over " << quote(result.getPartial())
                                     << ", only a gradient may be; needs a reshard before the return";
    struct Border {
      StringRef key;
      func::FuncOp from;
      bool results;
      StringRef what;
    };
    // Compared with the arguments of @update of the same kind and name.
    for (const Border &border : {Border{"llcc.param", gradients, false, "parameter of @gradients"},
                                 Border{"llcc.gradient", gradients, true, "gradient returned by @gradients"},
                                 Border{"llcc.param", update, true, "parameter returned by @update"},
                                 Border{"llcc.state", update, true, "state returned by @update"}}) {
      llvm::StringMap<Type> arguments = types(update, border.key, false);
      func::FuncOp from = border.from;
      unsigned n = border.results ? from.getNumResults() : from.getNumArguments();
      for (unsigned i = 0; i < n; ++i) {
        auto name = dyn_cast_or_null<StringAttr>(border.results ? from.getResultAttr(i, border.key)
                                                                : from.getArgAttr(i, border.key));
        auto argument = name ? arguments.find(name) : arguments.end();
        if (argument == arguments.end())
          continue;
        Type type = border.results ? from.getResultTypes()[i] : from.getArgumentTypes()[i];
        if (type != argument->second)
          return from.emitError() << border.what << " \"" << name.getValue() << "\" is " << type << ", @update takes "
                                  << argument->second;
      }
    }
    return success();
  }
};
} // namespace
} // namespace mlir::llcc
