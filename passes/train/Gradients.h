// The gradient table: for each op of the language, how the cotangent of its result becomes cotangents of its operands.
#ifndef LLCC_PASSES_TRAIN_GRADIENTS_H
#define LLCC_PASSES_TRAIN_GRADIENTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/train/Emitter.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {

/// Sums of cotangents (d loss / d value) while a function is walked backwards.
class Cotangents {
public:
  /// `active`: values that depend on a trainable parameter; nothing is computed for others.
  explicit Cotangents(DenseSet<Value> active) : active(std::move(active)) {}
  bool isActive(Value value) const { return active.contains(value); }
  /// Nothing where the loss does not depend on `value`.
  Value lookup(Value value) const { return sums.lookup(value); }
  void add(Emitter &e, Value value, Value cotangent);

private:
  DenseSet<Value> active;
  DenseMap<Value, Value> sums;
};

/// What a rule sees: ops are emitted behind the forward ops, at the location "grad"(op).
class Backward : public Emitter {
public:
  /// `guarded`: by Guards.
  Backward(OpBuilder &builder, Location loc, Value dy, Cotangents &cotangents, bool guarded = false,
           bool elementwise = false)
      : Emitter(builder, loc), dy(dy), guarded(guarded), elementwise(elementwise), cotangents(cotangents) {}

  /// Whether d loss / d `operand` is wanted.
  bool needs(Value operand) const { return cotangents.isActive(operand); }
  /// Adds to d loss / d `operand` what `compute` gives; asks only where it is wanted. Of a guarded elementwise op it is
  /// 0 where dy is.
  void give(Value operand, llvm::function_ref<Value()> compute) {
    if (needs(operand))
      cotangents.add(*this, operand, guarded && elementwise ? zeroWithDy(compute()) : compute());
  }

  /// d loss / d another result of the op; nothing where the loss does not depend on it.
  Value cotangentOf(Value result) const { return cotangents.lookup(result); }

  const Value dy;     ///< d loss / d result (the first one), of the result's type
  const bool guarded; ///< where dy is 0, nothing may come of it: see Guards.h

private:
  Value zeroWithDy(Value cotangent);
  const bool elementwise; ///< each element of an operand has an influence on one of the result alone, that at its place
  Cotangents &cotangents;
};

/// Ops of @gradients (after llcc-attach-loss) that a cotangent would reach on its way from the loss to a trainable
/// parameter, but that have no rule; in order. Empty too where the function has no loss.
SmallVector<Operation *> opsWithoutGradient(func::FuncOp gradients);

/// Emits d sum(y) / d x for each of `xs` where the builder stands, which is behind the op that makes y; zeros where y
/// does not depend on it. `missing` gets the ops on the way that have no rule; then nothing is emitted.
SmallVector<Value> emitGradients(OpBuilder &builder, Location loc, Value y, ArrayRef<Value> xs,
                                 SmallVectorImpl<Operation *> &missing);

class GradientTable {
public:
  using Rule = std::function<void(Operation *, Backward &)>;

  /// All rules; each op of the language has at most one.
  static const GradientTable &get();
  /// Nothing where the op has no rule. `name`: as in `arith.mulf`.
  const Rule *lookup(StringRef name) const;

  /// `rule`: void(Op, Backward &), gives to the operands. Of an op with several results it is asked where the loss
  /// depends on any of them.
  template <typename Op, typename RuleT> void add(RuleT rule) {
    rules[Op::getOperationName()] = [rule](Operation *op, Backward &b) { rule(cast<Op>(op), b); };
  }
  /// Ops that are constant almost everywhere (floor): nothing flows.
  template <typename... Ops> void addConstant() {
    (add<Ops>([](Ops, Backward &) {}), ...);
  }

private:
  GradientTable();
  llvm::StringMap<Rule> rules;
};

// The rows of the table, by family.
void addElementwiseGradients(GradientTable &table);
void addMathGradients(GradientTable &table);
void addShapeGradients(GradientTable &table);
void addIndexingGradients(GradientTable &table);
void addContractionGradients(GradientTable &table);
void addRecurrenceGradients(GradientTable &table);
void addWholeGradients(GradientTable &table);

} // namespace mlir::llcc

#endif
