// What a step function goes through before its ops are grouped.
#include "passes/lower/Preparation.h"
#include "compiler/ir/Provenance.h"
#include "passes/lower/KernelForm.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::llcc {

/// Reductions to one value of more elements than this get a parallel first half.
static constexpr int64_t kLongReduction = 1 << 14;
/// A concat of more operands becomes a concat of concats, as a kernel has few arguments.
static constexpr size_t kMostOperands = 16;

LogicalResult checkLowerable(func::FuncOp function) {
  bool failedAny = false;
  auto report = [&](Operation *op) {
    failedAny = true;
    InFlightDiagnostic error = op->emitError();
    if (StringRef node = nodeOf(op->getLoc()); !node.empty())
      error << "node \"" << node << "\": ";
    return error;
  };
  if (!function.getBody().hasOneBlock()) {
    function.emitError() << "function @" << function.getName() << " has " << function.getBody().getBlocks().size()
                         << " blocks, lowering needs exactly one";
    return failure();
  }
  for (Operation &op : function.getBody().front()) {
    if (classOf(&op) == OpClass::Foreign) {
      report(&op) << op.getName() << " can't be lowered; "
                  << (isa<SigmoidOp, SoftplusOp, GeluOp, SoftmaxOp, LogSoftmaxOp, LayerNormOp, UpdateOp>(op)
                          ? "run llcc-decompose first"
                      : isa<ReshardOp>(op) ? "run llcc-plan-reshards first"
                                           : "it has neither loops nor a library call");
      continue;
    }
    auto isStatic = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && tensor.hasStaticShape() && !tensor.getEncoding() && tensor.getElementType().isIntOrFloat();
    };
    for (Type type :
         llvm::concat<const Type>(SmallVector<Type>(op.getOperandTypes()), SmallVector<Type>(op.getResultTypes())))
      if (!isStatic(type)) {
        report(&op) << op.getName() << " has a value of type " << type
                    << ", lowering needs tensors of static local shape";
        break;
      }
  }
  return failure(failedAny);
}

static void dropDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (op.use_empty() && isPure(&op) && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
}

static void replaceBy(Operation *op, Value value) {
  op->getResult(0).replaceAllUsesWith(value);
  op->erase();
}

/// Transposes and broadcasts that only move or add unit dimensions leave memory as it is.
static bool isView(Operation *op) {
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    int64_t last = -1;
    for (int64_t from : transpose.getPerm()) {
      if (shapeOf(transpose.getX())[from] == 1)
        continue;
      if (from < last)
        return false;
      last = from;
    }
    return true;
  }
  auto broadcast = dyn_cast<BroadcastOp>(op);
  return broadcast && elementsOf(broadcast.getX()) == elementsOf(broadcast.getResult());
}

static void makeView(Operation *op) {
  OpBuilder builder(op);
  Value x = op->getOperand(0), y = op->getResult(0);
  while (auto inner = x.getDefiningOp<ReshapeOp>())
    x = inner.getX();
  replaceBy(op, x.getType() == y.getType() ? x : ReshapeOp::create(builder, op->getLoc(), y.getType(), x).getResult());
}

static void splitConcat(ConcatOp concat) {
  OpBuilder builder(concat);
  SmallVector<Value> parts(concat.getXs());
  int64_t dim = concat.getDim();
  auto join = [&](ArrayRef<Value> xs) -> Value {
    if (xs.size() == 1)
      return xs[0];
    SmallVector<int64_t> shape(shapeOf(xs[0]));
    shape[dim] = 0;
    for (Value x : xs)
      shape[dim] += shapeOf(x)[dim];
    auto type = cast<RankedTensorType>(xs[0].getType()).clone(shape);
    return ConcatOp::create(builder, concat.getLoc(), type, xs, dim);
  };
  while (parts.size() > kMostOperands) {
    SmallVector<Value> joined;
    for (size_t i = 0; i < parts.size(); i += kMostOperands)
      joined.push_back(join(ArrayRef<Value>(parts).slice(i, std::min(kMostOperands, parts.size() - i))));
    parts = std::move(joined);
  }
  replaceBy(concat, join(parts));
}

/// The sum of a matrix is the sum of its rows' sums, which are computed in parallel.
static void splitReduction(ReduceOp reduce) {
  Value x = reduce.getX();
  OpBuilder builder(reduce);
  Type element = cast<RankedTensorType>(x.getType()).getElementType();
  if (shapeOf(x).size() == 1) {
    int64_t n = elementsOf(x), rows = 0;
    for (int64_t candidate = 64; candidate <= 1024 && !rows; ++candidate)
      rows = n % candidate ? 0 : candidate;
    if (!rows)
      return;
    x = ReshapeOp::create(builder, reduce.getLoc(), RankedTensorType::get({rows, n / rows}, element), x);
  }
  ArrayRef<int64_t> shape = shapeOf(x);
  size_t outer = 0;
  for (int64_t rows = 1; outer + 1 < shape.size() && rows < 256; ++outer)
    rows *= shape[outer];
  SmallVector<int64_t> inner, rest;
  for (size_t i = 0; i < shape.size(); ++i)
    (i < outer ? rest : inner).push_back(i);
  auto part = RankedTensorType::get(shape.take_front(outer), element);
  Value rows = ReduceOp::create(builder, reduce.getLoc(), part, x, reduce.getKind(), inner);
  replaceBy(reduce, ReduceOp::create(builder, reduce.getLoc(), reduce.getType(), rows, reduce.getKind(), rest));
}

/// r = select(x > 0, x, 0): x > 0 is r > 0, for NaN too.
static void readReluResult(arith::SelectOp relu) {
  auto test = relu.getCondition().getDefiningOp<arith::CmpFOp>();
  Value x = relu.getTrueValue();
  auto isZero = [](Value v) { return matchPattern(v, m_AnyZeroFloat()); };
  if (!test || test.getLhs() != x || !isZero(test.getRhs()) || !isZero(relu.getFalseValue()) ||
      (test.getPredicate() != arith::CmpFPredicate::UGT && test.getPredicate() != arith::CmpFPredicate::OGT))
    return;
  OpBuilder builder(relu);
  builder.setInsertionPointAfter(relu);
  Value again;
  for (Operation *user : llvm::to_vector(x.getUsers())) {
    auto other = dyn_cast<arith::CmpFOp>(user);
    if (!other || other.getLhs() != x || other.getPredicate() != test.getPredicate() || !isZero(other.getRhs()))
      continue;
    for (OpOperand &use : llvm::make_early_inc_range(other->getUses())) {
      if (use.getOwner() == relu || !relu->isBeforeInBlock(use.getOwner()))
        continue;
      if (!again)
        again = arith::CmpFOp::create(builder, test.getLoc(), test.getPredicate(), relu.getResult(), test.getRhs());
      use.set(again);
    }
  }
}

void prepareForFusing(func::FuncOp function) {
  Block &block = function.getBody().front();
  dropDead(block);
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (isa<ReshapeOp>(op) || isView(&op)) {
      makeView(&op);
    } else if (auto concat = dyn_cast<ConcatOp>(op)) {
      if (concat.getXs().size() > kMostOperands)
        splitConcat(concat);
    } else if (auto reduce = dyn_cast<ReduceOp>(op)) {
      if (elementsOf(reduce.getResult()) == 1 && shapeOf(reduce.getResult()).empty() &&
          elementsOf(reduce.getX()) > kLongReduction)
        splitReduction(reduce);
    } else if (auto select = dyn_cast<arith::SelectOp>(op)) {
      readReluResult(select);
    }
  }
  dropDead(block);
}

} // namespace mlir::llcc
