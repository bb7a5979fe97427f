// Lets @gradients compute gradients of loss * scale, which f16 can hold, and @update take the scale out again.
//
//   @gradients(x, w) -> (loss, dw)         @gradients(x, w, scale) -> (loss, scale * dw)
//   @update(w, dw, lr, step) -> w     ⇒    @update(w, scale, good, skipped, scale * dw, lr, step)
//                                              -> (w, scale, good, skipped)
//
// Dynamic loss scaling (Micikevicius et al., arXiv 1710.03740, section 3.2; torch.amp.GradScaler): where any gradient
// is not finite the step is skipped (parameters and states keep their bits, the optimizer's step does not count) and
// the scale is halved; after `growth` good steps in a row it is doubled. Scale and counters are state: checkpoints have
// them, every strategy moves them. Stands behind llcc-attach-optimizer; the seed of the backward pass is the argument
// that llcc-attach-loss made.
#include "compiler/ir/Provenance.h"
#include "passes/train/Emitter.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

#include <cmath>

namespace mlir::llcc {
#define GEN_PASS_DEF_ATTACHLOSSSCALEPASS
#include "passes/train/Passes.h.inc"

namespace {

/// Above, a scale says nothing any more: gradients of this model are far from f16's smallest numbers.
constexpr double kLargestScale = 16777216;

struct AttachLossScalePass : impl::AttachLossScalePassBase<AttachLossScalePass> {
  using AttachLossScalePassBase::AttachLossScalePassBase;

  void runOnOperation() override {
    auto gradients = getOperation().lookupSymbol<func::FuncOp>("gradients"),
         update = getOperation().lookupSymbol<func::FuncOp>("update");
    if (!gradients || !update || !hasPlainBody(update)) {
      getOperation().emitError() << "module needs @gradients and @update; attach an optimizer first "
                                    "(llcc-attach-optimizer)";
      return signalPassFailure();
    }
    std::optional<unsigned> seed;
    for (unsigned i = 0; i < gradients.getNumArguments(); ++i)
      if (argName(gradients, i, kState) == kLossScale)
        seed = i;
    if (!seed)
      return;
    if (growth < 1) {
      update.emitError() << "growth=" << growth.getValue() << " is no number of steps, needs at least 1";
      return signalPassFailure();
    }
    build(update, gradients.getArgAttrDict(*seed));
  }

private:
  /// Adds a state of one f32 behind the other arguments of that kind.
  BlockArgument addState(func::FuncOp update, unsigned at, DictionaryAttr attrs) {
    auto type = RankedTensorType::get({}, Float32Type::get(&getContext()));
    (void)update.insertArgument(at, type, attrs, nodeLoc(&getContext(), "update"));
    return update.getArgument(at);
  }

  void build(func::FuncOp update, DictionaryAttr scaleAttrs) {
    OpBuilder builder = OpBuilder::atBlockBegin(&update.getBody().front());
    unsigned at = 0;
    while (at < update.getNumArguments() && update.getArgAttr(at, kGradient) == nullptr)
      ++at;
    auto counter = [&](StringRef name) {
      return builder.getDictionaryAttr({builder.getNamedAttr(kState, builder.getStringAttr(name)),
                                        builder.getNamedAttr(kInit, builder.getF64FloatAttr(0))});
    };
    BlockArgument scale = addState(update, at, scaleAttrs), good = addState(update, at + 1, counter("loss_scale.good")),
                  skipped = addState(update, at + 2, counter("loss_scale.skipped"));
    Emitter e(builder, nodeLoc(&getContext(), "update"));

    // The true gradients, and how many elements of them are not finite.
    Value bad;
    for (unsigned i = at + 3; i < update.getNumArguments(); ++i) {
      BlockArgument gradient = update.getArgument(i);
      if (!update.getArgAttr(i, kGradient) || isTracked(update, argName(update, i, kGradient)))
        continue;
      Value inverse = e.div(e.constantLike(scale, 1), scale);
      Value own = e.mul(gradient, e.spread(e.convert(inverse, typeOf(gradient).getElementType()), gradient));
      gradient.replaceAllUsesExcept(own, own.getDefiningOp());
      Value finite =
          e.compare(arith::CmpFPredicate::OLT, e.unary<math::AbsFOp>(gradient), e.constantLike(gradient, INFINITY));
      Value flags = e.select(finite, e.constant(typeOf(gradient).clone(builder.getF32Type()), 0),
                             e.constant(typeOf(gradient).clone(builder.getF32Type()), 1));
      Value count = e.sum(flags, dimsFrom(0, typeOf(flags).getRank()));
      bad = bad ? e.add(bad, count) : count;
    }
    Value zero = e.constantLike(scale, 0), one = e.constantLike(scale, 1);
    Value ok = e.compare(arith::CmpFPredicate::OEQ, bad, zero);

    // Steps that were skipped are none for the optimizer's bias correction.
    for (unsigned i = 0; i < update.getNumArguments(); ++i)
      if (argName(update, i, kScalar) == "step") {
        BlockArgument step = update.getArgument(i);
        Value counted = e.sub(step, e.convert(skipped, typeOf(step).getElementType()));
        step.replaceAllUsesExcept(counted, counted.getDefiningOp());
      }

    func::ReturnOp exit = returnOf(update);
    builder.setInsertionPoint(exit);
    SmallVector<Value> results;
    for (OpOperand &result : exit->getOpOperands()) {
      Value fresh = result.get(), old = argumentOf(update, result.getOperandNumber());
      results.push_back(e.select(e.spread(ok, fresh), fresh, old));
    }
    Value more = e.add(good, one);
    Value grows = e.compare(arith::CmpFPredicate::OGE, more, e.constantLike(good, double(growth)));
    Value larger = e.binary<arith::MinimumFOp>(e.mul(scale, 2), e.constantLike(scale, kLargestScale));
    Value smaller = e.binary<arith::MaximumFOp>(e.mul(scale, 0.5), one);
    results.push_back(e.select(ok, e.select(grows, larger, scale), smaller));
    results.push_back(e.select(ok, e.select(grows, zero, more), zero));
    results.push_back(e.select(ok, skipped, e.add(skipped, one)));
    SmallVector<Attribute> attrs(update.getResAttrsAttr().begin(), update.getResAttrsAttr().end());
    for (StringRef name : {StringRef(kLossScale), StringRef("loss_scale.good"), StringRef("loss_scale.skipped")})
      attrs.push_back(builder.getDictionaryAttr(builder.getNamedAttr(kState, builder.getStringAttr(name))));
    exit->setOperands(results);
    update.setType(builder.getFunctionType(update.getArgumentTypes(), ValueRange(results).getTypes()));
    update.setResAttrsAttr(builder.getArrayAttr(attrs));
  }

  /// Running statistics come as they are: no loss is behind them.
  static bool isTracked(func::FuncOp update, StringRef name) {
    for (unsigned i = 0; i < update.getNumArguments(); ++i)
      if (argName(update, i, kParam) == name)
        return bool(update.getArgAttr(i, kDecay));
    return false;
  }

  /// What result `i` of @update was before it.
  static Value argumentOf(func::FuncOp update, unsigned result) {
    for (StringRef key : {kParam, kState})
      if (auto name = update.getResultAttrOfType<StringAttr>(result, key))
        for (unsigned i = 0; i < update.getNumArguments(); ++i)
          if (argName(update, i, key) == name.getValue())
            return update.getArgument(i);
    llvm_unreachable("llcc-attach-optimizer returns what it takes");
  }
};
} // namespace
} // namespace mlir::llcc
