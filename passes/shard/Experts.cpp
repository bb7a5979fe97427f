// Seeds of expert parallelism.
#include "passes/shard/Experts.h"
#include "compiler/ir/Provenance.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"

namespace mlir::llcc {
namespace {

double bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return double(type.getNumElements()) * std::max(8u, type.getElementTypeBitWidth()) / 8;
}

std::string text(double bytes) {
  std::string said;
  llvm::raw_string_ostream os(said);
  if (bytes < 1024)
    os << llvm::format("%.0f B", bytes);
  else if (bytes < 1024 * 1024)
    os << llvm::format("%.2f KiB", bytes / 1024);
  else
    os << llvm::format("%.2f MiB", bytes / (1024 * 1024));
  return said;
}

/// Weights of one expert each that llcc-stack-experts put together, seen through casts and views; null for others.
ConcatOp stackedWeights(Value value, func::FuncOp func) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto concat = dyn_cast<ConcatOp>(op)) {
      bool weights = llvm::all_of(concat.getXs(), [&](Value x) {
        auto view = x.getDefiningOp<ReshapeOp>();
        auto arg = view ? dyn_cast<BlockArgument>(view.getX()) : BlockArgument();
        return arg && func.getArgAttr(arg.getArgNumber(), "llcc.param");
      });
      return weights ? concat : ConcatOp();
    }
    if (!isa<ReshapeOp, TransposeOp, arith::TruncFOp, arith::ExtFOp>(op))
      break;
    value = op->getOperand(0);
  }
  return {};
}

class Experts {
public:
  Experts(func::FuncOp func, MeshAttr mesh, Propagation &propagation, Seeds &seeds)
      : func(func), propagation(propagation), seeds(seeds), axis(StringAttr::get(func.getContext(), kExpertAxis)),
        members(mesh.getSize(kExpertAxis)), mesh(mesh),
        number(func, MeshAttr::get(func.getContext(), {axis}, {members})) {}

  ExpertSeeds run() {
    findStacks();
    if (stackDots.empty())
      return std::move(found);
    number.run();
    for (Operation *op : stackDots)
      if (isActivationOf(op))
        climb(activationOf(op));
    descend();
    for (auto [arg, dim] : stacks)
      weights.insert(arg);
    for (Operation &op : func.getBody().front())
      if (region.contains(&op))
        for (Value operand : op.getOperands())
          pullCheaper(operand);
    for (Operation *op : region) {
      addWeights(op);
      for (Value operand : op->getOperands())
        if (!counts(operand))
          gathered.insert(operand);
    }
    seed();
    chooseMoves();
    return std::move(found);
  }

private:
  bool counts(Value value) const {
    return isa<RankedTensorType>(value.getType()) && Placement{SmallVector<Axes>(number.wanted(value)), {}}.cuts(axis);
  }

  /// Weights that are contracted block by block.
  void findStacks() {
    for (Operation &op : func.getBody().front()) {
      auto dot = dyn_cast<DotOp>(op);
      std::optional<WeightUse> use = dot ? getWeightUse(&op, func) : std::nullopt;
      if (dot && !use && !isBackward(op.getLoc()))
        findStacked(dot);
      if (!use || !func.getArgAttr(use->param.getArgNumber(), "llcc.trainable"))
        continue;
      ArrayRef<int64_t> own = use->operand ? dot.getRhsBatch() : dot.getLhsBatch(),
                        other = use->operand ? dot.getLhsBatch() : dot.getRhsBatch();
      Value activation = op.getOperand(1 - use->operand);
      for (auto [i, j] : llvm::zip(own, other)) {
        std::optional<int64_t> dim = traceDim(op.getOperand(use->operand), i);
        if (!dim || !propagation.wanted(activation)[j].empty()) // the batch's own dimension
          continue;
        int64_t size = cast<RankedTensorType>(use->param.getType()).getDimSize(*dim);
        unsigned arg = use->param.getArgNumber();
        // A weight that the user placed is the user's matter.
        bool placed = seeds[arg] && !llvm::is_contained(seeds[arg]->dims[*dim], axis);
        if (placed || size < 2)
          continue;
        SmallVector<Axes> dims(cast<RankedTensorType>(use->param.getType()).getRank());
        dims[*dim].push_back(axis);
        number.seed(use->param, dims, /*closed=*/true);
        stacks.push_back({use->param, *dim});
        stackDots.insert(&op);
        break;
      }
    }
    if (stackDots.empty())
      found.without = "no trainable weight has a block for each slice of an activation (a batch dimension of a "
                      "contraction)";
  }

  /// The same where the weights are nodes' own and were stacked.
  void findStacked(DotOp dot) {
    std::optional<unsigned> weight = weightOperand(dot);
    if (!weight || dot.getLhsBatch().empty())
      return;
    Value value = dot->getOperand(*weight);
    SmallVector<Axes> dims(cast<RankedTensorType>(value.getType()).getRank());
    dims[(*weight ? dot.getRhsBatch() : dot.getLhsBatch())[0]].push_back(axis);
    number.seed(value, dims, /*closed=*/true);
    stackDots.insert(dot);
  }

  /// Which operand of a forward contraction is a weight, or a stack of weights.
  std::optional<unsigned> weightOperand(Operation *op) const {
    if (std::optional<WeightUse> use = getWeightUse(op, func))
      return use->operand;
    if (isa<DotOp>(op) && !isBackward(op->getLoc()))
      for (unsigned operand : {1, 0})
        if (stackedWeights(op->getOperand(operand), func))
          return operand;
    return std::nullopt;
  }

  bool isActivationOf(Operation *op) { return counts(activationOf(op)); }
  Value activationOf(Operation *op) { return op->getOperand(1 - *weightOperand(op)); }

  /// A contraction of tokens with a weight that has a matrix for each expert: [experts, in, out].
  bool isExpertDot(Operation *op) {
    std::optional<unsigned> weight = isa<DotOp>(op) ? weightOperand(op) : std::nullopt;
    return weight && counts(op->getOperand(*weight)) && counts(op->getResult(0)) &&
           cast<RankedTensorType>(op->getOperand(*weight).getType()).getRank() >= 3;
  }

  /// Adds what lies between `value` and the experts' first contractions. Returns whether one was met.
  bool climb(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !counts(value) || isFree(op) || op->getNumResults() != 1)
      return false;
    if (auto known = climbed.find(op); known != climbed.end())
      return known->second;
    climbed[op] = false;
    bool met = isExpertDot(op);
    bool between = op->hasTrait<OpTrait::Elementwise>() || isa<ReshapeOp, TransposeOp, SliceOp, ConcatOp, PadOp>(op);
    for (Value operand : between ? ValueRange(op->getOperands()) : ValueRange())
      met |= climb(operand);
    if (met)
      region.insert(op);
    return climbed[op] = met;
  }

  /// From the contractions of experts on, forward and backward, whatever still has their number. Of the backward pass
  /// only nodes that have a forward op here: the router's gradient is the router's.
  void descend() {
    llvm::StringSet<> nodes;
    for (Operation &op : func.getBody().front()) {
      if (op.getNumResults() != 1 || !counts(op.getResult(0)) || isFree(&op))
        continue;
      bool backward = isBackward(op.getLoc());
      bool takes = region.contains(&op) || stackDots.contains(&op) ||
                   (backward ? nodes.contains(nodeOf(op.getLoc())) : llvm::any_of(op.getOperands(), [&](Value v) {
                     return v.getDefiningOp() && region.contains(v.getDefiningOp());
                   }));
      if (!takes)
        continue;
      region.insert(&op);
      if (!backward)
        nodes.insert(nodeOf(op.getLoc()));
    }
  }

  /// What `op` reads along the experts' number and costs nothing to have there: weights, and broadcasts.
  void addWeights(Operation *op) {
    for (Value operand : op->getOperands()) {
      if (ConcatOp stack = stackedWeights(operand, func); stack && counts(operand))
        for (Value x : stack.getXs())
          pieces.insert(cast<BlockArgument>(x.getDefiningOp()->getOperand(0)));
      SmallVector<Operation *> chain;
      Value at = operand;
      bool costless = true;
      while (Operation *def = at.getDefiningOp()) {
        if (!counts(at) || region.contains(def))
          break;
        costless &= isFree(def);
        if (costless)
          free.insert(def);
        if (!isFree(def) && !isa<ReshapeOp, TransposeOp, arith::TruncFOp, arith::ExtFOp>(def))
          break;
        chain.push_back(def);
        if (def->getNumOperands() == 0)
          break;
        at = def->getOperand(0);
      }
      auto arg = dyn_cast<BlockArgument>(at);
      if (!arg || !counts(arg) || !func.getArgAttr(arg.getArgNumber(), "llcc.param"))
        continue;
      weights.insert(arg);
      free.insert(chain.begin(), chain.end());
    }
  }

  /// The least that a member sends so that `value`, which an op at the experts reads, is there: it goes itself, or what
  /// it is computed of, where only experts read it. Fills `along` with the ops that then run at the experts.
  double cheapest(Value value, SmallVectorImpl<Operation *> &along) {
    double part = double(members - 1) / members;
    Operation *op = value.getDefiningOp();
    auto arg = dyn_cast<BlockArgument>(value);
    if (op ? region.contains(op) || isFree(op) : bool(func.getArgAttr(arg.getArgNumber(), "llcc.param")))
      return 0;
    if (!counts(value))
      return part * bytesOf(value);
    double itself = part / members * bytesOf(value), parts = 0;
    bool only = op && isa<DotOp, TransposeOp, ReshapeOp>(op) && llvm::all_of(op->getUsers(), [&](Operation *user) {
                  return region.contains(user) || llvm::is_contained(along, user);
                });
    if (!only)
      return itself;
    size_t before = along.size();
    along.push_back(op);
    for (Value operand : op->getOperands())
      parts += cheapest(operand, along);
    if (parts < itself)
      return parts;
    along.truncate(before);
    return itself;
  }

  /// An outer product, as the gradient of a weighted sum is, is computed at the experts.
  void pullCheaper(Value value) {
    SmallVector<Operation *> along;
    double sent = cheapest(value, along);
    for (Operation *op : along) {
      region.insert(op);
      if (isa<DotOp>(op))
        found.moves.push_back({op, "is computed at the experts, a member gets " + text(sent) +
                                       " for it; an all-to-all of its result would take " +
                                       text(double(members - 1) / members / members * bytesOf(op->getResult(0)))});
    }
  }

  void seed() {
    auto place = [&](Value value) {
      SmallVector<Axes> dims(cast<RankedTensorType>(value.getType()).getRank());
      SmallVector<int64_t> all;
      for (auto [dim, axes] : llvm::enumerate(number.wanted(value))) {
        all.push_back(dim);
        if (!axes.empty())
          dims[dim].push_back(axis);
      }
      propagation.seed(value, dims, /*closed=*/true, all);
      return Placement{dims, {}};
    };
    for (Operation &op : func.getBody().front()) {
      if (!region.contains(&op) && !free.contains(&op))
        continue;
      op.setAttr(kSeedAttr, place(op.getResult(0)).toAttr(func.getContext(), mesh));
      // Even where an operand comes along the tokens: a gate moves before it is broadcast.
      for (auto [dim, axes] : llvm::enumerate(number.wanted(op.getResult(0))))
        if (int factor = propagation.rule(&op).results[0][dim]; !axes.empty() && factor != kWhole)
          runAlong(&op, factor);
    }
    for (BlockArgument arg : weights) {
      if (!seeds[arg.getArgNumber()])
        place(arg);
      found.weights.push_back(arg);
    }
    // A weight of one expert rests in blocks, for its whole stack is moved at once: all-to-all makes whole experts of
    // blocks of all.
    for (BlockArgument arg : pieces) {
      auto type = cast<RankedTensorType>(arg.getType());
      auto longest = llvm::max_element(type.getShape());
      if (seeds[arg.getArgNumber()] || type.getRank() < 2 || *longest < members)
        continue;
      SmallVector<Axes> dims(type.getRank());
      dims[longest - type.getShape().begin()].push_back(axis);
      propagation.seed(arg, dims, /*closed=*/true);
      found.weights.push_back(arg);
    }
    propagation.run();
  }

  void runAlong(Operation *op, int factor) {
    Builder b(op->getContext());
    op->setAttr(kAlongAttr, b.getDictionaryAttr(NamedAttribute(axis, b.getI64IntegerAttr(factor))));
  }

  void chooseMoves() {
    double part = double(members - 1) / members;
    for (Operation &op : func.getBody().front()) {
      if (op.getNumResults() != 1 || !isa<RankedTensorType>(op.getResult(0).getType()))
        continue;
      if (region.contains(&op)) {
        sayArrival(&op, part);
        continue;
      }
      chooseDeparture(&op, part);
    }
  }

  /// Tokens that reach their experts: by all-gather where a contraction takes all, by all-to-all where they come with
  /// the experts' number.
  void sayArrival(Operation *op, double part) {
    if (!isExpertDot(op) || isBackward(op->getLoc()))
      return;
    unsigned operand = *weightOperand(op);
    Value x = op->getOperand(1 - operand), weight = op->getOperand(operand);
    if (x.getDefiningOp() && region.contains(x.getDefiningOp()))
      return;
    int64_t experts = 1;
    for (auto [dim, axes] : llvm::enumerate(number.wanted(weight)))
      if (!axes.empty())
        experts = cast<RankedTensorType>(weight.getType()).getDimSize(dim);
    std::string said;
    llvm::raw_string_ostream os(said);
    ConcatOp stack = stackedWeights(weight, func);
    BlockArgument param =
        stack ? cast<BlockArgument>(stack.getXs()[0].getDefiningOp()->getOperand(0)) : getWeightUse(op, func)->param;
    os << "experts of \"" << func.getArgAttrOfType<StringAttr>(param.getArgNumber(), "llcc.param").getValue()
       << (stack ? "\" and so on: " : "\": ") << experts << " over expert=" << members << " (";
    int64_t block = llvm::divideCeil(experts, members);
    for (int64_t m = 0; m < members; ++m)
      os << (m ? ", " : "") << std::max<int64_t>(0, std::min(block, experts - m * block));
    os << " a member); ";
    if (counts(x))
      os << "the model dispatches tokens to them, which go there by all-to-all, a member sends "
         << text(part / members * bytesOf(x)) << "; an all-gather would take " << text(part * bytesOf(x));
    else
      os << "each of them computes every token, so tokens come by all-gather, a member gets " << text(part * bytesOf(x))
         << "; an all-to-all would send them once for each expert, " << text(part / members * bytesOf(x) * experts);
    if (stack)
      os << "; their weights rest in blocks, whole experts come by all-to-all, a member sends "
         << text(part / members * bytesOf(weight));
    found.moves.push_back({op, said});
  }

  /// An op that reads what experts computed and no longer has their number runs where less moves: along the experts
  /// (its result is a sum to be reduce-scattered), or along the tokens (what the experts computed goes back before).
  void chooseDeparture(Operation *op, double part) {
    const ShardingRule &rule = propagation.rule(op);
    int along = kWhole, tokens = kWhole;
    double byExperts = part * bytesOf(op->getResult(0)), byTokens = 0;
    for (auto [i, value] : llvm::enumerate(op->getOperands())) {
      Operation *def = value.getDefiningOp();
      if (!def || !region.contains(def) || along != kWhole)
        continue;
      for (auto [dim, axes] : llvm::enumerate(number.wanted(value)))
        if (!axes.empty())
          along = rule.operands[i][dim];
    }
    if (along == kWhole || !(rule.factors[along].reduces || isa<DotOp>(op)))
      return;
    bool sums = rule.factors[along].reduces;
    if (!sums)
      byExperts /= members; // its result goes itself
    for (auto [dim, axes] : llvm::enumerate(propagation.wanted(op->getResult(0))))
      if (llvm::is_contained(axes, axis))
        tokens = rule.results[0][dim];
    for (auto [i, value] : llvm::enumerate(op->getOperands())) {
      Operation *def = value.getDefiningOp();
      bool here = (def && (region.contains(def) || free.contains(def))) || llvm::is_contained(weights, value) ||
                  (counts(value) && stackedWeights(value, func));
      auto runs = [&, i = i](int factor) { return factor != kWhole && llvm::is_contained(rule.operands[i], factor); };
      if (here)
        byTokens += part * bytesOf(value) / (runs(tokens) ? members : 1);
      else if ((!def || !isFree(def)) && !gathered.contains(value))
        byExperts += part * bytesOf(value) / (runs(along) ? members : 1);
    }
    if (tokens == kWhole) // its result has no tokens: a sum over all of them
      return;
    bool experts = byExperts <= byTokens;
    runAlong(op, experts ? along : tokens);
    std::string said;
    llvm::raw_string_ostream os(said);
    os << (isBackward(op->getLoc()) ? "its gradient " : "what the experts computed ");
    const char *there = sums ? "is summed by reduce-scatter" : "is computed at the experts and goes back by all-to-all",
               *before = "goes back by all-to-all before";
    os << (experts ? there : before) << ", a member sends " << text(experts ? byExperts : byTokens)
       << "; otherwise, where it " << (experts ? before : there) << ", it would be "
       << text(experts ? byTokens : byExperts);
    found.moves.push_back({op, said});
  }

  func::FuncOp func;
  Propagation &propagation;
  Seeds &seeds;
  StringAttr axis;
  int64_t members;
  MeshAttr mesh;
  Propagation number; ///< the dimension that counts experts, as if it alone were cut
  SmallVector<std::pair<BlockArgument, int64_t>> stacks;
  llvm::SetVector<Operation *> stackDots, region, free;
  llvm::SetVector<BlockArgument> weights, pieces; ///< stacks, and weights that were stacked
  DenseMap<Operation *, bool> climbed;
  DenseSet<Value> gathered; ///< what experts read of all tokens
  ExpertSeeds found;
};

} // namespace

ExpertSeeds seedExperts(func::FuncOp func, MeshAttr mesh, Propagation &propagation, Seeds &seeds) {
  return Experts(func, mesh, propagation, seeds).run();
}

} // namespace mlir::llcc
