// A gradient that is summed from several pipeline stages ⇒ one result of @gradients for each of them.
//
//   %t = scatter_add …   loc(grad(embedding))  stage 0       %t = scatter_add …
//   %h = dot …           loc(grad(head))       stage 3  ⇒    %h = dot …
//   %g = addf %t, %h                           stage 0       return %t {gradient = "wte"}, %h {gradient = "wte"}
//   return %g {gradient = "wte"}
//
// As it stood, %h would travel with every microbatch. Now each stage sums its own part over the microbatches, and the
// sum travels once a step, to the stage that keeps the parameter. What stands behind the addition and is linear (a view
// of the sum, its reduction over a group) is done by each stage to its part: a group's members are of one stage.
#include "passes/shard/TiedGradients.h"
#include "compiler/ir/LLCC.h"
#include "mlir/IR/IRMapping.h"
#include "passes/shard/Buckets.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::llcc {
namespace {

/// A summand, and what becomes of the sum behind it, first things first.
struct Summand {
  Value value;
  SmallVector<BucketPart> through;
};

/// f(a + b) = f(a) + f(b), and f moves, widens or sums elements, without arithmetic of its own on them.
bool isLinear(Operation *op) {
  if (auto reduce = dyn_cast<AllReduceOp>(op))
    return reduce.getKind() == ReduceKind::Sum;
  return isa<ReduceScatterOp, AllGatherOp, ReshapeOp, TransposeOp, SliceOp, AxisSliceOp, arith::ExtFOp>(op);
}

class Splitter {
public:
  Splitter(func::FuncOp gradients, function_ref<std::optional<int64_t>(Operation *)> stageOf, bool always)
      : gradients(gradients), stageOf(stageOf), always(always) {}

  bool run() {
    Operation *end = gradients.getBody().front().getTerminator();
    SmallVector<Value> results;
    SmallVector<DictionaryAttr> attrs;
    for (auto [i, value] : llvm::enumerate(end->getOperands())) {
      SmallVector<Value> parts = {value};
      if (gradients.getResultAttr(i, "llcc.gradient"))
        parts = partsOfGradient(value);
      attrs.append(parts.size(), gradients.getResultAttrDict(i));
      results.append(parts);
    }
    if (results.size() == end->getNumOperands())
      return false;
    end->setOperands(results);
    gradients.setFunctionType(
        FunctionType::get(gradients.getContext(), gradients.getArgumentTypes(), TypeRange(ValueRange(results))));
    gradients.setAllResultAttrs(attrs);
    eraseReplaced();
    return true;
  }

private:
  func::FuncOp gradients;
  function_ref<std::optional<int64_t>(Operation *)> stageOf;
  bool always;
  llvm::SetVector<Operation *> replaced; ///< ops that parts are computed without

  SmallVector<Summand> summandsOf(Value x) {
    Operation *def = x.getDefiningOp();
    if (!def || !stageOf(def))
      return {{x, {}}};
    if (isa<arith::AddFOp>(def)) {
      SmallVector<Summand> all = summandsOf(def->getOperand(0));
      all.append(summandsOf(def->getOperand(1)));
      return all;
    }
    if (!isLinear(def))
      return {{x, {}}};
    unsigned index = cast<OpResult>(x).getResultNumber();
    SmallVector<Summand> all = summandsOf(def->getOperand(isBucket(def) ? index : 0));
    if (all.size() == 1)
      return {{x, {}}};
    for (Summand &summand : all)
      summand.through.push_back({def, index});
    return all;
  }

  SmallVector<Value> partsOfGradient(Value value) {
    SmallVector<Summand> summands = summandsOf(value);
    llvm::MapVector<int64_t, SmallVector<Summand *>> parts; // in the order of their first summands
    for (auto [i, summand] : llvm::enumerate(summands)) {
      Operation *def = summand.value.getDefiningOp();
      std::optional<int64_t> stage = def ? stageOf(def) : std::nullopt;
      if (!stage)
        return {value};
      parts[always ? int64_t(i) : *stage].push_back(&summand);
    }
    if (parts.size() == 1)
      return {value};
    SmallVector<Value> sums;
    for (auto &[key, members] : parts) {
      Value sum;
      for (Summand *summand : members) {
        Value x = carry(*summand);
        if (!sum) {
          sum = x;
          continue;
        }
        OpBuilder b(gradients.getContext());
        b.setInsertionPointAfter(sum.getDefiningOp()->isBeforeInBlock(x.getDefiningOp()) ? x.getDefiningOp()
                                                                                         : sum.getDefiningOp());
        sum = arith::AddFOp::create(b, x.getLoc(), sum, x);
      }
      sums.push_back(sum);
    }
    markReplaced(value);
    return sums;
  }

  /// What was done to the sum, done to a summand, on the summand's stage.
  Value carry(const Summand &summand) {
    Value x = summand.value;
    Location loc = x.getLoc();
    for (const BucketPart &part : summand.through) {
      OpBuilder b(gradients.getContext());
      b.setInsertionPointAfter(x.getDefiningOp());
      if (isBucket(part.op)) {
        x = createBucket(b, loc, part, x)->getResult(0);
        continue;
      }
      IRMapping map;
      map.map(part.op->getOperand(0), x);
      Operation *own = b.clone(*part.op, map);
      own->setLoc(loc);
      x = own->getResult(0);
    }
    return x;
  }

  void markReplaced(Value x) {
    Operation *def = x.getDefiningOp();
    bool sum = isa<arith::AddFOp>(def);
    if (!sum && summandsOf(x).size() == 1)
      return;
    replaced.insert(def);
    if (sum)
      for (Value operand : def->getOperands())
        markReplaced(operand);
    else
      markReplaced(def->getOperand(isBucket(def) ? cast<OpResult>(x).getResultNumber() : 0));
  }

  /// Readers first. A bucket loses what nobody reads of it any more.
  void eraseReplaced() {
    SmallVector<Operation *> order = replaced.takeVector();
    llvm::sort(order, [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
    for (Operation *op : order) {
      SmallVector<BucketPart> left;
      SmallVector<Value> operands;
      for (OpResult result : op->getResults())
        if (!result.use_empty()) {
          left.push_back({op, result.getResultNumber()});
          operands.push_back(op->getOperand(isBucket(op) ? result.getResultNumber() : 0));
        }
      if (left.size() == op->getNumResults())
        continue;
      if (!left.empty()) {
        OpBuilder b(op);
        Operation *rest = createBucket(b, op->getLoc(), left, operands);
        for (auto [part, result] : llvm::zip(left, rest->getResults()))
          op->getResult(part.index).replaceAllUsesWith(result);
      }
      op->erase();
    }
  }
};
} // namespace

bool splitTiedGradients(func::FuncOp gradients, function_ref<std::optional<int64_t>(Operation *)> stageOf,
                        bool always) {
  return Splitter(gradients, stageOf, always).run();
}

} // namespace mlir::llcc
