// Says which values of the model are 16 bits wide: rounds what --precision asks for, and gives trained parameters of
// bf16 or f16 files an f32 master.
//
//   %y = llcc.dot %x, %w : f32    ⇒    %a = truncf %x, %b = truncf %w, %c = llcc.dot %a, %b : bf16, %y = extf %c
//
// First of the train stage, on @forward alone: labels and loss come behind it in f32, and differentiation carries the
// choice over to the backward pass, as the gradient of a cast is a cast. All arithmetic but that of contractions stays
// f32 in the IR; a value is 16 bits wide where it is rounded, which is what is stored, sent and multiplied. The rules
// are in README.md, "Precision".
#include "passes/train/Emitter.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTPRECISIONPASS
#include "passes/train/Passes.h.inc"

namespace {

bool isF32(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

bool isContraction(Operation *op) { return isa<DotOp, ConvOp, ConvInputGradOp, ConvWeightGradOp>(op); }

/// Only moves elements of its data operands, or picks among them.
bool isMovement(Operation *op) {
  return isa<ReshapeOp, TransposeOp, BroadcastOp, SliceOp, PadOp, ConcatOp, GatherOp, MaxPoolOp>(op);
}

/// Operands whose elements the result is made of: all but the indices of a gather.
OperandRange dataOf(Operation *op) {
  return isa<GatherOp>(op) ? op->getOperands().take_front(1) : OperandRange(op->getOperands());
}

/// What is computed and kept in f32: sums, and functions that enlarge a rounding error of their operand.
bool isWide(Operation *op) {
  return isa<ReduceOp, SoftmaxOp, LogSoftmaxOp, LayerNormOp, SoftplusOp, ScatterAddOp>(op) ||
         isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp, math::Log2Op, math::Log10Op, math::Log1pOp,
             math::PowFOp, math::RsqrtOp, math::TanOp, math::AcosOp, math::AsinOp, math::CoshOp, math::SinhOp>(op);
}

/// Wide ops whose result has the size of an activation, and goes on as one.
bool isNorm(Operation *op) { return isa<SoftmaxOp, LogSoftmaxOp, LayerNormOp>(op); }

bool isElementwise(Operation *op) {
  return !isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp>(op) && OpTrait::hasElementwiseMappableTraits(op);
}

/// Makes values of @forward 16 bits wide, of type `low`. With `rounds` f32 values become so by the rules of README.md;
/// without, only what the file itself rounded: movements and contractions of values that are 16 bits wide already.
class Narrowing {
public:
  Narrowing(func::FuncOp func, FloatType low, bool rounds)
      : func(func), low(low), rounds(rounds), builder(func.getContext()) {}

  void run() {
    SmallVector<Operation *> ops;
    for (Operation &op : func.getBody().front().without_terminator())
      ops.push_back(&op);
    if (rounds)
      findWide(ops);
    for (Operation *op : ops)
      visit(op);
    eraseDeadOps(func);
  }

private:
  func::FuncOp func;
  FloatType low;
  bool rounds;
  OpBuilder builder;
  DenseSet<Value> wide;             ///< only f32 ops read them: they are not rounded
  DenseMap<Value, Value> parameter; ///< of parameters and what is moved out of them: the rounded value

  Type lowOf(Value value) { return typeOf(value).clone(low); }

  /// A value that is there in 16 bits already, and that.
  Value narrowOf(Value value) {
    auto extend = value.getDefiningOp<arith::ExtFOp>();
    return extend && typeOf(extend.getIn()).getElementType() == low ? extend.getIn() : Value();
  }

  /// A parameter, a constant, or what is moved out of these: neither an activation nor what makes one f32.
  bool isWeak(Value value) {
    if (auto arg = dyn_cast<BlockArgument>(value))
      return bool(func.getArgAttr(arg.getArgNumber(), kParam));
    Operation *op = value.getDefiningOp();
    if (auto truncate = dyn_cast<arith::TruncFOp>(op))
      return isWeak(truncate.getIn());
    if (auto extend = dyn_cast<arith::ExtFOp>(op))
      return isWeak(extend.getIn());
    return isa<arith::ConstantOp>(op) ||
           (isMovement(op) && !isa<GatherOp>(op) && llvm::all_of(dataOf(op), [&](Value x) { return isWeak(x); }));
  }

  /// Users first: a value is wide if nothing but f32 arithmetic, or the caller, reads it. What several ops read is
  /// stored, so it is wide only where each of them is (a residual, which a norm and a sum read, is not).
  void findWide(ArrayRef<Operation *> ops) {
    for (Operation *op : llvm::reverse(ops)) {
      if (op->getNumResults() != 1)
        continue;
      Value result = op->getResult(0);
      bool all = llvm::all_of(result.getUsers(), [&](Operation *user) {
        if (isa<func::ReturnOp>(user) || isWide(user))
          return true;
        return result.hasOneUse() && (isElementwise(user) || isMovement(user)) && user->getNumResults() == 1 &&
               (wide.contains(user->getResult(0)) || !isF32(user->getResult(0)));
      });
      if (all)
        wide.insert(result);
    }
  }

  /// `value` in 16 bits, for an op at the builder's place. What is rounded for one reader is rounded for all: it is
  /// stored once. Parameters are no activations: their other readers go on with the master.
  Value narrow(Value value) {
    if (Value known = narrowOf(value))
      return known;
    Value &known = isWeak(value) ? parameter[value] : value;
    if (known != value && known)
      return known;
    OpBuilder::InsertionGuard guard(builder);
    if (isWeak(value)) {
      builder.setInsertionPointAfterValue(value);
      Operation *def = value.getDefiningOp();
      // Rounded before it is moved, so that a parameter is rounded once however it is read.
      if (def && isa<ReshapeOp, TransposeOp, SliceOp>(def)) {
        Value inner = narrow(def->getOperand(0));
        return parameter[value] = moved(def, inner);
      }
      return parameter[value] = builder.createOrFold<arith::TruncFOp>(value.getLoc(), lowOf(value), value);
    }
    return round(value);
  }

  /// Rounds a value for all its readers; gives the 16 bit one.
  Value round(Value value) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfterValue(value);
    auto truncate = arith::TruncFOp::create(builder, value.getLoc(), lowOf(value), value);
    auto extend = arith::ExtFOp::create(builder, value.getLoc(), value.getType(), truncate.getResult());
    value.replaceAllUsesExcept(extend, truncate);
    return truncate;
  }

  /// The movement `op` on the 16 bit operand `x`.
  Value moved(Operation *op, Value x) {
    IRMapping map;
    map.map(op->getOperand(0), x);
    Operation *copy = builder.clone(*op, map);
    copy->getResult(0).setType(cast<RankedTensorType>(lowOf(op->getResult(0))));
    return copy->getResult(0);
  }

  /// `op` on 16 bit data operands, with a 16 bit result that its readers see extended.
  void rebuild(Operation *op) {
    builder.setInsertionPoint(op);
    SmallVector<Value> operands;
    for (auto [i, x] : llvm::enumerate(op->getOperands()))
      operands.push_back(i < dataOf(op).size() ? narrow(x) : x);
    Value result = op->getResult(0);
    Type type = result.getType();
    op->setOperands(operands);
    result.setType(cast<RankedTensorType>(lowOf(result)));
    builder.setInsertionPointAfter(op);
    auto extend = arith::ExtFOp::create(builder, op->getLoc(), type, result);
    result.replaceAllUsesExcept(extend, extend);
  }

  /// An op of a 16 bit file: it reads extended values. A product that is rounded next is rounded by the library; one
  /// that goes on in f32 (a bias is added) stays as it was accumulated.
  void visitRounded(Operation *op) {
    auto data = dataOf(op);
    if (!(isMovement(op) || isContraction(op)) || !llvm::all_of(data, [&](Value x) { return narrowOf(x); }))
      return;
    if (isMovement(op))
      return rebuild(op);
    SmallVector<Value> operands;
    for (Value x : data)
      operands.push_back(narrowOf(x));
    op->setOperands(operands);
    Value result = op->getResult(0);
    auto truncate = result.hasOneUse() ? dyn_cast<arith::TruncFOp>(*result.user_begin()) : arith::TruncFOp();
    if (!truncate || truncate.getType() != lowOf(result))
      return;
    result.setType(cast<RankedTensorType>(lowOf(result)));
    truncate.replaceAllUsesWith(result);
  }

  void visit(Operation *op) {
    if (op->getNumResults() != 1 || !isF32(op->getResult(0)) || op->getNumOperands() == 0 ||
        !llvm::all_of(dataOf(op), [&](Value x) { return isF32(x) || !isa<FloatType>(typeOf(x).getElementType()); }))
      return;
    Value result = op->getResult(0);
    if (!rounds)
      return visitRounded(op);
    if (isContraction(op))
      return isWeak(op->getOperand(0)) && isWeak(op->getOperand(1)) ? void() : rebuild(op);
    if (isMovement(op)) {
      auto data = dataOf(op);
      bool some = llvm::any_of(data, [&](Value x) { return narrowOf(x) && !isWeak(x); });
      if (some && llvm::all_of(data, [&](Value x) { return narrowOf(x) || isWeak(x); }))
        return rebuild(op);
      if (isa<GatherOp>(op) && isWeak(data[0]) && !isWeak(op->getOperand(1)) && !wide.contains(result))
        round(result); // rows of an embedding
      return;
    }
    if (wide.contains(result))
      return;
    if (isNorm(op)) {
      round(result);
      return;
    }
    if (isWide(op) || !(isElementwise(op) || isa<AvgPoolOp>(op)))
      return;
    bool some = false, all = true;
    for (Value x : op->getOperands()) {
      if (!isF32(x) || isWeak(x))
        continue;
      bool narrow = bool(narrowOf(x));
      some |= narrow, all &= narrow;
    }
    if (some && all)
      round(result);
  }
};

struct ConvertPrecisionPass : impl::ConvertPrecisionPassBase<ConvertPrecisionPass> {
  using ConvertPrecisionPassBase::ConvertPrecisionPassBase;

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    FloatType low = llvm::StringSwitch<FloatType>(precision)
                        .Case("bf16", BFloat16Type::get(&getContext()))
                        .Case("f16", Float16Type::get(&getContext()))
                        .Default(FloatType());
    if (!low && precision != "f32") {
      getOperation().emitError() << "precision \"" << precision << "\" is not known, needs f32, bf16 or f16";
      return signalPassFailure();
    }
    if (!forward || !hasPlainBody(forward)) {
      getOperation().emitError() << "module has no @forward of one block; import a model first";
      return signalPassFailure();
    }
    makeMasters(forward);
    hoistRounding(forward);
    for (FloatType type : {FloatType(BFloat16Type::get(&getContext())), FloatType(Float16Type::get(&getContext()))})
      Narrowing(forward, type, /*rounds=*/false).run();
    if (low)
      Narrowing(forward, low, /*rounds=*/true).run();
  }

private:
  /// truncf(reshape x) becomes reshape(truncf x): a product is then rounded where it is made.
  static void hoistRounding(func::FuncOp forward) {
    SmallVector<arith::TruncFOp> truncates;
    forward.walk([&](arith::TruncFOp op) { truncates.push_back(op); });
    for (arith::TruncFOp truncate : llvm::reverse(truncates)) {
      Type element = typeOf(truncate).getElementType();
      while (Operation *move = truncate.getIn().getDefiningOp()) {
        if (!isa<ReshapeOp, TransposeOp>(move) || !move->getResult(0).hasOneUse())
          break;
        OpBuilder builder(move);
        Value x = move->getOperand(0);
        auto narrow = arith::TruncFOp::create(builder, truncate.getLoc(), typeOf(x).clone(element), x);
        move->setOperand(0, narrow);
        move->getResult(0).setType(cast<RankedTensorType>(truncate.getType()));
        truncate.replaceAllUsesWith(move->getResult(0));
        truncate.erase();
        truncate = narrow;
      }
    }
  }

  /// Trained parameters of 16 bits become f32 arguments, rounded where the model reads them: steps that are smaller
  /// than half a unit in the last place of bf16 would be lost. `llcc.stored` keeps the file's type.
  void makeMasters(func::FuncOp forward) {
    OpBuilder builder = OpBuilder::atBlockBegin(&forward.getBody().front());
    for (auto [arg, name] : trainableParams(forward)) {
      BlockArgument value = forward.getArgument(arg);
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type || !(type.getElementType().isF16() || type.getElementType().isBF16()))
        continue;
      value.setType(type.clone(builder.getF32Type()));
      auto stored = arith::TruncFOp::create(builder, value.getLoc(), type, value);
      value.replaceAllUsesExcept(stored, stored);
      forward.setArgAttr(arg, kStored, TypeAttr::get(type.getElementType()));
    }
    forward.setType(builder.getFunctionType(forward.getBody().front().getArgumentTypes(), forward.getResultTypes()));
  }
};
} // namespace
} // namespace mlir::llcc
