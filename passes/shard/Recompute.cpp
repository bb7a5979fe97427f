// Computes forward values again in the backward pass, instead of keeping them from one to the other.
//
//   %h = llcc.dot %x, %w                              %h = llcc.dot %x, %w
//   %r = math.tanh %h                            ⇒    %r = math.tanh %h
//   … the rest of the forward pass …                  …
//   %d = grad(%g, %r)                loc(grad)        %h2 = llcc.dot %x, %w {llcc.recomputed}    loc(grad)
//                                                     %r2 = math.tanh %h2 {llcc.recomputed}      loc(grad)
//                                                     %d = grad(%g, %r2)                         loc(grad)
//
// `blocks`: what crosses the border of a repeated block (llcc.blocks) is kept, what lies within is recomputed, right in
// front of the first op of the backward pass that wants it. So one block's inner values are alive at a time.
// `auto` with a level n for each stage: values are ranked by the bytes that they take for each operation that
// recomputing them costs, and the first n groups (an op of a node, in all microbatches) are recomputed. Outside of
// blocks only what needs no contraction is on offer. Who chooses n measures the planned memory
// (compiler/pipeline/FitMemory).
//
// It stands at the end of the shard stage: shapes are local, microbatches are unrolled, a stage has its own function,
// and no pass that merges equal ops comes behind it. What the lower stage pulls into each kernel anyway (broadcasts,
// casts, compares …) counts as nothing. Random bits are counter-based and come out the same; running statistics are no
// part of the backward pass and are updated once. Results of communication are kept, as to recompute them every member
// of the group would have to send again.
#include "passes/shard/Recompute.h"
#include "compiler/ir/Provenance.h"
#include "compiler/ir/Ring.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Stages.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_RECOMPUTEPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// Each kernel that reads one of these computes it itself.
bool isFree(Operation *op) {
  return op->getNumOperands() == 0 ||
         isa<BroadcastOp, ReshapeOp, TransposeOp, SliceOp, ReverseOp, IotaOp, AxisOffsetOp, arith::CmpFOp,
             arith::CmpIOp, arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::SIToFPOp,
             arith::UIToFPOp, arith::FPToSIOp, arith::FPToUIOp, arith::BitcastOp>(op);
}

bool isContraction(Operation *op) {
  return isa<DotOp, ConvOp, ConvInputGradOp, ConvWeightGradOp, RecurrenceOp, RecurrenceGradOp>(op);
}

bool canRepeat(Operation *op) {
  return isPure(op) && op->getNumRegions() == 0 &&
         !isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp, SendOp, RecvOp, CaptureOp>(op);
}

double bytesOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? double(type.getNumElements()) * ((type.getElementTypeBitWidth() + 7) / 8) : 0;
}

/// A function's forward values and what the backward pass reads of them.
class SavedValues {
public:
  SavedValues(func::FuncOp func, const llvm::StringMap<int64_t> &blocks) : func(func), blocks(blocks) {
    for (Operation &op : func.getBody().front())
      if (isBackward(op.getLoc()) || llvm::any_of(op.getOperands(), [&](Value x) { return isOfBackward(x); }))
        backward.insert(&op);
    for (Operation &op : func.getBody().front())
      if (backward.contains(&op))
        for (Value operand : op.getOperands())
          addSources(operand);
  }

  func::FuncOp func;
  DenseSet<Operation *> backward;
  llvm::SetVector<Value> saved; ///< forward values that are stored for the backward pass

  bool isOfBackward(Value x) const { return x.getDefiningOp() && backward.contains(x.getDefiningOp()); }
  int64_t blockOf(Operation *op) const {
    auto found = blocks.find(nodeOf(op->getLoc()));
    return found == blocks.end() ? -1 : found->second;
  }

  /// True where the forward pass reads an op's result in another block, seen through free ops: it is there anyway.
  bool leavesBlock(Operation *op) const {
    int64_t block = blockOf(op);
    SmallVector<Operation *> open(op->user_begin(), op->user_end());
    while (!open.empty()) {
      Operation *user = open.pop_back_val();
      if (backward.contains(user))
        continue;
      if (blockOf(user) != block && !isFree(user))
        return true;
      if (isFree(user))
        open.append(user->user_begin(), user->user_end());
    }
    return false;
  }

  /// Operations that give `value` from what is kept if all saved values are, and whether a contraction is among them.
  std::pair<double, bool> costOf(Value value) const {
    double flops = 0;
    bool contracts = false;
    DenseSet<Operation *> seen;
    SmallVector<Operation *> open = {value.getDefiningOp()};
    while (!open.empty()) {
      Operation *op = open.pop_back_val();
      if (!seen.insert(op).second)
        continue;
      if (!isFree(op))
        flops += forwardCost(op);
      contracts |= isContraction(op);
      for (Value operand : op->getOperands())
        if (Operation *def = operand.getDefiningOp();
            def && canRepeat(def) && !saved.contains(operand) && (isFree(def) || !leavesBlock(def)))
          open.push_back(def);
    }
    return {flops, contracts};
  }

private:
  const llvm::StringMap<int64_t> &blocks;

  void addSources(Value x) {
    Operation *def = x.getDefiningOp();
    if (!def || backward.contains(def))
      return;
    if (!isFree(def))
      saved.insert(x);
    else
      for (Value operand : def->getOperands())
        addSources(operand);
  }
};

/// What is the same in all microbatches: node, op and type.
std::string groupOf(Value value) {
  std::string key;
  llvm::raw_string_ostream text(key);
  Operation *def = value.getDefiningOp();
  text << nodeOf(def->getLoc()) << " " << def->getName() << " " << cast<OpResult>(value).getResultNumber() << " "
       << value.getType();
  return key;
}

llvm::StringMap<int64_t> blocksOf(ModuleOp module) {
  llvm::StringMap<int64_t> blocks;
  if (auto entries = module->getAttrOfType<DictionaryAttr>("llcc.blocks"))
    for (NamedAttribute entry : entries)
      if (auto number = dyn_cast<IntegerAttr>(entry.getValue()))
        blocks[entry.getName()] = number.getInt();
  return blocks;
}

SmallVector<func::FuncOp> stepsOf(ModuleOp module) {
  SmallVector<func::FuncOp> steps;
  for (auto func : module.getOps<func::FuncOp>())
    if (!func.isExternal() && (func.getName() == "gradients" || func.getName().starts_with("step_stage")))
      steps.push_back(func);
  return steps;
}

/// Group → its rank, the one that saves most for an operation first; of equals the earlier one, which is kept longer.
llvm::StringMap<int64_t> rankGroups(ModuleOp module, const llvm::StringMap<int64_t> &blocks) {
  SmallVector<std::pair<double, std::string>> order; // bytes for an operation
  llvm::StringMap<int64_t> ranks;
  for (func::FuncOp func : stepsOf(module)) {
    SavedValues values(func, blocks);
    SmallVector<Value> saved; // in program order
    for (Operation &op : func.getBody().front())
      llvm::copy_if(op.getResults(), std::back_inserter(saved), [&](Value x) { return values.saved.contains(x); });
    for (Value value : saved) {
      Operation *def = value.getDefiningOp();
      std::string key = groupOf(value);
      if (ranks.count(key) || !canRepeat(def) || values.leavesBlock(def))
        continue;
      auto [flops, contracts] = values.costOf(value);
      if (contracts && values.blockOf(def) < 0)
        continue;
      ranks[key] = 0;
      order.push_back({bytesOf(value) / std::max(1.0, flops), key});
    }
  }
  std::stable_sort(order.begin(), order.end(), [](auto &a, auto &b) { return a.first > b.first; });
  for (auto [rank, entry] : llvm::enumerate(order))
    ranks[entry.second] = rank;
  return ranks;
}

class Recomputer {
public:
  /// `ranks` empty: mode blocks.
  Recomputer(func::FuncOp func, const llvm::StringMap<int64_t> &blocks, const llvm::StringMap<int64_t> *ranks,
             int64_t level)
      : values(func, blocks), ranks(ranks), level(level) {}

  void run() {
    Block &block = values.func.getBody().front();
    SmallVector<Operation *> readers;
    for (Operation &op : block)
      if (values.backward.contains(&op) && isBackward(op.getLoc()))
        readers.push_back(&op);
    for (Operation *reader : readers)
      for (OpOperand &operand : reader->getOpOperands())
        operand.set(fetch(operand.get(), reader));
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (op.use_empty() && isPure(&op) && !op.hasTrait<OpTrait::IsTerminator>())
        op.erase();
  }

private:
  SavedValues values;
  const llvm::StringMap<int64_t> *ranks;
  int64_t level;
  IRMapping copies;
  DenseMap<Operation *, bool> decided;

  bool decide(Operation *op) {
    if (!canRepeat(op) || values.leavesBlock(op))
      return false;
    bool inBlock = values.blockOf(op) >= 0;
    if (!ranks)
      return inBlock;
    bool any = false;
    for (Value result : op->getResults())
      if (values.saved.contains(result)) {
        any = true;
        auto rank = ranks->find(groupOf(result));
        if (rank == ranks->end() || rank->second >= level)
          return false;
      }
    return any || inBlock || !isContraction(op); // on the way to a value that is recomputed
  }

  bool isRecomputed(Operation *op) {
    auto [entry, fresh] = decided.try_emplace(op, false);
    if (fresh) {
      bool yes = decide(op); // may not touch the map meanwhile
      decided[op] = yes;
      return yes;
    }
    return entry->second;
  }

  /// `value` as the backward pass has it: kept, or computed again in front of `reader`.
  Value fetch(Value value, Operation *reader) {
    Operation *def = value.getDefiningOp();
    if (!def || values.backward.contains(def) || !canRepeat(def))
      return value;
    if (Value known = copies.lookupOrNull(value))
      return known;
    bool free = isFree(def);
    if (def->getNumOperands() == 0 || (!free && !isRecomputed(def)))
      return value;
    IRMapping map;
    bool changed = false;
    for (Value operand : def->getOperands()) {
      Value own = fetch(operand, reader);
      changed |= own != operand;
      map.map(operand, own);
    }
    if (free && !changed)
      return value;
    OpBuilder b(reader);
    Operation *copy = b.clone(*def, map);
    copy->setAttr(kRecomputed, b.getUnitAttr());
    copy->setLoc(gradLoc(def->getLoc()));
    copies.map(def->getResults(), copy->getResults());
    return copies.lookup(value);
  }
};

struct RecomputePass : impl::RecomputePassBase<RecomputePass> {
  using RecomputePassBase::RecomputePassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (mode != "none" && mode != "blocks" && mode != "auto") {
      module.emitError() << "unknown recompute mode \"" << mode << "\", needs none, blocks or auto";
      return signalPassFailure();
    }
    if (mode == "none")
      return;
    llvm::StringMap<int64_t> blocks = blocksOf(module), ranks;
    if (mode == "auto")
      ranks = rankGroups(module, blocks);
    for (auto [stage, func] : llvm::enumerate(stepsOf(module)))
      Recomputer(func, blocks, mode == "auto" ? &ranks : nullptr, stage < levels.size() ? levels[stage] : 0).run();
    module->removeAttr("llcc.blocks");
  }
};
} // namespace

int64_t countRecomputeLevels(ModuleOp module) {
  llvm::StringMap<int64_t> blocks = blocksOf(module);
  return rankGroups(module, blocks).size();
}

double recomputedFlops(ModuleOp module) {
  double flops = 0;
  for (func::FuncOp func : stepsOf(module))
    for (Operation &op : func.getBody().front())
      if (op.hasAttr(kRecomputed) && !isFree(&op))
        flops += forwardCost(&op);
  return flops;
}

} // namespace mlir::llcc
