// Proves what must hold after train (compiler/ir/README.md): @forward, @gradients and @update fit together, each
// trainable parameter has one gradient and one update, and no op is left that had to be taken apart.
//
// Every violation is one sentence; all are reported, then the pass fails.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/verify/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYTRAINPASS
#include "passes/verify/Passes.h.inc"

namespace {

/// Arguments or results of a function that carry one attribute: name → number, in order.
using Named = llvm::MapVector<StringRef, unsigned>;

struct VerifyTrainPass : impl::VerifyTrainPassBase<VerifyTrainPass> {
  using VerifyTrainPassBase::VerifyTrainPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto microbatches = module->getAttrOfType<IntegerAttr>("llcc.microbatches");
    if (!microbatches || microbatches.getInt() < 1)
      fail(module) << "module needs llcc.microbatches, a number above 0 (llcc-attach-loss sets it)";
    auto forward = find("forward", "import"), gradients = find("gradients", "llcc-attach-loss"),
         update = find("update", "llcc-attach-optimizer");
    for (func::FuncOp func : {forward, gradients, update})
      if (func)
        checkOps(func);
    if (forward && gradients)
      checkParams(forward, gradients);
    if (gradients)
      checkGradients(gradients);
    if (gradients && update)
      checkUpdate(gradients, update);
    if (failedOnce)
      signalPassFailure();
  }

private:
  bool failedOnce = false;

  InFlightDiagnostic fail(Operation *op) {
    failedOnce = true;
    return op->emitError();
  }

  func::FuncOp find(StringRef name, StringRef maker) {
    auto func = getOperation().lookupSymbol<func::FuncOp>(name);
    if (!func)
      fail(getOperation()) << "module has no @" << name << "; " << maker << " makes it";
    else if (func.isExternal() || !func.getBody().hasOneBlock()) {
      fail(func) << "@" << name << " needs one block of ops";
      return {};
    }
    return func;
  }

  /// Only arith, math and decomposed llcc ops on statically shaped tensors.
  void checkOps(func::FuncOp func) {
    func.walk([&](Operation *op) {
      if (isa<func::FuncOp, func::ReturnOp>(op))
        return;
      if (isa<SigmoidOp, SoftplusOp, GeluOp, SoftmaxOp, LogSoftmaxOp, LayerNormOp, StandardizeOp, TrackOp, UpdateOp>(
              op))
        fail(op) << where(op) << op->getName() << " is left in @" << func.getName()
                 << "; llcc-decompose takes it apart";
      else if (isa<ByModeOp>(op))
        fail(op) << where(op) << op->getName() << " is left in @" << func.getName()
                 << "; llcc-split-modes chooses a side";
      else if (op->getNumRegions() || !isa<arith::ArithDialect, math::MathDialect, LlccDialect>(op->getDialect()))
        fail(op) << where(op) << op->getName() << " is in @" << func.getName()
                 << ", only arith, math and llcc ops may be";
      for (Type type : op->getResultTypes())
        if (auto tensor = dyn_cast<RankedTensorType>(type); !tensor || !tensor.hasStaticShape())
          fail(op) << where(op) << op->getName() << " has result type " << type << ", needs a tensor of known shape";
    });
  }
  static std::string where(Operation *op) {
    StringRef node = nodeOf(op->getLoc());
    return node.empty() ? "" : ("node \"" + node + "\": ").str();
  }

  Named namedArgs(func::FuncOp func, StringRef key) {
    return collect(func, key, func.getNumArguments(), "arguments", [&](unsigned i) { return func.getArgAttr(i, key); });
  }
  Named namedResults(func::FuncOp func, StringRef key) {
    return collect(func, key, func.getNumResults(), "results", [&](unsigned i) { return func.getResultAttr(i, key); });
  }
  Named collect(func::FuncOp func, StringRef key, unsigned count, StringRef what,
                llvm::function_ref<Attribute(unsigned)> attrOf) {
    Named named;
    for (unsigned i = 0; i < count; ++i)
      if (auto name = dyn_cast_or_null<StringAttr>(attrOf(i)))
        if (!named.insert({name.getValue(), i}).second)
          fail(func) << "@" << func.getName() << " has two " << what << " with " << key << " = \"" << name.getValue()
                     << "\"";
    return named;
  }

  /// @gradients has the inputs and parameters of @forward, and says the same of each.
  void checkParams(func::FuncOp forward, func::FuncOp gradients) {
    for (StringRef key : {"llcc.input", "llcc.param"}) {
      Named of = namedArgs(forward, key), in = namedArgs(gradients, key);
      for (auto [name, i] : of) {
        auto it = in.find(name);
        if (it == in.end())
          fail(gradients) << "@gradients lacks the argument " << key << " = \"" << name << "\" of @forward";
        else if (forward.getArgumentTypes()[i] != gradients.getArgumentTypes()[it->second])
          fail(gradients) << "\"" << name << "\" has type " << gradients.getArgumentTypes()[it->second]
                          << " in @gradients and " << forward.getArgumentTypes()[i] << " in @forward";
        else if (!forward.getArgAttr(i, "llcc.trainable") != !gradients.getArgAttr(it->second, "llcc.trainable"))
          fail(gradients) << "parameter \"" << name << "\" is trainable in only one of @forward and @gradients";
      }
    }
  }

  /// Loss first, then one gradient of the parameter's type for each trainable parameter.
  void checkGradients(func::FuncOp func) {
    auto loss = func.getNumResults() ? dyn_cast<RankedTensorType>(func.getResultTypes()[0]) : RankedTensorType();
    if (!loss || !func.getResultAttr(0, "llcc.loss") || loss.getRank() != 0 || !isa<FloatType>(loss.getElementType()))
      fail(func) << "@gradients must return the loss first, a float scalar with llcc.loss";
    Named params = namedArgs(func, "llcc.param"), gradients = namedResults(func, "llcc.gradient");
    for (auto [name, arg] : params) {
      auto it = gradients.find(name);
      bool trainable = func.getArgAttr(arg, "llcc.trainable") || func.getArgAttr(arg, "llcc.decay");
      if (trainable && it == gradients.end())
        fail(func) << "trainable parameter \"" << name << "\" has no gradient";
      else if (!trainable && it != gradients.end())
        fail(func) << "frozen parameter \"" << name << "\" has a gradient";
      else if (trainable && func.getResultTypes()[it->second] != func.getArgumentTypes()[arg])
        fail(func) << "parameter \"" << name << "\" has type " << func.getArgumentTypes()[arg] << ", its gradient "
                   << func.getResultTypes()[it->second];
    }
    for (auto [name, result] : gradients)
      if (!params.count(name))
        fail(func) << "gradient of \"" << name << "\" belongs to no parameter";
    for (unsigned i = 1; i < func.getNumResults(); ++i)
      if (!func.getResultAttr(i, "llcc.gradient"))
        fail(func) << "result " << i << " of @gradients is neither loss nor gradient";
  }

  /// Each trained parameter goes in with its gradient and comes out once, so does each state; lr and step are fed.
  void checkUpdate(func::FuncOp gradients, func::FuncOp update) {
    Named made = namedResults(gradients, "llcc.gradient"), taken = namedArgs(update, "llcc.gradient");
    Named params = namedArgs(update, "llcc.param");
    for (auto [name, result] : made) {
      checkType(update, "gradient", name, gradients.getResultTypes()[result], taken);
      if (!params.count(name))
        fail(update) << "parameter \"" << name << "\" has a gradient but no update";
    }
    for (auto [name, arg] : params)
      if (!made.count(name))
        fail(update) << "parameter \"" << name << "\" is updated without a gradient";
    for (StringRef key : {"llcc.param", "llcc.state"}) {
      Named before = namedArgs(update, key), after = namedResults(update, key);
      for (auto [name, arg] : before) {
        auto it = after.find(name);
        if (it == after.end())
          fail(update) << "@update does not return " << key << " = \"" << name << "\"";
        else if (update.getResultTypes()[it->second] != update.getArgumentTypes()[arg])
          fail(update) << "\"" << name << "\" has type " << update.getArgumentTypes()[arg] << " before and "
                       << update.getResultTypes()[it->second] << " after the update";
        if (key == "llcc.state" && !update.getArgAttrOfType<FloatAttr>(arg, "llcc.init"))
          fail(update) << "state \"" << name << "\" has no initial value (llcc.init)";
      }
      for (auto [name, result] : after)
        if (!before.count(name))
          fail(update) << "@update returns " << key << " = \"" << name << "\" that it does not take";
    }
    // Rounding of the size of a step would lose it.
    for (StringRef key : {"llcc.param", "llcc.state"})
      for (auto [name, arg] : namedArgs(update, key))
        if (auto type = dyn_cast<RankedTensorType>(update.getArgumentTypes()[arg]);
            type && type.getElementType().isFloat() && type.getElementTypeBitWidth() < 32)
          fail(update) << "\"" << name << "\" is updated as " << type
                       << "; llcc-convert-precision gives parameters of 16 bits an f32 master";
    Named states = namedArgs(update, "llcc.state");
    for (auto [name, arg] : namedArgs(gradients, "llcc.state"))
      if (auto it = states.find(name); it == states.end())
        fail(update) << "@update does not take the state \"" << name << "\" of @gradients";
    Builder builder(&getContext());
    Named scalars = namedArgs(update, "llcc.scalar");
    checkType(update, "scalar", "lr", RankedTensorType::get({}, builder.getF32Type()), scalars);
    checkType(update, "scalar", "step", RankedTensorType::get({}, builder.getF64Type()), scalars);
    checkCaptures(update, made);
  }

  void checkType(func::FuncOp update, StringRef what, StringRef name, Type type, const Named &args) {
    auto it = args.find(name);
    if (it == args.end())
      fail(update) << "@update does not take the " << what << " \"" << name << "\"";
    else if (update.getArgumentTypes()[it->second] != type)
      fail(update) << "@update takes the " << what << " \"" << name << "\" as " << update.getArgumentTypes()[it->second]
                   << ", it is " << type;
  }

  /// The host can see each gradient as it comes in, before clipping.
  void checkCaptures(func::FuncOp update, const Named &gradients) {
    llvm::StringMap<Value> captured;
    update.walk([&](CaptureOp op) {
      if (op.getKind() == "gradient")
        captured[op.getName()] = op.getX();
    });
    auto unscaled = [](Value value) { // behind the loss scale
      auto product = dyn_cast_or_null<arith::MulFOp>(value ? value.getDefiningOp() : nullptr);
      return product ? product.getLhs() : value;
    };
    Named params = namedArgs(update, "llcc.param");
    for (auto [name, result] : gradients) {
      unsigned param = params.lookup(name);
      if (update.getArgAttr(param, "llcc.decay")) // a running statistic has no gradient to show
        continue;
      if (auto arg = dyn_cast_or_null<BlockArgument>(unscaled(captured.lookup(name)));
          !arg || update.getArgAttr(arg.getArgNumber(), "llcc.gradient") != StringAttr::get(&getContext(), name))
        fail(update) << "@update does not capture the gradient of \"" << name << "\"";
    }
  }
};
} // namespace
} // namespace mlir::llcc
