// Makes every op's operands placed as its rule needs them, with explicit llcc.reshard. Runs after
// llcc-propagate-sharding, whose `llcc.sharding` attributes become the encodings of the types; after it
// llcc-verify-placement holds.
//
//   %h = llcc.dot … {llcc.sharding = …partial = ["tensor"]…}     %r = arith.maximumf %h, %zero
//     ⇒ %h = llcc.dot … : … -> tensor<64x10xf32, …partial = ["tensor"]…>
//       %h1 = llcc.reshard %h : … -> tensor<64x10xf32, …invariant = ["tensor"]…>     %r = arith.maximumf %h1, %zero
//
// One reshard for each (value, placement), right after the value, shared by all users. A partial value that some user
// needs whole is resolved once, and whoever needs it cut takes its block of that; one that every user needs cut goes
// there directly, which is a reduce-scatter. With `regather` a forward value that is cut is gathered for the backward
// pass anew, so that only the piece is kept (Korthikanti et al. 2022, section 4.2.2: 2 s b h / t of a product's input,
// not 2 s b h); llcc.fetch keeps the two gathers apart.
#include "compiler/ir/Provenance.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Propagation.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_INSERTRESHARDSPASS
#include "passes/shard/Passes.h.inc"

namespace {

struct InsertReshardsPass : impl::InsertReshardsPassBase<InsertReshardsPass> {
  using InsertReshardsPassBase::InsertReshardsPassBase;

  MeshAttr mesh;
  DenseMap<Value, Placement> have;
  llvm::MapVector<Value, SmallVector<std::pair<OpOperand *, Placement>>>
      needs; // uses that cannot take the value as it is

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<MeshAttr> found = getMesh(module);
    if (failed(found))
      return signalPassFailure();
    mesh = *found;
    for (StringRef name : {"gradients", "update"}) {
      FailureOr<func::FuncOp> func = getStepFunction(module, name);
      if (failed(func) || failed(run(*func)))
        return signalPassFailure();
    }
  }

  LogicalResult run(func::FuncOp func) {
    have.clear();
    needs.clear();
    if (failed(readPlacements(func)) || failed(collectNeeds(func)))
      return failure();
    setTypes(func);
    for (auto &[value, uses] : needs)
      insertReshards(value, uses);
    mergeFreeOps(func);
    return success();
  }

  LogicalResult readPlacements(func::FuncOp func) {
    auto read = [&](Value value, Attribute attr, auto describe) -> LogicalResult {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type) {
        have[value] = Placement();
        return success();
      }
      auto sharding = dyn_cast_or_null<ShardingAttr>(attr);
      if (!sharding || int64_t(sharding.getDims().size()) != type.getRank())
        return mlir::emitError(value.getLoc())
               << describe() << " has no placement, needs llcc-propagate-sharding first";
      have[value] = Placement::get(sharding);
      return success();
    };
    for (BlockArgument arg : func.getArguments())
      if (failed(read(arg, func.getArgAttr(arg.getArgNumber(), kShardingAttr),
                      [&]() { return describeArgument(func, arg.getArgNumber()); })))
        return failure();
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (!func.getResultAttrOfType<ShardingAttr>(i, kShardingAttr))
        return func.emitError() << "result #" << i << " has no placement, needs llcc-propagate-sharding first";
    for (Operation &op : func.getBody().front())
      for (OpResult result : op.getResults()) {
        Attribute placement = op.getAttr(kShardingAttr);
        if (auto list = dyn_cast_or_null<ArrayAttr>(placement))
          placement = result.getResultNumber() < list.size() ? list[result.getResultNumber()] : Attribute();
        if (failed(read(result, placement, [&]() { return describeOp(&op); })))
          return failure();
      }
    return success();
  }

  LogicalResult collectNeeds(func::FuncOp func) {
    for (Operation &op : func.getBody().front()) {
      if (auto reshard = dyn_cast<ReshardOp>(op)) {
        if (explain && !reshard->use_empty())
          say(*reshard->user_begin(), have[reshard.getResult()], reshard.getX(), have[reshard.getX()]);
        continue;
      }
      SmallVector<Placement> needed, given;
      if (op.hasTrait<OpTrait::IsTerminator>()) {
        for (unsigned i = 0; i < op.getNumOperands(); ++i)
          needed.push_back(Placement::get(func.getResultAttrOfType<ShardingAttr>(i, kShardingAttr)));
      } else {
        FailureOr<SmallVector<Placement>> needs = getNeeds(
            &op, [&](Value v) { return have[v]; }, mesh, given);
        if (failed(needs))
          return mlir::emitError(op.getLoc())
                 << describeOp(&op) << ": has placement " << have[op.getResult(0)].toAttr(&getContext(), mesh)
                 << ", its rule gives " << given[0].toAttr(&getContext(), mesh)
                 << "; run llcc-propagate-sharding again";
        needed = *needs;
      }
      for (auto [use, need] : llvm::zip(op.getOpOperands(), needed))
        if (isa<RankedTensorType>(use.get().getType()) && have[use.get()] != need)
          needs[use.get()].push_back({&use, need});
    }
    return success();
  }

  void say(Operation *user, const Placement &needs, Value value, const Placement &gives) {
    std::string maker = value.getDefiningOp() ? describeOp(value.getDefiningOp()) : "an argument";
    mlir::emitRemark(user->getLoc()) << describeOp(user) << ": needs " << needs.toAttr(&getContext(), mesh) << ", "
                                     << maker << " gives " << gives.toAttr(&getContext(), mesh);
  }

  RankedTensorType placedType(Value value, const Placement &placement) {
    auto type = cast<RankedTensorType>(value.getType());
    return RankedTensorType::get(type.getShape(), type.getElementType(), placement.toAttr(&getContext(), mesh));
  }

  void setTypes(func::FuncOp func) {
    auto set = [&](Value value) {
      if (isa<RankedTensorType>(value.getType()))
        value.setType(placedType(value, have[value]));
    };
    for (BlockArgument arg : func.getArguments()) {
      set(arg);
      func.removeArgAttr(arg.getArgNumber(), kShardingAttr);
    }
    for (Operation &op : func.getBody().front()) {
      op.removeAttr(kShardingAttr);
      for (Value result : op.getResults())
        set(result);
      if (auto constant = dyn_cast<arith::ConstantOp>(op))
        if (auto elements = dyn_cast<DenseElementsAttr>(constant.getValue()))
          constant.setValueAttr(elements.reshape(cast<ShapedType>(constant.getType())));
    }
    SmallVector<Type> results;
    Operation *ret = func.getBody().front().getTerminator();
    for (OpOperand &use : ret->getOpOperands()) {
      auto sharding = func.getResultAttrOfType<ShardingAttr>(use.getOperandNumber(), kShardingAttr);
      results.push_back(placedType(use.get(), Placement::get(sharding)));
      func.removeResultAttr(use.getOperandNumber(), StringAttr::get(&getContext(), kShardingAttr));
    }
    func.setFunctionType(FunctionType::get(&getContext(), func.getBody().front().getArgumentTypes(), results));
  }

  /// True where the backward pass gathers a forward value anew instead of keeping it whole.
  bool gathersAgain(Value value, const Placement &need, Operation *user) {
    Operation *maker = value.getDefiningOp();
    const Placement &from = have[value];
    if (!regather || !maker || isBackward(maker->getLoc()) || !isBackward(user->getLoc()) || !from.partial.empty())
      return false;
    return llvm::any_of(from.dims, [&](const Axes &axes) {
      return llvm::any_of(axes, [&](StringAttr axis) { return !need.uses(axis); });
    });
  }

  void insertReshards(Value value, ArrayRef<std::pair<OpOperand *, Placement>> uses) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(value);
    auto make = [&](Value from, const Placement &to, Operation *user) -> Value {
      auto reshard = ReshardOp::create(builder, value.getLoc(), placedType(value, to), from);
      if (explain)
        say(user, to, value, Placement::get(cast<ShardingAttr>(cast<RankedTensorType>(from.getType()).getEncoding())));
      return reshard.getResult();
    };
    const Placement from = have[value];
    SmallVector<std::pair<Placement, Value>> made;
    // What is pending and of several needs, one of them whole, is resolved once for all.
    auto wholeSomewhere = [&](const std::pair<OpOperand *, Placement> &use) {
      return !llvm::all_of(from.partial, [&](StringAttr axis) { return use.second.uses(axis); });
    };
    bool several = llvm::any_of(uses, [&](const auto &use) { return use.second != uses[0].second; });
    Value base = value;
    if (auto first = llvm::find_if(uses, wholeSomewhere); several && from.partial.size() && first != uses.end()) {
      base = make(value, from.resolved(), first->first->getOwner());
      made.push_back({from.resolved(), base});
    }
    SmallVector<std::pair<Placement, Value>> again;
    for (const auto &pair : uses) {
      OpOperand *use = pair.first;
      const Placement &need = pair.second;
      if (gathersAgain(value, need, use->getOwner())) {
        auto known = llvm::find_if(again, [&](const auto &entry) { return entry.first == need; });
        if (known == again.end()) {
          Operation *first = use->getOwner();
          for (auto &[other, placement] : uses)
            if (placement == need && isBackward(other->getOwner()->getLoc()) &&
                other->getOwner()->isBeforeInBlock(first))
              first = other->getOwner();
          OpBuilder::InsertionGuard guard(builder);
          builder.setInsertionPoint(first);
          Value gathered = make(value, need, use->getOwner());
          gathered.getDefiningOp()->setLoc(gradLoc(value.getLoc()));
          gathered.getDefiningOp()->setAttr(kFetchAttr, builder.getI64IntegerAttr(1));
          again.push_back({need, gathered});
          known = std::prev(again.end());
        }
        use->set(known->second);
        continue;
      }
      auto known = llvm::find_if(made, [&](const auto &entry) { return entry.first == need; });
      if (known == made.end()) {
        made.push_back({need, make(base, need, use->getOwner())});
        known = std::prev(made.end());
      }
      use->set(known->second);
    }
  }

  /// Undoes splitFreeOps where uses ended with the same placement.
  void mergeFreeOps(func::FuncOp func) {
    SmallVector<Operation *> kept;
    for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
      if (!isFree(&op))
        continue;
      auto same = llvm::find_if(kept, [&](Operation *other) {
        return other->getName() == op.getName() && other->getAttrDictionary() == op.getAttrDictionary() &&
               other->getResultTypes() == op.getResultTypes() && llvm::equal(other->getOperands(), op.getOperands());
      });
      if (same == kept.end()) {
        kept.push_back(&op);
        continue;
      }
      op.replaceAllUsesWith(*same);
      op.erase();
    }
  }
};
} // namespace
} // namespace mlir::llcc
