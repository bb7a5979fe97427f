// Updates of ai.onnx.preview.training: Momentum, Adagrad, Adam, for any number of tensors at once.
#include "frontends/onnx/ElementCast.h"
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

namespace {
/// Arithmetic on values of one shape, said shortly.
struct Formula {
  Binder &b;
  Value like(Value x, double value) { return splatLike(b, x, value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b.builder, b.loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b.builder, b.loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b.builder, b.loc, x, y); }
  Value mul(Value x, double y) { return mul(x, like(x, y)); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b.builder, b.loc, x, y); }
  Value sqrt(Value x) { return math::SqrtOp::create(b.builder, b.loc, x); }
  /// A scalar in the type of x, repeated over its shape.
  Value spread(Value scalar, Type from, Value x) {
    Value same = castElements(b, scalar, from, typeOf(x).getElementType());
    return broadcast(b, same, shapeOf(x), {});
  }
};

/// The inputs: rate R, count T, then `kinds` lists of n tensors each, tensor i of each list of one type.
struct Lists {
  Value rate, count;
  Type rateType, countType;
  unsigned n = 0;
  SmallVector<SmallVector<Value>> of;
};

std::optional<Lists> readLists(Binder &b, unsigned kinds) {
  Lists lists;
  if (b.numInputs() < 2 + kinds || (b.numInputs() - 2) % kinds) {
    (void)b.bad("has " + Twine(b.numInputs()) + " inputs, it needs R, T and " + Twine(kinds) + " for each tensor");
    return std::nullopt;
  }
  lists.n = (b.numInputs() - 2) / kinds;
  lists.rate = b.floatInput(0, "R");
  lists.count = b.input(1, "T");
  if (b.failed())
    return std::nullopt;
  lists.rateType = typeOf(lists.rate).getElementType();
  lists.countType = typeOf(lists.count).getElementType();
  if (typeOf(lists.rate).getNumElements() != 1 || typeOf(lists.count).getNumElements() != 1 ||
      !lists.countType.isInteger(64)) {
    (void)b.bad("R must be one float and T one int64");
    return std::nullopt;
  }
  lists.rate = reshape(b, lists.rate, {});
  lists.count = reshape(b, lists.count, {});
  for (unsigned k = 0; k < kinds; ++k) {
    lists.of.emplace_back();
    for (unsigned i = 0; i < lists.n; ++i) {
      Value x = b.floatInput(2 + k * lists.n + i, "X, G or state");
      if (!x)
        return std::nullopt;
      if (k && x.getType() != lists.of[0][i].getType()) {
        (void)b.bad("input " + Twine(2 + k * lists.n + i) + " is " + showShape(shapeOf(x)) + ", its tensor is " +
                    showShape(shapeOf(lists.of[0][i])));
        return std::nullopt;
      }
      lists.of.back().push_back(x);
    }
  }
  return lists;
}

/// True (i1, scalar) in every step but the first.
Value afterFirst(Binder &b, const Lists &lists) {
  return arith::CmpIOp::create(b.builder, b.loc, arith::CmpIPredicate::sgt, lists.count, splatLike(b, lists.count, 0));
}
} // namespace

static LogicalResult importMomentum(Binder &b) {
  double alpha = b.attrFloat("alpha", 0), beta = b.attrFloat("beta", 0), norm = b.attrFloat("norm_coefficient", 0);
  std::string mode = b.attrString("mode", "standard");
  std::optional<Lists> in = readLists(b, 3);
  if (!in)
    return failure();
  if (mode != "standard" && mode != "nesterov")
    return b.bad("attribute \"mode\" is " + quote(mode) + ", it must be standard or nesterov");
  Formula f{b};
  Value late = afterFirst(b, *in);
  for (unsigned i = 0; i < in->n; ++i) {
    Value x = in->of[0][i], g = f.add(f.mul(x, norm), in->of[1][i]), v = in->of[2][i];
    Value weight =
        arith::SelectOp::create(b.builder, b.loc, broadcast(b, late, shapeOf(x), {}), f.like(x, beta), f.like(x, 1));
    Value velocity = f.add(f.mul(v, alpha), f.mul(weight, g));
    Value step = mode == "nesterov" ? f.add(g, f.mul(velocity, alpha)) : velocity;
    b.result(f.sub(x, f.mul(f.spread(in->rate, in->rateType, x), step)), i);
    b.result(velocity, in->n + i);
  }
  return success();
}

static LogicalResult importAdagrad(Binder &b) {
  double norm = b.attrFloat("norm_coefficient", 0), epsilon = b.attrFloat("epsilon", double(1e-6f)),
         decay = b.attrFloat("decay_factor", 0);
  std::optional<Lists> in = readLists(b, 3);
  if (!in)
    return failure();
  Formula f{b};
  Value count = castElements(b, in->count, in->countType, in->rateType);
  Value rate = f.div(in->rate, f.add(f.mul(count, decay), f.like(count, 1)));
  for (unsigned i = 0; i < in->n; ++i) {
    Value x = in->of[0][i], g = f.add(f.mul(x, norm), in->of[1][i]);
    Value squares = f.add(in->of[2][i], f.mul(g, g));
    Value step = f.div(g, f.add(f.sqrt(squares), f.like(x, epsilon)));
    b.result(f.sub(x, f.mul(f.spread(rate, in->rateType, x), step)), i);
    b.result(squares, in->n + i);
  }
  return success();
}

static LogicalResult importAdam(Binder &b) {
  double alpha = b.attrFloat("alpha", double(0.9f)), beta = b.attrFloat("beta", double(0.999f)),
         norm = b.attrFloat("norm_coefficient", 0), after = b.attrFloat("norm_coefficient_post", 0),
         epsilon = b.attrFloat("epsilon", double(1e-6f));
  std::optional<Lists> in = readLists(b, 4);
  if (!in)
    return failure();
  Formula f{b};
  Value count = castElements(b, in->count, in->countType, in->rateType);
  auto rest = [&](double base) { // 1 - base^T
    return f.sub(f.like(count, 1), math::PowFOp::create(b.builder, b.loc, f.like(count, base), count));
  };
  Value corrected = f.div(f.mul(in->rate, f.sqrt(rest(beta))), rest(alpha));
  Value rate = arith::SelectOp::create(b.builder, b.loc, afterFirst(b, *in), corrected, in->rate);
  for (unsigned i = 0; i < in->n; ++i) {
    Value x = in->of[0][i], g = f.add(f.mul(x, norm), in->of[1][i]);
    Value mean = f.add(f.mul(in->of[2][i], alpha), f.mul(g, 1 - alpha));
    Value squares = f.add(f.mul(in->of[3][i], beta), f.mul(f.mul(g, g), 1 - beta));
    Value step = f.div(mean, f.add(f.sqrt(squares), f.like(x, epsilon)));
    Value y = f.sub(x, f.mul(f.spread(rate, in->rateType, x), step));
    b.result(f.mul(y, 1 - after), i);
    b.result(mean, in->n + i);
    b.result(squares, 2 * in->n + i);
  }
  return success();
}

/// d y / d x for the values that `xs` and `y` name, at the inputs: a marker that llcc-expand-gradients replaces.
static LogicalResult importGradient(Binder &b) {
  std::vector<std::string> xs = b.attrStrings("xs"), zs = b.attrStrings("zs");
  std::string y = b.attrString("y", "");
  if (xs.empty() || y.empty() || b.numInputs() < xs.size())
    return b.bad("needs the attributes xs and y, and an input for each name in xs");
  SmallVector<Value> operands = {b.valueNamed(y)};
  for (const std::string &x : xs)
    operands.push_back(b.valueNamed(x));
  for (unsigned i = 0; i < xs.size(); ++i)
    operands.push_back(b.floatInput(i, "input"));
  // Further inputs are values of zs, which must be those of the graph: no copy is made for them.
  for (unsigned i = xs.size(); i < b.numInputs() && i - xs.size() < zs.size(); ++i)
    if (b.node.input(int(i)) != zs[i - xs.size()])
      return b.unsupported("takes " + quote(b.node.input(int(i))) + " for " + quote(zs[i - xs.size()]) +
                           ", only values of xs may be taken elsewhere");
  if (b.failed())
    return failure();
  SmallVector<Type> types;
  for (unsigned i = 0; i < operands.size(); ++i) {
    if (!operands[i] || !isa<FloatType>(typeOf(operands[i]).getElementType()))
      return b.bad("differentiates or names what is no float tensor of the graph");
    if (i >= 1 && i <= xs.size())
      types.push_back(operands[i].getType());
    if (i > xs.size() && operands[i].getType() != operands[i - xs.size()].getType())
      return b.bad("input " + Twine(i - xs.size() - 1) + " has another type than " + quote(xs[i - xs.size() - 1]));
  }
  auto marker = UnrealizedConversionCastOp::create(b.builder, b.loc, types, operands);
  marker->setAttr("llcc.gradient", b.builder.getUnitAttr());
  for (unsigned i = 0; i < types.size(); ++i)
    b.result(marker.getResult(i), i);
  return success();
}

void addTrainingOps(OpTable &t) {
  constexpr const char *domain = "ai.onnx.preview.training";
  t.onOp("Gradient", 1, importGradient, {Role::Elementwise}, nullptr, domain);
  t.onOp("Momentum", 1, importMomentum, {Role::Data}, nullptr, domain);
  t.onOp("Adagrad", 1, importAdagrad, {Role::Data}, nullptr, domain);
  t.onOp("Adam", 1, importAdam, {Role::Data}, nullptr, domain);
}

} // namespace mlir::llcc::frontend
