// Finds attention whose keys and values are gathered over `context`, and proves that it may run in a ring.
#include "passes/shard/RingMatch.h"
#include "compiler/ir/Provenance.h"
#include "passes/shard/Placement.h"
#include "passes/shard/Seeds.h"

namespace mlir::llcc {
namespace {

bool isOverContext(ArrayAttr axes) { return axes.size() == 1 && cast<StringAttr>(axes[0]).getValue() == kContextAxis; }

int64_t positionOf(ArrayRef<int> factors, int factor) {
  auto at = llvm::find(factors, factor);
  return at == factors.end() ? -1 : at - factors.begin();
}

class Matcher {
public:
  Matcher(ReduceOp max, MeshAttr mesh, std::string &why) : max(max), mesh(mesh), why(why) {}

  FailureOr<RingAttention> run() {
    if (max.getKind() != ReduceKind::Max || max.getDims().size() != 1 || isBackward(max.getLoc()))
      return failure();
    a.max = max;
    a.scores = max.getX();
    a.ring.extent = max.getX().getType().getDimSize(max.getDims()[0]);
    findGathers(max.getX(), max.getDims()[0]);
    if (a.gathers.empty())
      return failure();
    a.ring.members = mesh.getSize(kContextAxis);
    if (failed(grow()) || failed(softmax()) || failed(products()) || failed(innerProduct()))
      return failure();
    return a;
  }

private:
  ReduceOp max;
  MeshAttr mesh;
  std::string &why;
  RingAttention a;
  DenseSet<Value> seen;
  SmallVector<Operation *> exits; ///< combine along the keys

  LogicalResult refuse(const Twine &text) {
    why = text.str();
    return failure();
  }
  LogicalResult refuse(Operation *op, const Twine &text) { return refuse(describeOp(op) + " " + text); }

  /// Gathers over `context` that dimension `dim` of `value` comes from.
  void findGathers(Value value, int64_t dim) {
    if (!seen.insert(value).second)
      return;
    Operation *op = value.getDefiningOp();
    if (!op)
      return;
    if (auto gather = dyn_cast<AllGatherOp>(op)) {
      unsigned i = cast<OpResult>(value).getResultNumber();
      if (gather.getDims()[i] == dim && isOverContext(gather.getAxes()) && gather.getSizes()[i] == a.ring.extent)
        addGather(gather, i);
      return;
    }
    if (op->getNumResults() != 1)
      return;
    ShardingRule rule = getLoops(op);
    int factor = rule.results[0][dim];
    for (auto [operand, factors] : llvm::zip(op->getOperands(), rule.operands))
      if (int64_t at = factor == kWhole ? -1 : positionOf(factors, factor); at >= 0)
        findGathers(operand, at);
  }

  void addGather(AllGatherOp gather, unsigned i) {
    a.ring.axes = gather.getAxes();
    a.gathers[gather.getResults()[i]] = {gather.getXs()[i], gather.getDims()[i]};
    a.dims[gather.getResults()[i]] = gather.getDims()[i];
  }

  /// Everything that is computed from gathered values, as long as it has a dimension for the keys.
  LogicalResult grow() {
    SmallVector<Value> open;
    for (auto &[whole, piece] : a.gathers)
      open.push_back(whole);
    while (!open.empty()) {
      Value value = open.pop_back_val();
      int64_t dim = a.dims[value];
      for (OpOperand &use : value.getUses()) {
        Operation *user = use.getOwner();
        if (auto scatter = dyn_cast<ReduceScatterOp>(user)) {
          unsigned i = use.getOperandNumber();
          if (scatter.getDims()[i] != dim || !isOverContext(scatter.getAxes()) || scatter.getKind() != ReduceKind::Sum)
            return refuse(user, "cuts something else than the keys");
          a.scatters.push_back({scatter.getResults()[i], value, dim});
          continue;
        }
        ShardingRule rule = getLoops(user);
        int factor = rule.operands[use.getOperandNumber()][dim];
        if (factor == kWhole || user->getNumResults() != 1)
          return refuse(user, "needs all keys at once");
        int64_t at = positionOf(rule.results[0], factor);
        if (at < 0) {
          if (!llvm::is_contained(exits, user))
            exits.push_back(user);
          if (auto dot = dyn_cast<DotOp>(user); dot && failed(wholeContraction(dot)))
            return failure();
          if (auto dot = dyn_cast<DotOp>(user))
            if (failed(reachOther(dot, use.getOperandNumber(), rule, factor, open)))
              return failure();
          continue;
        }
        a.tiled.insert(user);
        auto [known, fresh] = a.dims.try_emplace(user->getResult(0), at);
        if (fresh)
          open.push_back(user->getResult(0));
        else if (known->second != at)
          return refuse(user, "has the keys twice");
      }
    }
    return success();
  }

  LogicalResult wholeContraction(DotOp dot) {
    if (dot.getLhsContract().size() != 1)
      return refuse(dot, "contracts more than the keys");
    return success();
  }

  /// Values come by a gather of their own, which the scores don't read.
  LogicalResult reachOther(DotOp dot, unsigned operand, const ShardingRule &rule, int factor,
                           SmallVector<Value> &open) {
    Value other = dot->getOperand(1 - operand);
    int64_t at = positionOf(rule.operands[1 - operand], factor);
    if (a.dims.count(other))
      return success();
    size_t before = a.gathers.size();
    findGathers(other, at);
    for (size_t i = before; i < a.gathers.size(); ++i)
      open.push_back((a.gathers.begin() + i)->first);
    return success();
  }

  template <typename Op> Op userOf(Value value) {
    for (Operation *user : value.getUsers())
      if (auto op = dyn_cast<Op>(user))
        return op;
    return {};
  }

  LogicalResult softmax() {
    auto wide = userOf<BroadcastOp>(max.getResult());
    auto shifted = wide ? userOf<arith::SubFOp>(wide) : arith::SubFOp();
    auto exp = shifted && shifted.getLhs() == a.scores ? userOf<math::ExpOp>(shifted) : math::ExpOp();
    if (!exp)
      return refuse(max, "is no softmax's");
    a.sum = userOf<ReduceOp>(exp);
    auto sums = a.sum ? userOf<BroadcastOp>(a.sum.getResult()) : BroadcastOp();
    a.weights = sums ? userOf<arith::DivFOp>(sums) : arith::DivFOp();
    if (!a.weights || a.sum.getKind() != ReduceKind::Sum || a.sum.getDims() != max.getDims() ||
        a.weights.getLhs() != exp.getResult() || a.weights.getRhs() != sums.getResult())
      return refuse(max, "is no softmax's");
    return success();
  }

  /// Factors by which `value` is more than `from`, up to the order; false where it is something else.
  bool factorsBetween(Value value, Value from, SmallVectorImpl<std::pair<StringRef, Value>> &factors, bool guards) {
    while (value != from) {
      Operation *op = value.getDefiningOp();
      if (!op || !a.tiled.contains(op))
        return false;
      auto dependsOn = [&](Value other) { return reaches(other, from); };
      if (auto mul = dyn_cast<arith::MulFOp>(op)) {
        bool left = dependsOn(mul.getLhs()), right = dependsOn(mul.getRhs());
        if (left == right)
          return false;
        factors.push_back({"mul", left ? mul.getRhs() : mul.getLhs()});
        value = left ? mul.getLhs() : mul.getRhs();
      } else if (auto div = dyn_cast<arith::DivFOp>(op)) {
        if (dependsOn(div.getRhs()))
          return false;
        factors.push_back({"div", div.getRhs()});
        value = div.getLhs();
      } else if (auto select = dyn_cast<arith::SelectOp>(op)) {
        bool onTrue = isZero(select.getFalseValue());
        if (!onTrue && !isZero(select.getTrueValue()))
          return false;
        if (dependsOn(select.getCondition())) {
          if (!guards || !isGuard(select.getCondition()))
            return false;
          a.guarded = true;
        }
        factors.push_back({onTrue ? "keep" : "drop", select.getCondition()});
        value = onTrue ? select.getTrueValue() : select.getFalseValue();
      } else if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
        value = op->getOperand(0);
      } else {
        return false;
      }
    }
    return true;
  }

  static bool isZero(Value value) {
    DenseFPElementsAttr splat;
    auto constant = value.getDefiningOp<arith::ConstantOp>();
    if (!constant)
      return false;
    splat = dyn_cast<DenseFPElementsAttr>(constant.getValue());
    return splat && splat.isSplat() && splat.getSplatValue<APFloat>().isZero();
  }
  /// NaN or not: the same of p and of any multiple.
  static bool isGuard(Value condition) {
    auto compare = condition.getDefiningOp<arith::CmpFOp>();
    return compare && compare.getLhs() == compare.getRhs() &&
           (compare.getPredicate() == arith::CmpFPredicate::UNO || compare.getPredicate() == arith::CmpFPredicate::ORD);
  }

  bool reaches(Value value, Value from) {
    SmallVector<Value> open = {value};
    DenseSet<Value> met;
    while (!open.empty()) {
      Value at = open.pop_back_val();
      if (at == from)
        return true;
      Operation *op = at.getDefiningOp();
      if (!met.insert(at).second || !op || !a.tiled.contains(op))
        continue;
      llvm::append_range(open, op->getOperands());
    }
    return false;
  }

  /// Ops of the tiles, and what costs nothing and is read by those alone.
  bool feedsTiles(Operation *op) {
    return a.tiled.contains(op) ||
           (isFree(op) && llvm::all_of(op->getUsers(), [&](Operation *user) { return a.tiled.contains(user); }));
  }

  /// What leaves the tiles: the two statistics, products over the keys, and in the backward pass one inner product.
  LogicalResult products() {
    for (Operation *op : exits) {
      bool backward = isBackward(op->getLoc());
      if (auto dot = dyn_cast<DotOp>(op)) {
        if (backward)
          a.queryGradients.push_back(dot);
        else if (a.output)
          return refuse(op, "reads the keys of an attention that has its output");
        else
          a.output = dot;
      } else if (op == a.max || op == a.sum) {
        continue;
      } else if (auto reduce = dyn_cast<ReduceOp>(op); reduce && backward && reduce.getKind() == ReduceKind::Sum &&
                                                       reduce.getDims().size() == 1 && !a.inner) {
        a.inner = reduce;
      } else {
        return refuse(op, "combines the keys in a way that no ring is known for");
      }
    }
    if (!a.output)
      return refuse(max, "has no product with values");
    for (Value operand : a.output.getOperands())
      if (reaches(operand, a.weights.getResult()))
        a.dropped = operand;
    SmallVector<std::pair<StringRef, Value>> factors;
    if (!a.dropped || !factorsBetween(a.dropped, a.weights.getResult(), factors, /*guards=*/true))
      return refuse(a.output, "has other factors than weights times what is known");
    if (cast<RankedTensorType>(a.dropped.getType()).getShape() !=
        cast<RankedTensorType>(a.weights.getType()).getShape())
      return refuse(a.output, "has weights of another shape");
    for (Operation *op : {a.max.getOperation(), a.sum.getOperation()})
      for (Operation *user : op->getUsers())
        if (!feedsTiles(user) && user->isBeforeInBlock(a.output))
          return refuse(user, "reads a statistic of the softmax early");
    return success();
  }

  /// p, or what guards leave of it: a row without any key has no weights and no gradient.
  bool isWeights(Value value) {
    SmallVector<std::pair<StringRef, Value>> factors;
    return a.dims.count(value) && reaches(value, a.weights.getResult()) &&
           factorsBetween(value, a.weights.getResult(), factors, /*guards=*/true) &&
           llvm::all_of(factors, [](auto &factor) { return factor.first != "mul" && isGuard(factor.second); });
  }

  /// D = sum over keys of p * f'(do·V) = sum over features of do * o: needs no keys (Dao et al. 2022, section B.2).
  LogicalResult innerProduct() {
    if (!a.inner)
      return a.queryGradients.empty() ? success() : refuse(max, "has a gradient that is no softmax's");
    auto product = a.inner.getX().getDefiningOp<arith::MulFOp>();
    Value p = a.weights.getResult(), dp;
    if (product && isWeights(product.getLhs()))
      dp = product.getRhs();
    else if (product && isWeights(product.getRhs()))
      dp = product.getLhs();
    if (!dp)
      return refuse(a.inner, "is no inner product with the weights");
    Value values = a.output->getOperand(a.output->getOperand(0) == a.dropped ? 1 : 0);
    for (Operation *user : values.getUsers())
      if (auto dot = dyn_cast<DotOp>(user);
          dot && dot != a.output && isBackward(dot.getLoc()) && a.tiled.contains(dot) && reaches(dp, dot.getResult()))
        a.cotangent = dot;
    SmallVector<std::pair<StringRef, Value>> forward, backward;
    if (!a.cotangent || !factorsBetween(dp, a.cotangent.getResult(), backward, /*guards=*/false) ||
        !factorsBetween(a.dropped, p, forward, /*guards=*/true))
      return refuse(a.inner, "is not of the cotangent of the output alone");
    llvm::sort(forward, order);
    llvm::sort(backward, order);
    if (forward != backward ||
        a.cotangent.getType().getShape() != cast<RankedTensorType>(a.weights.getType()).getShape())
      return refuse(a.inner, "has other factors than the forward pass");
    a.slope = a.cotangent->getOperand(a.cotangent->getOperand(0) == values ? 1 : 0);
    return success();
  }
  static bool order(const std::pair<StringRef, Value> &x, const std::pair<StringRef, Value> &y) {
    return std::pair(x.first, x.second.getAsOpaquePointer()) < std::pair(y.first, y.second.getAsOpaquePointer());
  }
};

} // namespace

FailureOr<RingAttention> matchRing(ReduceOp max, MeshAttr mesh, std::string &why) {
  return Matcher(max, mesh, why).run();
}

} // namespace mlir::llcc
