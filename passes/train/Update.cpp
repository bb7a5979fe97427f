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
  bool has(StringRef key) { return bool(op.getHyper().get(key)); }
  /// T, the steps that were done before this one: step - 1, plus what the update began with; f64, a scalar.
  Value count(double first) {
    double from = has("count") ? hyper("count") : first;
    return e.add(op.getStep(), from - 1);
  }
  /// T > 0 ? later : atFirst, f64 scalars.
  Value byCount(Value count, Value later, Value atFirst) {
    return e.select(e.compare(arith::CmpFPredicate::OGT, count, e.constantLike(count, 0)), later, atFirst);
  }
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
  Value fresh = grad;
  if (double dampening = s.hyper("dampening"); dampening != 0) { // but the first step's, which is taken whole
    Value count = s.count(0);
    fresh = e.mul(s.spread(s.byCount(count, e.constantLike(count, 1 - dampening), e.constantLike(count, 1))), grad);
  }
  Value velocity = e.add(e.mul(s.state(0), s.hyper("momentum")), fresh);
  Value direction = s.hyper("nesterov") != 0 ? e.add(grad, e.mul(velocity, s.hyper("momentum"))) : velocity;
  return {e.sub(s.param, e.mul(s.spread(s.lr()), direction)), velocity};
}

/// 1 - beta^count, an f64 scalar.
Value biasCorrection(Step s, double beta, Value count) {
  Value power = s.e.binary<math::PowFOp>(s.e.constantLike(count, beta), count);
  return s.e.sub(s.e.constantLike(power, 1), power);
}

SmallVector<Value> adagrad(Step s) {
  Emitter &e = s.e;
  Value grad = s.decayedGrad(), squares = e.add(s.state(0), e.mul(grad, grad));
  Value rate = e.div(s.lr(), e.add(e.mul(s.count(0), s.hyper("decay")), 1));
  Value step = e.div(grad, e.add(e.unary<math::SqrtOp>(squares), s.hyper("epsilon")));
  return {e.sub(s.param, e.mul(s.spread(rate), step)), squares};
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
  if (s.has("epsilon_hat")) { // Kingma & Ba, end of section 2: both corrections are in the rate
    Value count = s.count(1);
    Value corrected =
        e.div(e.mul(s.lr(), e.unary<math::SqrtOp>(biasCorrection(s, beta2, count))), biasCorrection(s, beta1, count));
    Value rate = s.byCount(count, corrected, s.lr());
    Value next = e.sub(param, e.mul(s.spread(rate), e.div(m, e.add(e.unary<math::SqrtOp>(v), s.hyper("epsilon_hat")))));
    if (double shrink = s.hyper("shrink"); shrink != 0)
      next = e.mul(next, 1 - shrink);
    return {next, m, v};
  }
  Value rate = e.div(s.lr(), biasCorrection(s, beta1, s.op.getStep()));
  Value root = e.unary<math::SqrtOp>(biasCorrection(s, beta2, s.op.getStep()));
  Value denominator = e.add(e.div(e.unary<math::SqrtOp>(v), s.spread(root)), s.hyper("epsilon"));
  return {e.sub(param, e.mul(s.spread(rate), e.div(m, denominator))), m, v};
}

struct Kind {
  StringLiteral name;
  unsigned states;
  ArrayRef<StringLiteral> hyper;
  SmallVector<Value> (*emit)(Step);
};
constexpr StringLiteral kMomentumHyper[] = {"momentum"}, kAdamHyper[] = {"beta1", "beta2", "epsilon"},
                        kAdagradHyper[] = {"epsilon", "decay"};
const Kind kKinds[] = {{"sgd", 0, {}, sgd},
                       {"momentum", 1, kMomentumHyper, momentum},
                       {"adam", 2, kAdamHyper, adam},
                       {"adamw", 2, kAdamHyper, adam},
                       {"adagrad", 1, kAdagradHyper, adagrad}};

} // namespace

FailureOr<SmallVector<Value>> emitUpdate(Emitter &e, UpdateOp op) {
  const Kind *kind = llvm::find_if(kKinds, [&](const Kind &k) { return k.name == op.getKind(); });
  if (kind == std::end(kKinds))
    return op.emitError("update kind \"")
           << op.getKind() << "\" is not known; kinds: sgd, momentum, adam, adamw, adagrad";
  if (op.getState().size() != kind->states)
    return op.emitError("update ") << kind->name << " has " << op.getState().size() << " states, it needs "
                                   << kind->states;
  for (StringRef key : kind->hyper)
    if (!op.getHyper().getAs<FloatAttr>(key))
      return op.emitError("update ") << kind->name << " lacks the number " << key;
  return kind->emit({e, op, op.getParam(), op.getGrad()});
}

} // namespace mlir::llcc
