// Makes @update: clipping, one llcc.update for each trainable parameter.
//
//   @gradients   ⇒   @update(params, states, gradients, lr, step) -> (params, states)
//
// Running statistics come as parameters with llcc.decay: they are tracked, not trained, and no optimizer touches them.
// Stands behind llcc-differentiate. @update is a function of its own because it runs once a step, on gradients that are
// summed over microbatches and devices.
#include "compiler/ir/Provenance.h"
#include "passes/train/Emitter.h"
#include "passes/train/Optimizer.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_ATTACHOPTIMIZERPASS
#include "passes/train/Passes.h.inc"

namespace {

/// Arguments or results of a function under construction.
struct Fields {
  SmallVector<Type> types;
  SmallVector<Attribute> attrs;

  /// Number of the new field.
  unsigned add(Type type, DictionaryAttr attr) {
    types.push_back(type);
    attrs.push_back(attr);
    return types.size() - 1;
  }
};

/// Scales all gradients by min(1, largest/(norm + 1e-6)), norm that of all gradients as one vector
/// (torch.nn.utils.clip_grad_norm_). Sums in f32 at least.
void clipByNorm(Emitter &e, SmallVectorImpl<Value> &gradients, double largest) {
  unsigned bits = 32;
  for (Value gradient : gradients)
    bits = std::max(bits, typeOf(gradient).getElementTypeBitWidth());
  Type wide = bits == 64 ? Type(e.builder.getF64Type()) : Type(e.builder.getF32Type());
  Value squares;
  for (Value gradient : gradients) {
    Value g = e.convert(gradient, wide);
    Value square = e.sum(e.mul(g, g), dimsFrom(0, typeOf(g).getRank()));
    squares = squares ? e.add(squares, square) : square;
  }
  Value norm = e.unary<math::SqrtOp>(squares);
  CaptureOp::create(e.builder, e.loc, norm, "grad_norm", "grad_norm");
  Value scale = e.div(e.constantLike(norm, largest), e.add(norm, 1e-6));
  scale = e.binary<arith::MinimumFOp>(scale, e.constantLike(norm, 1));
  for (Value &gradient : gradients) {
    Value own = e.convert(scale, typeOf(gradient).getElementType());
    gradient = e.mul(gradient, e.spread(own, gradient));
  }
}

struct AttachOptimizerPass : impl::AttachOptimizerPassBase<AttachOptimizerPass> {
  using AttachOptimizerPassBase::AttachOptimizerPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto gradients = module.lookupSymbol<func::FuncOp>("gradients");
    std::string error;
    std::optional<Optimizer> parsed = parseOptimizer(optimizer, error);
    if (!parsed)
      return fail(error);
    if (!(clip >= 0))
      return fail(
          llvm::formatv("clip={0:f} is not a norm; give a number above 0, or 0 for none", clip.getValue()).str());
    if (!gradients || gradients.isExternal() || gradients.getNumResults() < 2)
      return fail("module has no gradients; differentiate first (llcc-differentiate)");
    if (module.lookupSymbol("update"))
      return fail("module already has @update; an optimizer is attached once");
    for (auto [arg, name] : trainableParams(gradients)) {
      auto type = dyn_cast<RankedTensorType>(gradients.getArgument(arg).getType());
      if (!type || !type.hasStaticShape() || !isa<FloatType>(type.getElementType()))
        return fail("parameter \"" + name + "\" is no float tensor of known shape and cannot be updated; freeze it");
    }
    build(gradients, *parsed);
  }

private:
  void fail(const Twine &message) {
    getOperation().emitError(message);
    signalPassFailure();
  }

  void build(func::FuncOp gradients, const Optimizer &parsed) {
    OpBuilder builder(&getContext());
    Location loc = nodeLoc(&getContext(), "update");
    auto named = [&](StringRef key, const Twine &name) {
      return builder.getDictionaryAttr(builder.getNamedAttr(key, builder.getStringAttr(name)));
    };
    SmallVector<Param> params = trainableParams(gradients), tracked = trackedParams(gradients), all = params;
    llvm::append_range(all, tracked);
    Fields args, results;
    for (auto [arg, name] : all) {
      Type type = gradients.getArgument(arg).getType();
      args.add(type, gradients.getArgAttrDict(arg));
      results.add(type, named(kParam, name));
    }
    unsigned firstState = args.types.size();
    for (auto [arg, name] : params)
      for (StringRef state : parsed.states) {
        Type type = gradients.getArgument(arg).getType();
        DictionaryAttr attr = named(kState, state + ":" + name);
        results.add(type, attr);
        SmallVector<NamedAttribute> entries(attr.getValue());
        entries.push_back(builder.getNamedAttr(kInit, builder.getF64FloatAttr(0)));
        args.add(type, builder.getDictionaryAttr(entries));
      }
    unsigned firstGradient = args.types.size();
    for (auto [arg, name] : all)
      args.add(gradients.getArgument(arg).getType(), named(kGradient, name));
    unsigned lr = args.add(RankedTensorType::get({}, builder.getF32Type()), named(kScalar, "lr"));
    unsigned step = args.add(RankedTensorType::get({}, builder.getF64Type()), named(kScalar, "step"));

    auto update = func::FuncOp::create(loc, "update", builder.getFunctionType(args.types, results.types));
    update.setArgAttrsAttr(builder.getArrayAttr(args.attrs));
    update.setResAttrsAttr(builder.getArrayAttr(results.attrs));
    getOperation().insert(std::next(gradients->getIterator()), update);
    builder.setInsertionPointToStart(update.addEntryBlock());

    Emitter e(builder, loc);
    SmallVector<Value> grads(update.getArguments().slice(firstGradient, params.size()));
    for (auto [grad, param] : llvm::zip_equal(grads, params))
      CaptureOp::create(builder, loc, grad, "gradient", param.name);
    if (clip > 0)
      clipByNorm(e, grads, clip);

    SmallVector<NamedAttribute> hyper;
    for (auto [key, value] : parsed.hyper)
      hyper.push_back(builder.getNamedAttr(key, builder.getF64FloatAttr(value)));
    SmallVector<Value> newParams, newStates;
    for (unsigned i = 0; i < params.size(); ++i) {
      unsigned count = parsed.states.size();
      ValueRange states = update.getArguments().slice(firstState + i * count, count);
      auto op = UpdateOp::create(builder, loc, update.getArgument(i).getType(), states.getTypes(),
                                 update.getArgument(i), grads[i], states, update.getArgument(lr),
                                 update.getArgument(step), parsed.kind, builder.getDictionaryAttr(hyper));
      newParams.push_back(op.getNewParam());
      llvm::append_range(newStates, op.getNewState());
    }
    for (unsigned i = params.size(); i < all.size(); ++i) { // running statistics: decay * old + what the step adds
      double decay = gradients.getArgAttrOfType<FloatAttr>(all[i].arg, kDecay).getValueAsDouble();
      newParams.push_back(e.add(e.mul(update.getArgument(i), decay), update.getArgument(firstGradient + i)));
    }
    llvm::append_range(newParams, newStates);
    func::ReturnOp::create(builder, loc, newParams);
  }
};
} // namespace
} // namespace mlir::llcc
