// Analysis for llcc-split-pipeline: messages between stages, and what each stage needs of @update.
#include "passes/shard/PipelineSplit.h"
#include "passes/shard/Buckets.h"
#include <map>

namespace mlir::llcc {

LogicalResult PipelineSplit::analyze() {
  for (unsigned i = 0; i < gradients.getNumArguments(); ++i)
    if (auto param = gradients.getArgAttrOfType<StringAttr>(i, "llcc.param"))
      parameters.try_emplace(param.getValue(), i);
  FailureOr<StageAssignment> assigned = assignStages(gradients, schedule.pieces());
  if (failed(assigned))
    return failure();
  assignment = std::move(*assigned);
  if (schedule.pieces() > 1) { // for who writes the plan down
    Builder b(gradients.getContext());
    NamedAttrList stages;
    for (auto &[node, piece] : assignment.nodes)
      stages.set(node, b.getI64IntegerAttr(piece));
    gradients->getParentOp()->setAttr("llcc.stages", stages.getDictionary(b.getContext()));
  }
  findMessages();
  if (schedule.splitsBackward())
    findWeightOnly();
  if (failed(findOrigins()))
    return failure();
  findWanted();
  return success();
}

void PipelineSplit::findMessages() {
  // by producer, in program order: receiving stage → after which task it is sent
  DenseMap<Value, std::map<int64_t, Task::Phase>> receivers;
  DenseSet<std::pair<unsigned, int64_t>> sharedBy;
  for (Operation &op : gradients.getBody().front()) {
    std::optional<int64_t> piece = pieceOf(&op);
    if (!piece)
      continue;
    int64_t stage = schedule.stageOf(*piece);
    for (Value operand : op.getOperands()) {
      if (auto arg = dyn_cast<BlockArgument>(operand)) {
        if (auto owner = assignment.owner.find(arg.getArgNumber());
            owner != assignment.owner.end() && schedule.stageOf(owner->second) != stage)
          sharedBy.insert({arg.getArgNumber(), stage});
        continue;
      }
      std::optional<int64_t> home = pieceOf(operand.getDefiningOp());
      if (!home || schedule.stageOf(*home) == stage)
        continue;
      bool forward = !assignment.backward.contains(operand.getDefiningOp()) && *home < *piece;
      Task::Phase phase = forward ? Task::Phase::Forward : Task::Phase::Backward;
      auto [entry, fresh] = receivers[operand].try_emplace(stage, phase);
      if (forward) // two chunks of that stage may read it
        entry->second = phase;
    }
  }
  for (unsigned arg = 0; arg < gradients.getNumArguments(); ++arg)
    for (int64_t stage = 0; stage < stages; ++stage)
      if (sharedBy.contains({arg, stage}))
        shared.push_back(
            {gradients.getArgument(arg), schedule.stageOf(assignment.owner.lookup(arg)), stage, Task::Phase::Forward});
  for (Operation &op : gradients.getBody().front())
    for (Value value : op.getResults())
      if (auto found = receivers.find(value); found != receivers.end())
        for (auto [stage, phase] : found->second) {
          int64_t piece = *pieceOf(&op);
          messages.push_back({value, schedule.stageOf(piece), stage, phase, piece});
        }
}

/// Gradients of weights: what remains of the backward pass when everything that other pieces wait for is taken away.
void PipelineSplit::findWeightOnly() {
  DenseSet<Operation *> awaited;
  for (Operation &op : llvm::reverse(gradients.getBody().front())) {
    std::optional<int64_t> piece = pieceOf(&op);
    if (!piece || !assignment.backward.contains(&op))
      continue;
    for (Operation *user : op.getUsers())
      if (std::optional<int64_t> there = pieceOf(user); there && (*there != *piece || awaited.contains(user)))
        awaited.insert(&op);
    if (!awaited.contains(&op))
      weightOnly.insert(&op);
  }
}

/// Stage of argument `i` of @update; -1 where every stage has it (scalars).
FailureOr<int64_t> PipelineSplit::updateArgStage(unsigned i) {
  auto text = [&](StringRef key) {
    auto attr = update.getArgAttrOfType<StringAttr>(i, key);
    return attr ? attr.getValue() : StringRef();
  };
  if (!text("llcc.scalar").empty())
    return -1;
  StringRef state = text("llcc.state");
  if (!state.empty() && !state.contains(':'))
    return ownerOf("");
  StringRef name = text("llcc.param");
  if (name.empty())
    name = text("llcc.gradient");
  if (name.empty())
    name = state.split(':').second;
  if (name.empty() || !parameterNamed(name))
    return update.emitError() << "argument " << i
                              << " belongs to no parameter of @gradients; it needs llcc.param, llcc.gradient, "
                                 "llcc.state (kind:parameter) or llcc.scalar";
  return ownerOf(name);
}

LogicalResult PipelineSplit::findOrigins() {
  for (BlockArgument arg : update.getArguments()) {
    FailureOr<int64_t> stage = updateArgStage(arg.getArgNumber());
    if (failed(stage))
      return failure();
    llvm::SmallBitVector set(stages);
    if (*stage >= 0)
      set.set(*stage);
    origins[arg] = set;
  }
  for (Operation &op : update.getBody().front()) {
    llvm::SmallBitVector all(stages);
    for (Value operand : op.getOperands())
      all |= originsOf(operand);
    bool bucket = isBucket(&op); // result i comes from operand i alone
    for (OpResult result : op.getResults())
      origins[result] = bucket ? llvm::SmallBitVector(originsOf(op.getOperand(result.getResultNumber()))) : all;
  }
  return success();
}

void PipelineSplit::findWanted() {
  wanted.resize(stages);
  DenseSet<std::pair<Value, int64_t>> crossing;
  SmallVector<std::pair<Value, int64_t>> open;
  for (auto [i, value] : llvm::enumerate(update.getBody().front().getTerminator()->getOperands())) {
    StringRef name;
    if (auto param = update.getResultAttrOfType<StringAttr>(i, "llcc.param"))
      name = param.getValue();
    else if (auto state = update.getResultAttrOfType<StringAttr>(i, "llcc.state"))
      name = state.getValue().split(':').second;
    open.push_back({value, ownerOf(name)});
  }
  for (Operation &op : update.getBody().front())
    if (auto capture = dyn_cast<CaptureOp>(op))
      open.push_back({capture.getX(), captureStage(capture)});
  while (!open.empty()) {
    auto [value, stage] = open.pop_back_val();
    const llvm::SmallBitVector &set = originsOf(value);
    if (set.count() == 1 && !set.test(stage)) {
      crossing.insert({value, stage});
      open.push_back({value, set.find_first()});
      continue;
    }
    if (!wanted[stage].insert(value).second)
      continue;
    Operation *def = value.getDefiningOp();
    if (!def)
      continue;
    if (isBucket(def))
      open.push_back({def->getOperand(cast<OpResult>(value).getResultNumber()), stage});
    else
      for (Value operand : def->getOperands())
        open.push_back({operand, stage});
  }
  auto order = [&](Value value) {
    for (int64_t to = 0; to < stages; ++to)
      if (crossing.contains({value, to}))
        exchange.push_back({value, originsOf(value).find_first(), to, Task::Phase::Backward});
  };
  for (BlockArgument arg : update.getArguments())
    order(arg);
  for (Operation &op : update.getBody().front())
    for (Value result : op.getResults())
      order(result);
}

} // namespace mlir::llcc
