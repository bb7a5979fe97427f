// Assignment of ops to pipeline stages by their ONNX nodes.
#include "passes/shard/Stages.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "passes/shard/Placement.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include <limits>

namespace mlir::llcc {

double forwardCost(Operation *op) {
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
  if (auto recurrence = dyn_cast<RecurrenceOp>(op)) { // the product with each step's state
    auto r = cast<RankedTensorType>(recurrence.getR().getType());
    return elements + 2.0 * cast<RankedTensorType>(recurrence.getY().getType()).getNumElements() * r.getDimSize(0);
  }
  return elements;
}

SmallVector<size_t> balancedCut(ArrayRef<double> costs, ArrayRef<bool> wanted, ArrayRef<double> crossing, size_t parts,
                                double slack) {
  size_t n = costs.size();
  constexpr double never = std::numeric_limits<double>::infinity();
  SmallVector<double> sum(n + 1, 0); // of the first i items
  SmallVector<size_t> count(n + 1, 0);
  for (size_t i = 0; i < n; ++i) {
    sum[i + 1] = sum[i] + costs[i];
    count[i + 1] = count[i] + wanted[i];
  }
  bool each = count[n] >= parts;
  // best[p][i]: of all ways to cut the first i items into p runs; from[p][i]: where the last run begins in the best one
  std::vector<std::vector<double>> best;
  std::vector<std::vector<size_t>> from;
  auto search = [&](auto combine) {
    best.assign(parts + 1, std::vector<double>(n + 1, never));
    from.assign(parts + 1, std::vector<size_t>(n + 1, 0));
    best[0][0] = 0;
    for (size_t p = 1; p <= parts; ++p)
      for (size_t i = p; i <= n; ++i)
        for (size_t j = p - 1; j < i; ++j) {
          if (best[p - 1][j] == never || (each && count[j] == count[i]))
            continue;
          double value = combine(best[p - 1][j], j, sum[i] - sum[j]);
          if (value <= best[p][i] && value < never) { // of equal cuts the later: activations stay with their node
            best[p][i] = value;
            from[p][i] = j;
          }
        }
    return best[parts][n];
  };
  double dearest = search([](double before, size_t, double run) { return std::max(before, run); });
  double limit = dearest * (1 + slack);
  search([&](double before, size_t j, double run) { // bytes first, then balance
    return run > limit ? never
                       : before + (j ? crossing[j] : 0) + (limit > 0 ? 1e-3 * (run / limit) * (run / limit) : 0);
  });
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
    for (auto &[node, stage] : nodeStage)
      if (node != "loss")
        out.nodes.push_back({node, stage});
    return out;
  }

private:
  func::FuncOp gradients;
  int64_t stages;
  StageAssignment out;
  llvm::MapVector<StringRef, int64_t> nodeStage;
  using Nodes = llvm::MapVector<StringRef, std::pair<double, bool>>; ///< cost, has a parameter

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
    Nodes nodes;
    double lossCost = 0;
    for (Operation &op : gradients.getBody().front()) {
      StringRef node = nodeOf(op.getLoc());
      if (!out.needed.contains(&op) || out.constant.contains(&op) || out.backward.contains(&op) || node.empty())
        continue;
      if (node == "loss") {
        lossCost += forwardCost(&op);
        continue;
      }
      auto &[cost, parameter] = nodes[node];
      cost += forwardCost(&op);
      for (Value operand : op.getOperands())
        if (auto arg = dyn_cast<BlockArgument>(operand))
          parameter |= bool(gradients.getArgAttr(arg.getArgNumber(), "llcc.param"));
    }
    if (stages > 1 && int64_t(nodes.size()) < stages)
      return gradients.emitError() << "the model has " << nodes.size() << " nodes that can be cut, a pipeline of "
                                   << stages << " stages needs at least " << stages << "; use fewer stages or --chunks";
    nodeStage["loss"] = stages - 1;
    if (nodes.empty())
      return success();
    if (DictionaryAttr asked = askedStages())
      return takeStages(nodes, asked);
    SmallVector<double> costs;
    SmallVector<bool> parameters;
    for (auto &[node, what] : nodes) {
      costs.push_back(what.first);
      parameters.push_back(what.second);
    }
    costs.back() += lossCost;
    SmallVector<size_t> begins = balancedCut(costs, parameters, crossingBytes(nodes), stages);
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

  /// The stages that the file's annotations (or --annotate's writer) name, where there are as many as wanted.
  DictionaryAttr askedStages() {
    auto asked = gradients->getParentOp()->getAttrOfType<DictionaryAttr>("llcc.stages");
    if (!asked || stages == 1)
      return {};
    int64_t most = 0;
    for (NamedAttribute entry : asked)
      if (auto stage = dyn_cast<IntegerAttr>(entry.getValue()))
        most = std::max(most, stage.getInt());
    if (most + 1 == stages)
      return asked;
    gradients.emitWarning() << "the file names " << most + 1 << " pipeline stages, the plan has " << stages
                            << "; llcc cuts the model itself";
    return {};
  }

  /// Boundaries of stages as the file has them. What it does not name runs where its operands are made.
  LogicalResult takeStages(const Nodes &nodes, DictionaryAttr asked) {
    llvm::StringMap<std::pair<int64_t, StringRef>> least; // by node: highest stage that it reads, and of which node
    SmallVector<int64_t> count(stages, 0);
    for (Operation &op : gradients.getBody().front()) {
      StringRef node = nodeOf(op.getLoc());
      if (!nodes.contains(node) || !out.needed.contains(&op) || out.constant.contains(&op) ||
          out.backward.contains(&op))
        continue;
      auto &[stage, why] = least[node];
      for (Value operand : op.getOperands()) {
        StringRef from = operand.getDefiningOp() ? nodeOf(operand.getDefiningOp()->getLoc()) : StringRef();
        auto made = from == node ? nodeStage.end() : nodeStage.find(from);
        if (made != nodeStage.end() && made->second > stage) {
          stage = made->second;
          why = from;
        }
      }
      auto said = dyn_cast_or_null<IntegerAttr>(asked.get(node));
      if (said && said.getInt() < stage)
        return mlir::emitError(op.getLoc())
               << describeOp(&op) << ": the file puts it on pipeline stage " << said.getInt()
               << ", but it reads node \"" << why << "\" of stage " << stage << "; stages must not go back";
      nodeStage[node] = said ? said.getInt() : stage;
    }
    for (auto &[node, what] : nodes)
      ++count[nodeStage[node]];
    for (auto [stage, n] : llvm::enumerate(count))
      if (n == 0)
        return gradients.emitError() << "the file puts no node that computes on pipeline stage " << stage << " of "
                                     << stages << "; give each stage a node, or leave the annotations out";
    return success();
  }

  /// For each node, the bytes of forward values that nodes before it make and it or a later one uses, in either pass:
  /// what a cut in front of it sends. Gradients that come back are as large.
  SmallVector<double> crossingBytes(const Nodes &nodes) {
    llvm::StringMap<size_t> index;
    for (auto [i, node] : llvm::enumerate(nodes))
      index[node.first] = i;
    auto indexOf = [&](Operation *op) -> std::optional<size_t> {
      auto found = index.find(nodeOf(op->getLoc()));
      if (found != index.end())
        return found->second;
      return nodeOf(op->getLoc()) == "loss" ? std::optional<size_t>(nodes.size() - 1) : std::nullopt;
    };
    SmallVector<double> change(nodes.size() + 1, 0);
    for (Operation &op : gradients.getBody().front()) {
      std::optional<size_t> made = indexOf(&op);
      if (!made || out.constant.contains(&op) || out.backward.contains(&op))
        continue;
      for (Value result : op.getResults()) {
        size_t last = *made;
        for (Operation *user : result.getUsers())
          if (std::optional<size_t> used = indexOf(user); used && out.needed.contains(user))
            last = std::max(last, *used);
        auto type = dyn_cast<RankedTensorType>(result.getType());
        if (!type || last == *made)
          continue;
        double bytes = double(type.getNumElements()) * std::max(1u, type.getElementTypeBitWidth() / 8);
        change[*made + 1] += bytes;
        change[last + 1] -= bytes;
      }
    }
    SmallVector<double> crossing(nodes.size());
    double sum = 0;
    for (size_t i = 0; i < nodes.size(); ++i)
      crossing[i] = sum += change[i];
    return crossing;
  }

  std::optional<int64_t> stageOfNode(Operation *op) {
    auto found = nodeStage.find(nodeOf(op->getLoc()));
    return found == nodeStage.end() ? std::nullopt : std::optional<int64_t>(found->second);
  }

  /// A value that is rounded to 16 bits is rounded where it is made: a message is as narrow as what it is made for.
  std::optional<int64_t> stageOfRounded(Operation *op) {
    auto truncate = dyn_cast<arith::TruncFOp>(op);
    Operation *def = truncate ? truncate.getIn().getDefiningOp() : nullptr;
    auto found = def ? out.stage.find(def) : out.stage.end();
    if (found == out.stage.end() || out.backward.contains(def) != out.backward.contains(op) ||
        cast<RankedTensorType>(truncate.getType()).getElementTypeBitWidth() != 16)
      return std::nullopt;
    return found->second;
  }

  int64_t forwardStage(Operation *op) {
    if (std::optional<int64_t> rounded = stageOfRounded(op))
      return *rounded;
    int64_t stage = stageOfNode(op).value_or(0);
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp())
        stage = std::max(stage, out.stage.lookup(def));
    return stage;
  }

  int64_t backwardStage(Operation *op) {
    if (std::optional<int64_t> rounded = stageOfRounded(op))
      return *rounded;
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
          if (auto arg = dyn_cast<BlockArgument>(operand);
              arg && gradients.getArgAttr(arg.getArgNumber(), "llcc.param"))
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

FailureOr<StageAssignment> assignStages(func::FuncOp gradients, int64_t stages) {
  return Assigner(gradients, stages).run();
}

} // namespace mlir::llcc
