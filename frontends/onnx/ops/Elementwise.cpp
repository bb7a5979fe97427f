// Elementwise operators: arith and math on tensors of equal shape, with numpy's broadcasting made explicit.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/ElementCast.h"
#include "frontends/onnx/Fold.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"
#include <cmath>

namespace mlir::llcc::frontend {

//===-- Constants ---------------------------------------------------------------===//

/// Applies `real` or `integer` to every element of one constant.
static LogicalResult foldUnary(Binder &b, double (*real)(double), int64_t (*integer)(int64_t)) {
  ConstantPtr x = b.constant(0);
  if (!x)
    return b.bad("input X (number 0) is missing");
  auto y = std::make_shared<Constant>(*x);
  if (x->isFloat()) {
    for (double &v : y->reals)
      v = real(v);
  } else if (integer) {
    for (int64_t &v : y->ints)
      v = integer(v);
  } else {
    return b.bad("input X holds integers, it must hold floats");
  }
  y->round();
  b.result(ConstantPtr(y));
  return success();
}

using RealFn = double (*)(double, double);
using IntFn = std::optional<int64_t> (*)(int64_t, int64_t);

static LogicalResult foldBinary(Binder &b, RealFn real, IntFn integer) {
  ConstantPtr x = b.constant(0), y = b.constant(1);
  if (!x || !y)
    return b.bad("has " + Twine(b.numInputs()) + " inputs, it needs two");
  if (x->type != y->type)
    return b.bad("element types of its two inputs differ");
  bool defined = true;
  LogicalResult result = foldBroadcast(b, {x, y}, x->type, [&](ArrayRef<int64_t> at, Constant &r) {
    if (r.isFloat()) {
      r.reals.push_back(real(x->reals[at[0]], y->reals[at[1]]));
      return;
    }
    std::optional<int64_t> v = integer(x->ints[at[0]], y->ints[at[1]]);
    defined &= bool(v);
    r.ints.push_back(v.value_or(0));
  });
  return defined ? result : b.bad("division of a constant by zero");
}

// Wrapping integer arithmetic, as numpy's.
static std::optional<int64_t> addInt(int64_t x, int64_t y) { return int64_t(uint64_t(x) + uint64_t(y)); }
static std::optional<int64_t> subInt(int64_t x, int64_t y) { return int64_t(uint64_t(x) - uint64_t(y)); }
static std::optional<int64_t> mulInt(int64_t x, int64_t y) { return int64_t(uint64_t(x) * uint64_t(y)); }
static std::optional<int64_t> divInt(int64_t x, int64_t y) {
  if (y == 0)
    return std::nullopt;
  return y == -1 ? int64_t(-uint64_t(x)) : x / y;
}

static LogicalResult foldAdd(Binder &b) {
  return foldBinary(
      b, [](double x, double y) { return x + y; }, addInt);
}
static LogicalResult foldSub(Binder &b) {
  return foldBinary(
      b, [](double x, double y) { return x - y; }, subInt);
}
static LogicalResult foldMul(Binder &b) {
  return foldBinary(
      b, [](double x, double y) { return x * y; }, mulInt);
}
static LogicalResult foldDiv(Binder &b) {
  return foldBinary(
      b, [](double x, double y) { return x / y; }, divInt);
}

//===-- Binary ------------------------------------------------------------------===//

template <typename FloatOp, typename IntOp, typename UnsignedOp = IntOp> static LogicalResult importBinary(Binder &b) {
  Value x = b.input(0, "A"), y = b.input(1, "B");
  if (!x || !y)
    return failure();
  if (typeOf(x).getElementType() != typeOf(y).getElementType()) {
    std::string text;
    llvm::raw_string_ostream(text) << "element types differ: A is " << typeOf(x).getElementType() << ", B is "
                                   << typeOf(y).getElementType();
    return b.bad(text);
  }
  std::optional<Shape> shape = broadcastShapes(shapeOf(x), shapeOf(y));
  if (!shape)
    return b.bad("A is " + showShape(shapeOf(x)) + ", B is " + showShape(shapeOf(y)) +
                 ", they do not broadcast to each other");
  if (!countElements(*shape))
    return b.bad("its result has dimensions " + showShape(*shape) + ", more than 2^40 elements");
  bool isFloat = isa<FloatType>(typeOf(x).getElementType());
  x = broadcastTo(b, x, *shape);
  y = broadcastTo(b, y, *shape);
  b.result(isFloat           ? Value(FloatOp::create(b.builder, b.loc, x, y))
           : b.isUnsigned(0) ? Value(UnsignedOp::create(b.builder, b.loc, x, y))
                             : Value(IntOp::create(b.builder, b.loc, x, y)));
  return success();
}

/// One or more inputs; NaN wins, as in numpy.
template <typename FloatOp, typename IntOp, typename UnsignedOp> static LogicalResult importVariadic(Binder &b) {
  SmallVector<unsigned> all = llvm::to_vector(llvm::seq<unsigned>(0, b.numInputs()));
  SmallVector<Value> values = broadcastInputs(b, all);
  if (values.empty())
    return b.failed() ? failure() : b.bad("has no input");
  Value r = values[0];
  bool isFloat = isa<FloatType>(typeOf(r).getElementType());
  for (Value v : llvm::drop_begin(values))
    r = isFloat           ? Value(FloatOp::create(b.builder, b.loc, r, v))
        : b.isUnsigned(0) ? Value(UnsignedOp::create(b.builder, b.loc, r, v))
                          : Value(IntOp::create(b.builder, b.loc, r, v));
  b.result(r);
  return success();
}

/// Sum of all inputs, divided by their number.
static LogicalResult importMean(Binder &b) {
  SmallVector<unsigned> all = llvm::to_vector(llvm::seq<unsigned>(0, b.numInputs()));
  SmallVector<Value> values = broadcastInputs(b, all);
  if (values.empty())
    return b.failed() ? failure() : b.bad("has no input");
  Arithmetic a(b);
  Value total = values[0];
  for (Value v : llvm::drop_begin(values))
    total = a.add(total, v);
  b.result(values.size() == 1 ? total : a.div(total, double(values.size())));
  return success();
}

static LogicalResult foldVariadic(Binder &b, bool max) {
  SmallVector<ConstantPtr> inputs;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    inputs.push_back(b.constant(i));
    if (!inputs.back() || inputs.back()->type != inputs[0]->type)
      return b.bad("needs inputs of one type");
  }
  return foldBroadcast(b, inputs, inputs[0]->type, [&](ArrayRef<int64_t> at, Constant &r) {
    if (r.isFloat()) {
      double best = inputs[0]->reals[at[0]];
      for (size_t k = 1; k < inputs.size(); ++k) {
        double v = inputs[k]->reals[at[k]];
        if (std::isnan(v) || (max ? v > best : v < best))
          best = v;
      }
      r.reals.push_back(best);
      return;
    }
    int64_t best = inputs[0]->ints[at[0]];
    for (size_t k = 1; k < inputs.size(); ++k)
      best = max ? std::max(best, inputs[k]->ints[at[k]]) : std::min(best, inputs[k]->ints[at[k]]);
    r.ints.push_back(best);
  });
}
static LogicalResult foldMax(Binder &b) { return foldVariadic(b, true); }
static LogicalResult foldMin(Binder &b) { return foldVariadic(b, false); }

//===-- Unary -------------------------------------------------------------------===//

template <typename Op> static LogicalResult importUnary(Binder &b) {
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  b.result(Op::create(b.builder, b.loc, x));
  return success();
}

template <typename Op> static LogicalResult importWhole(Binder &b) { // ops of our own dialect
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  b.result(Op::create(b.builder, b.loc, x.getType(), x));
  return success();
}

/// max(x, 0) that lets NaN through: select(x ugt 0, x, 0).
static LogicalResult importRelu(Binder &b) {
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  Value zero = splatLike(b, x, 0);
  Value positive = arith::CmpFOp::create(b.builder, b.loc, arith::CmpFPredicate::UGT, x, zero);
  b.result(arith::SelectOp::create(b.builder, b.loc, positive, x, zero));
  return success();
}

/// x where x > 0, alpha * x elsewhere.
static LogicalResult importLeakyRelu(Binder &b) {
  double alpha = b.attrFloat("alpha", double(0.01f));
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  Value positive = arith::CmpFOp::create(b.builder, b.loc, arith::CmpFPredicate::UGT, x, splatLike(b, x, 0));
  Value scaled = arith::MulFOp::create(b.builder, b.loc, x, splatLike(b, x, alpha));
  b.result(arith::SelectOp::create(b.builder, b.loc, positive, x, scaled));
  return success();
}

static LogicalResult importGelu(Binder &b) {
  std::string approximate = b.attrString("approximate", "none");
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  if (approximate != "none" && approximate != "tanh")
    return b.bad("attribute \"approximate\" is " + quote(approximate) + ", it must be none or tanh");
  b.result(GeluOp::create(b.builder, b.loc, x.getType(), x, approximate == "tanh"));
  return success();
}

static LogicalResult importReciprocal(Binder &b) {
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  b.result(arith::DivFOp::create(b.builder, b.loc, splatLike(b, x, 1), x));
  return success();
}

static LogicalResult importAbs(Binder &b) {
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  bool isFloat = isa<FloatType>(typeOf(x).getElementType());
  if (b.isUnsigned(0)) {
    b.forward(0);
    return success();
  }
  b.result(isFloat ? Value(math::AbsFOp::create(b.builder, b.loc, x))
                   : Value(math::AbsIOp::create(b.builder, b.loc, x)));
  return success();
}

/// Lower and upper bound come as attributes (opset 6) or as scalar inputs (opset 11). Where they cross, the upper one
/// wins. Bounds are data: no gradient flows to them.
static LogicalResult importClip(Binder &b) {
  Arithmetic a(b, b.isUnsigned(0));
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  std::optional<Term> bounds[2];
  for (unsigned i : {0, 1}) {
    StringRef name = i == 0 ? "min" : "max";
    if (b.opset < 11) {
      double everything = i == 0 ? -3.4028234663852886e38 : 3.4028234663852886e38;
      bounds[i] = Term(b.attrFloat(name, everything));
    } else if (b.hasInput(i + 1)) {
      Value bound = b.input(i + 1, name);
      if (!bound)
        return failure();
      if (typeOf(bound).getNumElements() != 1)
        return b.bad("input " + name + " has " + Twine(typeOf(bound).getNumElements()) + " elements, it must have one");
      if (typeOf(bound).getElementType() != typeOf(x).getElementType())
        return b.bad("element types of X and " + name + " differ");
      bounds[i] = reshape(b, Arithmetic::isFloat(bound) && !b.constant(i + 1) ? a.constantOf(bound) : bound, {});
    }
  }
  if (bounds[0])
    x = a.select(a.compare(arith::CmpFPredicate::UGE, x, *bounds[0]), x, *bounds[0]);
  if (bounds[1])
    x = a.select(a.compare(arith::CmpFPredicate::ULE, x, *bounds[1]), x, *bounds[1]);
  b.result(x);
  return success();
}

/// x^e for the exponents that models use: products and roots, which have simple gradients.
static Value constantPower(Binder &b, Value x, double e) {
  auto mul = [&](Value p, Value q) { return arith::MulFOp::create(b.builder, b.loc, p, q); };
  if (e == 0.5)
    return math::SqrtOp::create(b.builder, b.loc, x);
  if (e == 1)
    return x;
  if (e == 2)
    return mul(x, x);
  if (e == 3)
    return mul(mul(x, x), x);
  if (e == 4) {
    Value square = mul(x, x);
    return mul(square, square);
  }
  if (e == -1)
    return arith::DivFOp::create(b.builder, b.loc, splatLike(b, x, 1), x);
  return math::PowFOp::create(b.builder, b.loc, x, splatLike(b, x, e));
}

/// X^Y in X's type, whatever the type of Y. Powers of integers are computed as f64.
static LogicalResult importPow(Binder &b) {
  ConstantPtr exponent = b.constant(1);
  Value x = b.input(0, "X");
  if (!x || !b.hasInput(1))
    return b.failed() ? failure() : b.bad("input Y (number 1) is missing");
  Shape yShape = b.inputType(1).second;
  std::optional<Shape> shape = broadcastShapes(shapeOf(x), yShape);
  if (!shape || !countElements(*shape))
    return b.bad("X is " + showShape(shapeOf(x)) + ", Y is " + showShape(yShape) +
                 ", they do not broadcast to each other");
  Arithmetic a(b, b.isUnsigned(0)), ofExponent(b, b.isUnsigned(1));
  Type type = typeOf(x).getElementType();
  x = broadcastTo(b, x, *shape);
  if (!isa<FloatType>(type))
    x = a.convert(x, b.builder.getF64Type());
  Value y;
  if (exponent && exponent->isSplat()) {
    y = constantPower(b, x, exponent->real(0));
  } else {
    Value power = ofExponent.convert(b.input(1, "Y"), typeOf(x).getElementType());
    y = math::PowFOp::create(b.builder, b.loc, x, broadcastTo(b, power, *shape));
  }
  b.result(a.convert(y, type));
  return success();
}

//===-- Type and identity -------------------------------------------------------===//

/// Cast names the type by an attribute, CastLike by its second input.
static Type castTarget(Binder &b) {
  if (b.node.op_type() == "CastLike") {
    Type like = b.inputType(1).first;
    if (!like)
      (void)b.bad("input target_type (number 1) is missing");
    return like;
  }
  int64_t to = b.attrInt("to", 0);
  if (Type type = elementType(b.context(), int32_t(to)))
    return type;
  (void)b.unsupported("attribute \"to\" is " + Twine(to) + " (" + dtypeName(int32_t(to)) + "), which is not supported");
  return {};
}

static LogicalResult importCast(Binder &b) {
  CastRules rules;
  rules.saturate = b.attrInt("saturate", 1);
  rules.roundMode = b.attrString("round_mode", "up");
  Type to = castTarget(b), from = b.inputType(0).first;
  Value x = b.inputOfAnyType(0, "input");
  if (!x || !to)
    return failure();
  b.result(castElements(b, x, from, to, rules), 0, to);
  return success();
}

static LogicalResult foldCast(Binder &b) {
  Type to = castTarget(b), from = b.inputType(0).first;
  ConstantPtr x = b.constant(0);
  if (!x || !to)
    return failure();
  if (isNarrowFloat(to) || isNarrowFloat(from)) // their rounding is said in one place
    return importCast(b);
  b.ignoreAttr("saturate");
  b.ignoreAttr("round_mode");
  auto y = std::make_shared<Constant>();
  y->type = to;
  y->shape = x->shape;
  for (int64_t i = 0; i < x->size(); ++i) {
    if (y->isFloat())
      y->reals.push_back(x->real(i));
    else if (!x->isFloat())
      y->ints.push_back(x->ints[i]);
    else if (to.isInteger(1))
      y->ints.push_back(x->reals[i] != 0);
    else // outside of what fits, C++ leaves it open; saturate
      y->ints.push_back(std::isnan(x->reals[i]) ? 0 : int64_t(std::clamp(x->reals[i], -0x1p62, 0x1p62)));
  }
  y->round();
  b.result(ConstantPtr(y));
  return success();
}

/// The same bits as another type of the same width.
static LogicalResult importBitCast(Binder &b) {
  Type to = castTarget(b), from = b.inputType(0).first;
  Value x = b.inputOfAnyType(0, "input");
  if (!x || !to)
    return failure();
  auto bitsOf = [](Type type) { return type.isInteger(1) ? 8 : type.getIntOrFloatBitWidth(); }; // numpy's bool
  if (bitsOf(to) != bitsOf(from))
    return b.bad("input has " + Twine(bitsOf(from)) + " bits an element, attribute \"to\" asks for " +
                 Twine(bitsOf(to)));
  auto type = RankedTensorType::get(shapeOf(x), storageType(to));
  if (x.getType() == type)
    b.result(x, 0, to);
  else if (from.isInteger(1))
    b.result(arith::ExtUIOp::create(b.builder, b.loc, type, x), 0, to);
  else if (to.isInteger(1))
    b.result(arith::CmpIOp::create(b.builder, b.loc, arith::CmpIPredicate::ne, x, splatLike(b, x, 0)), 0, to);
  else
    b.result(arith::BitcastOp::create(b.builder, b.loc, type, x), 0, to);
  return success();
}

static LogicalResult importIdentity(Binder &b) {
  if (!b.hasInput(0))
    return b.bad("input (number 0) is missing");
  b.forward(0);
  return success();
}

void addElementwiseOps(OpTable &t) {
  t.onOp("Add", 7, importBinary<arith::AddFOp, arith::AddIOp>, {}, foldAdd);
  t.onOp("Sub", 7, importBinary<arith::SubFOp, arith::SubIOp>, {}, foldSub);
  t.onOp("Mul", 7, importBinary<arith::MulFOp, arith::MulIOp>, {Role::Scale}, foldMul);
  t.onOp("Div", 7, importBinary<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>, {Role::Scale}, foldDiv);
  t.onOp("Pow", 7, importPow, {Role::Elementwise, Role::Data});
  t.onOp("Sum", 6, importVariadic<arith::AddFOp, arith::AddIOp, arith::AddIOp>);
  t.onOp("Mean", 6, importMean);
  t.onOp("Max", 6, importVariadic<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>, {}, foldMax);
  t.onOp("Min", 6, importVariadic<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>, {}, foldMin);
  t.onOp("Relu", 6, importRelu, {}, [](Binder &b) { // ONNX counts the turns of a Range with it
    return foldUnary(
        b, [](double x) { return x < 0 ? 0 : x; }, [](int64_t x) { return std::max<int64_t>(x, 0); });
  });
  t.onOp("LeakyRelu", 6, importLeakyRelu);
  t.onOp("Sin", 7, importUnary<math::SinOp>, {}, [](Binder &b) { return foldUnary(b, std::sin, nullptr); });
  t.onOp("Cos", 7, importUnary<math::CosOp>, {}, [](Binder &b) { return foldUnary(b, std::cos, nullptr); });
  t.onOp("Tanh", 6, importUnary<math::TanhOp>);
  t.onOp("Exp", 6, importUnary<math::ExpOp>, {}, [](Binder &b) { return foldUnary(b, std::exp, nullptr); });
  t.onOp("Log", 6, importUnary<math::LogOp>, {}, [](Binder &b) { return foldUnary(b, std::log, nullptr); });
  t.onOp("Sqrt", 6, importUnary<math::SqrtOp>, {}, [](Binder &b) { return foldUnary(b, std::sqrt, nullptr); });
  t.onOp("Erf", 9, importUnary<math::ErfOp>);
  t.onOp("Neg", 6, importUnary<arith::NegFOp>, {}, [](Binder &b) {
    return foldUnary(
        b, [](double v) { return -v; }, [](int64_t v) { return int64_t(-uint64_t(v)); });
  });
  t.onOp("Abs", 6, importAbs);
  t.onOp("Reciprocal", 6, importReciprocal);
  t.onOp("Sigmoid", 6, importWhole<SigmoidOp>);
  t.onOp("Softplus", 1, importWhole<SoftplusOp>);
  t.onOp("Gelu", 20, importGelu);
  t.onOp("Clip", 6, importClip, {Role::Elementwise, Role::Data});
  t.onOp("Cast", 6, importCast, {Role::View}, foldCast);
  t.onOp("CastLike", 15, importCast, {Role::View, Role::Data}, foldCast);
  t.onOp("BitCast", 26, importBitCast, {Role::Data});
  t.onOp("Identity", 1, importIdentity, {Role::View});
}

} // namespace mlir::llcc::frontend
