// The optimizers' formulas.
#include "passes/train/Update.h"

namespace mlir::llcc {
namespace {

/// The operands of one update, and numbers by name.
struct Step {
  Emitter &e;
  UpdateOp op;
  Value param, grad;

  double hyper(StringRef key) {
    auto number = op.getHyper().getAs<FloatAttr>(key);
    return number ? number.getValueAsDouble() : 0.0;
  }
  Value state(unsigned i) { return op.getState()[i]; }
  /// lr in f64, a scalar.
  Value lr() { return e.convert(op.getLr(), e.builder.getF64Type()); }
  /// An f64 scalar in the parameter's type and shape.
  Value spread(Value scalar) { return e.spread(e.convert(scalar, typeOf(param).getElementType()), param); }
  /// grad + weight_decay * param: the gradient of weight_decay/2 |param|^2 added (L2).
  Value decayedGrad() {
    double decay = hyper("weight_decay");
    return decay == 0 ? grad : e.add(grad, e.mul(param, decay));
  }
};

SmallVector<Value> sgd(Step s) { return {s.e.sub(s.param, s.e.mul(s.spread(s.lr()), s.decayedGrad()))}; }

SmallVector<Value> momentum(Step s) {
  Emitter &e = s.e;
  Value grad = s.decayedGrad();
  Value velocity = e.add(e.mul(s.state(0), s.hyper("momentum")), grad);
  Value direction = s.hyper("nesterov") != 0 ? e.add(grad, e.mul(velocity, s.hyper("momentum"))) : velocity;
  return {e.sub(s.param, e.mul(s.spread(s.lr()), direction)), velocity};
}

/// 1 - beta^step, an f64 scalar.
Value biasCorrection(Step s, double beta) {
  Value power = s.e.binary<math::PowFOp>(s.e.constantLike(s.op.getStep(), beta), s.op.getStep());
  return s.e.sub(s.e.constantLike(power, 1), power);
}

SmallVector<Value> adam(Step s) {
  Emitter &e = s.e;
  bool decoupled = s.op.getKind() == "adamw";
  double beta1 = s.hyper("beta1"), beta2 = s.hyper("beta2"), decay = s.hyper("weight_decay");
  Value param = s.param, grad = decoupled ? s.grad : s.decayedGrad();
  if (decoupled && decay != 0) {
    Value one = e.constantLike(s.lr(), 1);
    param = e.mul(param, s.spread(e.sub(one, e.mul(s.lr(), decay))));
  }
  Value m = e.add(s.state(0), e.mul(e.sub(grad, s.state(0)), 1 - beta1));
  Value v = e.add(e.mul(s.state(1), beta2), e.mul(e.mul(grad, grad), 1 - beta2));
  Value rate = e.div(s.lr(), biasCorrection(s, beta1));
  Value root = e.unary<math::SqrtOp>(biasCorrection(s, beta2));
  Value denominator = e.add(e.div(e.unary<math::SqrtOp>(v), s.spread(root)), s.hyper("epsilon"));
  return {e.sub(param, e.mul(s.spread(rate), e.div(m, denominator))), m, v};
}

struct Kind {
  StringLiteral name;
  unsigned states;
  ArrayRef<StringLiteral> hyper;
  SmallVector<Value> (*emit)(Step);
};
constexpr StringLiteral kMomentumHyper[] = {"momentum"}, kAdamHyper[] = {"beta1", "beta2", "epsilon"};
const Kind kKinds[] = {{"sgd", 0, {}, sgd},
                       {"momentum", 1, kMomentumHyper, momentum},
                       {"adam", 2, kAdamHyper, adam},
                       {"adamw", 2, kAdamHyper, adam}};

} // namespace

FailureOr<SmallVector<Value>> emitUpdate(Emitter &e, UpdateOp op) {
  const Kind *kind = llvm::find_if(kKinds, [&](const Kind &k) { return k.name == op.getKind(); });
  if (kind == std::end(kKinds))
    return op.emitError("update kind \"") << op.getKind() << "\" is not known; kinds: sgd, momentum, adam, adamw";
  if (op.getState().size() != kind->states)
    return op.emitError("update ") << kind->name << " has " << op.getState().size() << " states, it needs "
                                   << kind->states;
  for (StringRef key : kind->hyper)
    if (!op.getHyper().getAs<FloatAttr>(key))
      return op.emitError("update ") << kind->name << " lacks the number " << key;
  return kind->emit({e, op, op.getParam(), op.getGrad()});
}

} // namespace mlir::llcc
