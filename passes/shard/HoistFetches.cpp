// Gathers parameters that rest as blocks (ZeRO-3) one layer ahead of their use.
//
//   %w1 = all_gather %b1 {fetch}        %w1 = all_gather %b1 {fetch}
//   %h1 = dot %x, %w1               ⇒   %w2 = all_gather %b2 {fetch}      // travels while layer 1 computes
//   %w2 = all_gather %b2 {fetch}        %h1 = dot %x, %w1
//   %h2 = dot %h1, %w2                  %h2 = dot %h1, %w2
//
// A layer is a repeated block of the model (llcc.blocks), elsewhere an ONNX node, in one pass of one microbatch. The
// gathers of layer i + 1 are issued right before the first op that reads one of layer i. So the parameters of two
// layers are whole at a time, and as a gathered value has no reader outside its layer and pass, its memory is free
// after them; the backward pass gathers again.
//
// It stands behind llcc-recompute, whose copies read what the backward pass gathers, as the last pass that moves ops of
// the shard stage. All members of a group run the same function, so their order of collectives stays common;
// llcc-verify-shard plays it once more.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Placement.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_HOISTFETCHESPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// The gathers of a layer, in program order.
struct Layer {
  std::string name;
  SmallVector<Operation *> gathers;

  /// The first op that reads what is gathered.
  Operation *firstReader() const {
    Operation *first = nullptr;
    for (Operation *gather : gathers)
      for (Operation *user : gather->getUsers())
        if (!first || user->isBeforeInBlock(first))
          first = user;
    return first;
  }
};

/// Moves `op` before `target`, with what it needs; false, and nothing moved, where that is not made of arguments alone.
bool moveBefore(Operation *op, Operation *target) {
  SmallVector<Operation *> chain, open = {op};
  DenseSet<Operation *> seen;
  while (!open.empty()) {
    Operation *next = open.pop_back_val();
    if (!seen.insert(next).second || next->isBeforeInBlock(target))
      continue;
    if (next == target || next->getBlock() != target->getBlock() || (next != op && !isPure(next)))
      return false;
    chain.push_back(next);
    for (Value operand : next->getOperands())
      if (Operation *def = operand.getDefiningOp())
        open.push_back(def);
  }
  llvm::sort(chain, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *next : chain)
    if (next != op && isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, SendOp, RecvOp>(next))
      return false;
  for (Operation *next : chain)
    next->moveBefore(target);
  return true;
}

struct HoistFetchesPass : impl::HoistFetchesPassBase<HoistFetchesPass> {
  using HoistFetchesPassBase::HoistFetchesPassBase;

  void runOnFunction(func::FuncOp func, DictionaryAttr blocks) {
    SmallVector<Layer> layers;
    for (Operation &op : func.getBody().front()) {
      auto fetch = isa<AllGatherOp>(op) ? op.getAttrOfType<IntegerAttr>(kFetchAttr) : IntegerAttr();
      if (!fetch)
        continue;
      StringRef node = nodeOf(op.getLoc());
      auto block = blocks && !node.empty() ? dyn_cast_or_null<IntegerAttr>(blocks.get(node)) : IntegerAttr();
      std::string name =
          (block ? "block " + Twine(block.getInt()) : "node " + node).str() + " pass " + std::to_string(fetch.getInt());
      if (layers.empty() || layers.back().name != name)
        layers.push_back({name, {}});
      layers.back().gathers.push_back(&op);
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      Operation *target = layers[i].firstReader();
      if (!target)
        continue;
      // The first layer's own gathers come before those of the next, which are behind them in the stream.
      SmallVector<Operation *> gathers(layers[i].gathers);
      if (i + 1 < layers.size())
        gathers.append(layers[i + 1].gathers);
      for (Operation *gather : gathers)
        if (!gather->isBeforeInBlock(target))
          moveBefore(gather, target);
    }
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto blocks = module->getAttrOfType<DictionaryAttr>("llcc.blocks");
    for (auto func : module.getOps<func::FuncOp>())
      if (!func.isExternal() && (func.getName() == "gradients" || func.getName().starts_with("step_stage")))
        runOnFunction(func, blocks);
    module->removeAttr("llcc.blocks");
  }
};
} // namespace
} // namespace mlir::llcc
