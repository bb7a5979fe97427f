// Assignment of ops to pipeline stages by their ONNX nodes.
#include "passes/shard/Stages.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "llvm/ADT/MapVector.h"
#include <limits>

namespace mlir::llcc {

/// Work of a forward op: floating-point operations of contractions, elements of everything else.
static double costOf(Operation *op) {
  double elements = 0;
  for (Type type : op->getResultTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      elements += tensor.getNumElements();
  if (auto dot = dyn_cast<DotOp>(op)) {
    double depth = 2;
    for (int64_t dim : dot.getLhsContract())
      depth *= cast<RankedTensorType>(dot.getLhs().getType()).getDimSize(dim);
    return elements * depth;
  }
  if (auto conv = dyn_cast<ConvOp>(op)) {
    auto weight = cast<RankedTensorType>(conv.getW().getType());
    return elements * 2 * weight.getNumElements() / weight.getDimSize(0);
  }
  return elements;
}

SmallVector<size_t> balancedCut(ArrayRef<double> costs, ArrayRef<bool> wanted, size_t parts) {
  size_t n = costs.size();
  double never = std::numeric_limits<double>::infinity();
  SmallVector<double> sum(n + 1, 0); // of the first i items
  SmallVector<size_t> count(n + 1, 0);
  for (size_t i = 0; i < n; ++i) {
    sum[i + 1] = sum[i] + costs[i];
    count[i + 1] = count[i] + wanted[i];
  }
  bool each = count[n] >= parts;
  // best[p][i]: cheapest dearest run when the first i items are cut into p runs; from[p][i]: where its last run begins
  std::vector<std::vector<double>> best(parts + 1, std::vector<double>(n + 1, never));
  std::vector<std::vector<size_t>> from(parts + 1, std::vector<size_t>(n + 1, 0));
  best[0][0] = 0;
  for (size_t p = 1; p <= parts; ++p)
    for (size_t i = p; i <= n; ++i)
      for (size_t j = p - 1; j < i; ++j) {
        if (each && count[j] == count[i])
          continue;
        double dearest = std::max(best[p - 1][j], sum[i] - sum[j]);
        if (dearest <= best[p][i] && dearest < never) { // of equal cuts the later: activations stay with their node
          best[p][i] = dearest;
          from[p][i] = j;
        }
      }
  SmallVector<size_t> begins(parts);
  for (size_t p = parts, i = n; p > 0; --p)
    begins[p - 1] = i = from[p][i];
  return begins;
}

namespace {
class Assigner {
public:
  Assigner(func::FuncOp gradients, int64_t stages) : gradients(gradients), stages(stages) {}

  FailureOr<StageAssignment> run() {
    markNeeded();
    markPhases();
    if (failed(cutNodes()))
      return failure();
    for (Operation &op : gradients.getBody().front())
      if (out.needed.contains(&op) && !out.constant.contains(&op))
        out.stage[&op] = out.backward.contains(&op) ? backwardStage(&op) : forwardStage(&op);
    ownParameters();
    return out;
  }

private:
  func::FuncOp gradients;
  int64_t stages;
  StageAssignment out;
  llvm::MapVector<StringRef, int64_t> nodeStage;

  void markNeeded() {
    for (Operation &op : llvm::reverse(gradients.getBody().front()))
      if (op.hasTrait<OpTrait::IsTerminator>() || isa<CaptureOp>(op) ||
          llvm::any_of(op.getUsers(), [&](Operation *user) { return out.needed.contains(user); }))
        out.needed.insert(&op);
    out.needed.erase(gradients.getBody().front().getTerminator());
  }

  void markPhases() {
    for (Operation &op : gradients.getBody().front()) {
      if (op.hasTrait<OpTrait::IsTerminator>())
        continue;
      bool constant = true, backward = isBackward(op.getLoc());
      for (Value operand : op.getOperands()) {
        Operation *def = operand.getDefiningOp();
        constant &= def && out.constant.contains(def);
        backward |= def && out.backward.contains(def);
      }
      if (constant && op.getNumResults())
        out.constant.insert(&op);
      else if (backward)
        out.backward.insert(&op);
    }
  }

  LogicalResult cutNodes() {
    llvm::MapVector<StringRef, std::pair<double, bool>> nodes; // cost, has a parameter
    double lossCost = 0;
    for (Operation &op : gradients.getBody().front()) {
      StringRef node = nodeOf(op.getLoc());
      if (!out.needed.contains(&op) || out.constant.contains(&op) || out.backward.contains(&op) || node.empty())
        continue;
      if (node == "loss") {
        lossCost += costOf(&op);
        continue;
      }
      auto &[cost, parameter] = nodes[node];
      cost += costOf(&op);
      for (Value operand : op.getOperands())
        if (auto arg = dyn_cast<BlockArgument>(operand))
          parameter |= bool(gradients.getArgAttr(arg.getArgNumber(), "llcc.param"));
    }
    if (stages > 1 && int64_t(nodes.size()) < stages)
      return gradients.emitError() << "the model has " << nodes.size() << " nodes that can be cut, a pipeline of " << stages << " stages needs at least "
                                   << stages << "; use fewer stages";
    nodeStage["loss"] = stages - 1;
    if (nodes.empty())
      return success();
    SmallVector<double> costs;
    SmallVector<bool> parameters;
    for (auto &[node, what] : nodes) {
      costs.push_back(what.first);
      parameters.push_back(what.second);
    }
    costs.back() += lossCost;
    SmallVector<size_t> begins = balancedCut(costs, parameters, stages);
    size_t i = 0;
    int64_t stage = 0;
    for (auto &[node, what] : nodes) {
      while (stage + 1 < stages && begins[stage + 1] <= i)
        ++stage;
      nodeStage[node] = stage;
      ++i;
    }
    return success();
  }

  std::optional<int64_t> stageOfNode(Operation *op) {
    auto found = nodeStage.find(nodeOf(op->getLoc()));
    return found == nodeStage.end() ? std::nullopt : std::optional<int64_t>(found->second);
  }

  int64_t forwardStage(Operation *op) {
    int64_t stage = stageOfNode(op).value_or(0);
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp())
        stage = std::max(stage, out.stage.lookup(def));
    return stage;
  }

  int64_t backwardStage(Operation *op) {
    std::optional<int64_t> node = stageOfNode(op);
    int64_t stage = node.value_or(stages - 1);
    for (Value operand : op->getOperands()) {
      Operation *def = operand.getDefiningOp();
      auto found = def ? out.stage.find(def) : out.stage.end();
      if (found != out.stage.end() && (out.backward.contains(def) || !node))
        stage = std::min(stage, found->second);
    }
    return stage;
  }

  void ownParameters() {
    Block &block = gradients.getBody().front();
    for (Operation &op : block) // where it is used first
      if (auto found = out.stage.find(&op); found != out.stage.end())
        for (Value operand : op.getOperands())
          if (auto arg = dyn_cast<BlockArgument>(operand); arg && gradients.getArgAttr(arg.getArgNumber(), "llcc.param"))
            if (auto [entry, fresh] = out.owner.try_emplace(arg.getArgNumber(), found->second); !fresh)
              entry->second = std::min(entry->second, found->second);
    // where its gradient is computed: there it is updated
    for (auto [i, value] : llvm::enumerate(block.getTerminator()->getOperands())) {
      auto name = gradients.getResultAttr(i, "llcc.gradient");
      Operation *def = value.getDefiningOp();
      if (!name || !def || !out.stage.contains(def))
        continue;
      for (unsigned arg = 0; arg < gradients.getNumArguments(); ++arg)
        if (gradients.getArgAttr(arg, "llcc.param") == name)
          out.owner[arg] = out.stage.lookup(def);
    }
  }
};
} // namespace

FailureOr<StageAssignment> assignStages(func::FuncOp gradients, int64_t stages) { return Assigner(gradients, stages).run(); }

} // namespace mlir::llcc
