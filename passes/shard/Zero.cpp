// ZeRO (Rajbhandari et al., SC 2020) as placements. With blocks over `data` of
//   state (1): the update runs on blocks, as everything in it is elementwise; gradients are reduce-scattered into them
//   and
//     parameters gathered where @update returns them: Ψ + Ψ bytes a device, what an all-reduce costs;
//   gradients (2): the same, and of several microbatches each is reduce-scattered, so that only blocks are summed up;
//   parameters (3): gathered in front of the forward and again of the backward pass, never at the end: Ψ + Ψ + Ψ.
#include "passes/shard/Zero.h"
#include "compiler/ir/Provenance.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {

static int64_t localSize(int64_t size, const Axes &axes, MeshAttr mesh) {
  for (StringAttr axis : axes)
    size = llvm::divideCeil(size, mesh.getSize(axis.getValue()));
  return size;
}

Placement cutOverData(const Placement &placement, Type type, MeshAttr mesh) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  int64_t members = mesh.getSize("data");
  if (members < 2 || !tensor)
    return placement;
  auto axis = StringAttr::get(type.getContext(), "data");
  if (placement.uses(axis))
    return placement;
  int64_t best = -1;
  double smallest = 0; // what the cut leaves of 1
  for (int64_t dim = 0; dim < tensor.getRank(); ++dim) {
    int64_t local = localSize(tensor.getDimSize(dim), placement.dims[dim], mesh);
    if (local < members)
      continue;
    double left = double(llvm::divideCeil(local, members)) / double(local);
    if (best < 0 || left < smallest) {
      best = dim;
      smallest = left;
    }
  }
  Placement cut = placement;
  if (best >= 0)
    cut.dims[best].push_back(axis);
  return cut;
}

void insertFetches(func::FuncOp gradients, MeshAttr mesh, function_ref<Placement(StringRef)> used,
                   function_ref<Placement(StringRef)> resting) {
  MLIRContext *context = gradients.getContext();
  OpBuilder builder(context);
  for (BlockArgument arg : gradients.getArguments()) {
    auto name = gradients.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.param");
    if (!name)
      continue;
    const Placement from = resting(name), to = used(name);
    if (from == to)
      continue;
    ShardingAttr rests = from.toAttr(context, mesh), fetched = to.toAttr(context, mesh);
    gradients.setArgAttr(arg.getArgNumber(), kShardingAttr, rests);
    // The values that rest: the argument and what is rounded of it.
    SmallVector<Value> sources = {arg};
    for (Operation *user : arg.getUsers())
      if (isa<arith::TruncFOp>(user) && user->getAttr(kShardingAttr) == fetched) {
        user->setAttr(kShardingAttr, rests);
        sources.push_back(user->getResult(0));
      }
    for (Value source : sources) {
      llvm::MapVector<std::pair<int64_t, StringRef>, SmallVector<OpOperand *>> readers; // by pass and node
      for (OpOperand &use : source.getUses())
        if (!llvm::any_of(use.getOwner()->getResults(), [&](Value v) { return llvm::is_contained(sources, v); }))
          readers[{int64_t(isBackward(use.getOwner()->getLoc())), nodeOf(use.getOwner()->getLoc())}].push_back(&use);
      for (auto &[key, uses] : readers) {
        Operation *first = uses[0]->getOwner();
        for (OpOperand *use : uses)
          if (use->getOwner()->isBeforeInBlock(first))
            first = use->getOwner();
        builder.setInsertionPoint(first);
        auto fetch = ReshardOp::create(builder, first->getLoc(), source.getType(), source);
        fetch->setAttr(kShardingAttr, fetched);
        fetch->setAttr(kFetchAttr, builder.getI64IntegerAttr(key.first));
        for (OpOperand *use : uses)
          use->set(fetch.getResult());
      }
    }
  }
}

} // namespace mlir::llcc
