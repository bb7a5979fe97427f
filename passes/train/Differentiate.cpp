// Adds to @gradients the gradient of its loss by each trainable parameter.
//
//   @gradients(...) -> loss   ⇒   @gradients(...) -> (loss, gradient of each trainable parameter)
//
// Reverse mode: the ops are walked backwards, each hands the cotangent of its result to its operands by its row of the
// gradient table. Stands behind llcc-attach-loss, and before llcc-decompose, which takes apart what has a better
// gradient as a whole.
#include "compiler/ir/Provenance.h"
#include "passes/train/Gradients.h"
#include "passes/train/Guards.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace mlir::llcc {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "passes/train/Passes.h.inc"

namespace {

bool isFloat(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

/// What `op` reads, inside its regions too.
SmallVector<Value> readBy(Operation &op) {
  SmallVector<Value> values;
  op.walk([&](Operation *nested) { llvm::append_range(values, nested->getOperands()); });
  return values;
}

/// Float values that depend on one of `sources`.
DenseSet<Value> dependents(Block &block, ArrayRef<Value> sources) {
  DenseSet<Value> active(sources.begin(), sources.end());
  for (Operation &op : block)
    if (llvm::any_of(readBy(op), [&](Value v) { return active.contains(v); }))
      for (Value result : op.getResults())
        if (isFloat(result))
          active.insert(result);
  return active;
}

/// Ops that a cotangent would reach but that have no rule.
SmallVector<Operation *> opsWithoutRule(Block &block, Value loss, const DenseSet<Value> &active) {
  DenseSet<Value> reached = {loss};
  SmallVector<Operation *> missing;
  for (Operation &op : llvm::reverse(block)) {
    if (llvm::none_of(op.getResults(), [&](Value v) { return reached.contains(v) && active.contains(v); }))
      continue;
    if (!GradientTable::get().lookup(op.getName().getStringRef()))
      missing.push_back(&op);
    for (Value operand : readBy(op))
      if (active.contains(operand))
        reached.insert(operand);
  }
  std::reverse(missing.begin(), missing.end());
  return missing;
}

} // namespace

SmallVector<Operation *> opsWithoutGradient(func::FuncOp gradients) {
  SmallVector<Value> sources;
  for (auto [arg, name] : trainableParams(gradients))
    sources.push_back(gradients.getArgument(arg));
  if (!hasPlainBody(gradients) || returnOf(gradients).getNumOperands() == 0)
    return {};
  Block &block = gradients.getBody().front();
  return opsWithoutRule(block, returnOf(gradients).getOperand(0), dependents(block, sources));
}

/// Walks `ops` backwards; cotangents already has what the walk begins with.
static void walkBackwards(OpBuilder &builder, ArrayRef<Operation *> ops, Cotangents &cotangents) {
  Guards guards(ops);
  for (Operation *op : llvm::reverse(ops)) {
    bool reached = llvm::any_of(op->getResults(), [&](Value result) { return bool(cotangents.lookup(result)); });
    const GradientTable::Rule *rule = GradientTable::get().lookup(op->getName().getStringRef());
    if (!reached || !rule) // not on the way from a source to what is differentiated
      continue;
    Emitter gradient(builder, gradLoc(op->getLoc()));
    Value dy = cotangents.lookup(op->getResult(0));
    if (!dy)
      dy = gradient.constantLike(op->getResult(0), 0);
    Backward backward(builder, gradient.loc, dy, cotangents, guards.contains(op), op->hasTrait<OpTrait::Elementwise>());
    (*rule)(op, backward);
  }
}

SmallVector<Value> emitGradients(OpBuilder &builder, Location loc, Value y, ArrayRef<Value> xs,
                                 SmallVectorImpl<Operation *> &missing) {
  Block &block = *builder.getInsertionBlock();
  DenseSet<Value> active = dependents(block, xs);
  missing = opsWithoutRule(block, y, active);
  if (!missing.empty())
    return {};
  SmallVector<Operation *> ops;
  for (auto it = block.begin(); it != builder.getInsertionPoint(); ++it)
    ops.push_back(&*it);
  Cotangents cotangents(std::move(active));
  Emitter e(builder, loc);
  if (cotangents.isActive(y))
    cotangents.add(e, y, e.constantLike(y, 1));
  walkBackwards(builder, ops, cotangents);
  SmallVector<Value> gradients;
  for (Value x : xs) {
    Value gradient = cotangents.lookup(x);
    gradients.push_back(gradient ? gradient : e.constantLike(x, 0));
  }
  return gradients;
}

namespace {

struct DifferentiatePass : impl::DifferentiatePassBase<DifferentiatePass> {
  using DifferentiatePassBase::DifferentiatePassBase;

  void runOnOperation() override {
    auto func = getOperation().lookupSymbol<func::FuncOp>("gradients");
    if (!func) {
      getOperation().emitError("module has no @gradients; attach a loss first (llcc-attach-loss)");
      return signalPassFailure();
    }
    if (failed(differentiate(func)))
      signalPassFailure();
  }

private:
  LogicalResult differentiate(func::FuncOp func) {
    if (!hasPlainBody(func))
      return func.emitError("@gradients needs a body of one block that returns");
    if (func.getNumResults() != 1 || !func.getResultAttr(0, kLoss))
      return func.emitError("@gradients returns ")
             << func.getNumResults() << " results, differentiation needs the loss alone (llcc.loss)";
    Block &block = func.getBody().front();
    func::ReturnOp exit = returnOf(func);
    Value loss = exit.getOperand(0);
    if (!isFloat(loss) || typeOf(loss).getRank() != 0)
      return func.emitError("the loss has type ") << loss.getType() << ", differentiation needs a float scalar";

    SmallVector<Param> params = trainableParams(func);
    if (params.empty())
      return func.emitError("the model has no trainable parameter; nothing can be learned");
    SmallVector<Value> sources;
    for (auto [arg, name] : params) {
      if (!isFloat(func.getArgument(arg)))
        return func.emitError("parameter \"")
               << name << "\" has type " << func.getArgument(arg).getType() << " and cannot be trained; freeze it";
      sources.push_back(func.getArgument(arg));
    }

    DenseSet<Value> active = dependents(block, sources);
    if (SmallVector<Operation *> missing = opsWithoutRule(block, loss, active); !missing.empty())
      return reportMissing(func, missing);

    OpBuilder builder(exit);
    Cotangents cotangents(std::move(active));
    Location lossLoc = gradLoc(nodeLoc(&getContext(), "loss"));
    Emitter seed(builder, lossLoc);
    if (cotangents.isActive(loss))
      cotangents.add(seed, loss, seedOf(func, seed, loss));
    SmallVector<Operation *> ops;
    for (Operation &op : block.without_terminator())
      ops.push_back(&op);
    walkBackwards(builder, ops, cotangents);
    return returnGradients(func, params, cotangents, seed);
  }

  /// 1, or the loss scale where the function takes one.
  static Value seedOf(func::FuncOp func, Emitter &e, Value loss) {
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (argName(func, i, kState) == kLossScale)
        return e.convert(func.getArgument(i), typeOf(loss).getElementType());
    return e.constantLike(loss, 1);
  }

  /// One gradient for each parameter, zeros where the loss does not depend on it.
  LogicalResult returnGradients(func::FuncOp func, ArrayRef<Param> params, Cotangents &cotangents, Emitter &zeros) {
    Builder builder(&getContext());
    SmallVector<Value> results = {returnOf(func).getOperand(0)};
    SmallVector<Attribute> attrs = {func.getResultAttrDict(0)};
    for (auto [arg, name] : params) {
      Value param = func.getArgument(arg), gradient = cotangents.lookup(param);
      if (!gradient) {
        func.emitWarning("parameter \"") << name << "\" does not influence the loss; its gradient is zero";
        gradient = zeros.constantLike(param, 0);
      }
      results.push_back(gradient);
      attrs.push_back(builder.getDictionaryAttr(builder.getNamedAttr(kGradient, builder.getStringAttr(name))));
    }
    if (failed(returnStatistics(func, zeros, results, attrs)))
      return failure();
    returnOf(func)->setOperands(results);
    func.setType(builder.getFunctionType(func.getArgumentTypes(), ValueRange(results).getTypes()));
    func.setResAttrsAttr(builder.getArrayAttr(attrs));
    eraseDeadOps(func);
    return success();
  }

  /// For each parameter that llcc.track moves, its share of the step: with T tracks a microbatch and M microbatches,
  /// the i-th of K = T*M values counts (1-m) * m^(K-1-i), and @update adds m^K times the old value. Shares are summed
  /// like gradients.
  LogicalResult returnStatistics(func::FuncOp func, Emitter &e, SmallVectorImpl<Value> &results,
                                 SmallVectorImpl<Attribute> &attrs) {
    llvm::MapVector<Value, SmallVector<TrackOp>> tracks;
    func.walk([&](TrackOp op) { tracks[op.getRunning()].push_back(op); });
    int64_t parts = 1;
    if (auto attr = getOperation()->getAttrOfType<IntegerAttr>(kMicrobatches))
      parts = attr.getInt();
    for (auto &[running, ops] : tracks) {
      auto arg = dyn_cast<BlockArgument>(running);
      StringRef name = arg ? argName(func, arg.getArgNumber(), kParam) : StringRef();
      if (name.empty() || func.getArgAttr(arg.getArgNumber(), kTrainable))
        return ops.front().emitError("what llcc.track moves must be a parameter that is not trained");
      double momentum = ops.front().getMomentum().convertToDouble(), all = double(ops.size());
      Value sum;
      for (auto [i, op] : llvm::enumerate(ops)) {
        if (op.getMomentum().convertToDouble() != momentum)
          return op.emitError() << "parameter \"" << name << "\" is tracked with two momenta, " << momentum << " and "
                                << op.getMomentum().convertToDouble();
        Emitter at(e.builder, op.getLoc());
        Value share = at.mul(op.getValue(), (1 - momentum) * std::pow(momentum, all - 1 - double(i)));
        sum = sum ? at.add(sum, share) : share;
      }
      Emitter at(e.builder, ops.back().getLoc());
      if (parts > 1) { // microbatch k of M: m^(T*(M-1-k))
        Value k = scalarArgument(func, "microbatch", at.builder.getI64Type());
        Value left = at.binary<arith::SubIOp>(at.constantLike(k, double(parts - 1)), k);
        auto real = typeOf(k).clone(typeOf(sum).getElementType());
        Value times = at.mul(arith::SIToFPOp::create(at.builder, at.loc, real, left), all);
        Value weight = at.binary<math::PowFOp>(at.constant(real, momentum), times);
        sum = at.mul(sum, at.spread(weight, sum));
      }
      Builder builder(&getContext());
      func.setArgAttr(arg.getArgNumber(), kDecay, builder.getF64FloatAttr(std::pow(momentum, all * double(parts))));
      results.push_back(sum);
      attrs.push_back(builder.getDictionaryAttr(builder.getNamedAttr(kGradient, builder.getStringAttr(name))));
    }
    return success();
  }

  static LogicalResult reportMissing(func::FuncOp func, ArrayRef<Operation *> missing) {
    InFlightDiagnostic diagnostic = func.emitError("no gradient for ")
                                    << missing.size() << (missing.size() == 1 ? " op" : " ops")
                                    << " between trainable parameters and the loss: ";
    llvm::interleaveComma(missing, diagnostic, [&](Operation *op) {
      if (StringRef node = nodeOf(op->getLoc()); !node.empty())
        diagnostic << "node \"" << node << "\" (" << op->getName() << ")";
      else
        diagnostic << op->getName();
    });
    diagnostic << "; freeze the parameters in front of them";
    return diagnostic;
  }
};
} // namespace
} // namespace mlir::llcc
