// llcc.reshard ⇒ the cheapest sequence of collectives, found by ReshardPlanner on placed (logical) types.
//
//   %1 = llcc.reshard %0 : tensor<8x8xf32, partial = ["data"]> -> tensor<8x8xf32, [["data"], []]>
//     ⇒ %1 = llcc.reduce_scatter <sum> %0 dim 0 over ["data"] : (same types)
//
// It stands before the conversion to local shapes, as the plan depends on logical shapes, and before buckets, which
// join what is made here. A reshard that moves nothing (invariant to replicated, axes of size 1) stays;
// llcc-convert-to-spmd drops it.
#include "compiler/ir/LLCC.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Placement.h"
#include "passes/shard/ReshardPlanner.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PLANRESHARDSPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// Layout of `sharding` by positions in `mesh`; axes of size 1 cut nothing and are left out.
FailureOr<Layout> placementOf(Operation *op, ShardingAttr sharding, MeshAttr mesh) {
  Layout placement;
  auto add = [&](StringAttr axis, SmallVector<unsigned, 4> &into) -> LogicalResult {
    int64_t position = mesh.getPosition(axis);
    if (position < 0)
      return op->emitOpError() << "names axis '" << axis.getValue() << "', the mesh is " << mesh;
    if (mesh.getSize(axis.getValue()) > 1)
      into.push_back(position);
    return success();
  };
  for (int64_t dim = 0, rank = sharding.getDims().size(); dim < rank; ++dim) {
    placement.dims.emplace_back();
    for (StringAttr axis : sharding.getAxes(dim))
      if (failed(add(axis, placement.dims.back())))
        return failure();
  }
  for (StringAttr axis : sharding.getPartial())
    if (failed(add(axis, placement.partial)))
      return failure();
  llvm::sort(placement.partial);
  return placement;
}

struct PlanReshardsPass : impl::PlanReshardsPassBase<PlanReshardsPass> {
  using PlanReshardsPassBase::PlanReshardsPassBase;

  MeshAttr mesh;

  /// Sharding of an intermediate value at `placement`. What a collective made equal is invariant.
  ShardingAttr shardingAt(const Layout &placement, ReduceKind kind, ArrayRef<StringAttr> invariant) {
    auto names = [&](ArrayRef<unsigned> axes) {
      SmallVector<StringAttr> all;
      for (unsigned axis : axes)
        all.push_back(mesh.getAxes()[axis]);
      return all;
    };
    SmallVector<ArrayAttr> dims;
    for (ArrayRef<unsigned> axes : placement.dims) {
      SmallVector<StringAttr> all = names(axes);
      dims.push_back(ArrayAttr::get(&getContext(), SmallVector<Attribute>(all.begin(), all.end())));
    }
    SmallVector<StringAttr> partial = names(placement.partial);
    return ShardingAttr::get(&getContext(), dims, partial, partial.empty() ? ReduceKind::Sum : kind, invariant);
  }

  LogicalResult plan(ReshardOp op) {
    auto type = cast<RankedTensorType>(op.getX().getType()), wanted = cast<RankedTensorType>(op.getType());
    auto from = dyn_cast_or_null<ShardingAttr>(type.getEncoding()),
         to = dyn_cast_or_null<ShardingAttr>(wanted.getEncoding());
    if (!from || !to)
      return op.emitOpError() << "needs placed types on both sides, has " << type << " and " << wanted;
    if (from == to) {
      op.replaceAllUsesWith(op.getX());
      op.erase();
      return success();
    }
    FailureOr<Layout> start = placementOf(op, from, mesh), end = placementOf(op, to, mesh);
    if (failed(start) || failed(end))
      return failure();
    if (!start->partial.empty() && !end->partial.empty() && from.getKind() != to.getKind())
      return op.emitOpError() << "cannot turn a pending " << stringifyReduceKind(from.getKind()) << " into a pending "
                              << stringifyReduceKind(to.getKind());
    Type element = type.getElementType();
    int64_t bytes = element.isIntOrFloat() ? std::max(1u, element.getIntOrFloatBitWidth() / 8) : 8;
    auto moves = planReshard(*start, *end, type.getShape(), mesh.getSizes(), bytes);
    if (!moves)
      return op.emitOpError() << "cannot make " << from << " partial as " << to
                              << "; only a value that is partial already may stay so";

    OpBuilder b(op);
    Value x = op.getX();
    SmallVector<StringAttr> invariant(from.getInvariant());
    for (auto [i, move] : llvm::enumerate(*moves)) {
      SmallVector<StringRef> names;
      for (unsigned axis : move.axes) {
        names.push_back(mesh.getAxes()[axis]);
        llvm::erase(invariant, mesh.getAxes()[axis]);
        if (move.kind == Move::Kind::Gather || move.kind == Move::Kind::Reduce)
          invariant.push_back(mesh.getAxes()[axis]);
      }
      Type result = wanted;
      if (i + 1 != moves->size())
        result = RankedTensorType::get(type.getShape(), element, shardingAt(move.after, from.getKind(), invariant));
      ArrayAttr axes = b.getStrArrayAttr(names);
      auto kind = ReduceKindAttr::get(&getContext(), from.getKind());
      switch (move.kind) {
      case Move::Kind::Slice:
        x = AxisSliceOp::create(b, op.getLoc(), result, x, b.getI64IntegerAttr(move.dim), axes);
        break;
      case Move::Kind::Gather:
        x = AllGatherOp::create(b, op.getLoc(), TypeRange(result), ValueRange(x), b.getDenseI64ArrayAttr({move.dim}),
                                b.getDenseI64ArrayAttr({move.size}), axes)
                .getResult(0);
        break;
      case Move::Kind::Reduce:
        x = AllReduceOp::create(b, op.getLoc(), TypeRange(result), ValueRange(x), kind, axes).getResult(0);
        break;
      case Move::Kind::ReduceScatter:
        x = ReduceScatterOp::create(b, op.getLoc(), TypeRange(result), ValueRange(x), kind,
                                    b.getDenseI64ArrayAttr({move.dim}), axes)
                .getResult(0);
        break;
      case Move::Kind::AllToAll:
        x = AllToAllOp::create(b, op.getLoc(), result, x, b.getI64IntegerAttr(move.dim),
                               b.getI64IntegerAttr(move.joined), b.getI64IntegerAttr(move.size), axes);
        break;
      }
    }
    if (Attribute fetch = op->getAttr(kFetchAttr))
      for (Value v = x; v != op.getX(); v = v.getDefiningOp()->getOperand(0))
        v.getDefiningOp()->setAttr(kFetchAttr, fetch);
    if (moves->empty())
      return success(); // stays: only its type changes
    op.replaceAllUsesWith(x);
    op.erase();
    return success();
  }

  void runOnOperation() override {
    SmallVector<ReshardOp> ops;
    getOperation().walk([&](ReshardOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    mesh = getOperation()->getAttrOfType<MeshAttr>("llcc.mesh");
    if (!mesh) {
      getOperation().emitError("module has llcc.reshard but no mesh, needs the attribute llcc.mesh");
      return signalPassFailure();
    }
    for (ReshardOp op : ops)
      if (failed(plan(op)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace mlir::llcc
