// Comparisons, boolean logic, choice: what masks are made of. Most of it folds away once the sizes are bound.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/Fold.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

using FloatPredicate = arith::CmpFPredicate;
using IntPredicate = arith::CmpIPredicate;

/// Two or more inputs of one type, brought to a common shape; empty where that is refused (said).
SmallVector<Value> broadcastInputs(Binder &b, ArrayRef<unsigned> inputs) {
  SmallVector<Value> values;
  Shape shape;
  for (unsigned i : inputs) {
    Value v = b.input(i, "number " + std::to_string(i));
    if (!v)
      return {};
    if (!values.empty() && typeOf(v).getElementType() != typeOf(values[0]).getElementType()) {
      std::string text;
      llvm::raw_string_ostream(text) << "element types differ: input " << inputs[0] << " is "
                                     << typeOf(values[0]).getElementType() << ", input " << i << " is "
                                     << typeOf(v).getElementType();
      (void)b.bad(text);
      return {};
    }
    std::optional<Shape> common = broadcastShapes(shape, shapeOf(v));
    if (!common || !countElements(*common)) {
      (void)b.bad("input " + Twine(i) + " is " + showShape(shapeOf(v)) + ", it does not broadcast to " +
                  showShape(shape));
      return {};
    }
    shape = *common;
    values.push_back(v);
  }
  for (Value &v : values)
    v = broadcastTo(b, v, shape);
  return values;
}

static IntPredicate unsignedOf(IntPredicate predicate) {
  switch (predicate) {
  case IntPredicate::slt:
    return IntPredicate::ult;
  case IntPredicate::sle:
    return IntPredicate::ule;
  case IntPredicate::sgt:
    return IntPredicate::ugt;
  case IntPredicate::sge:
    return IntPredicate::uge;
  default:
    return predicate;
  }
}

template <FloatPredicate F, IntPredicate I> static LogicalResult importCompare(Binder &b) {
  SmallVector<Value> v = broadcastInputs(b, {0, 1});
  if (v.empty())
    return failure();
  Type element = typeOf(v[0]).getElementType();
  // true > false: an i1 counts as unsigned.
  IntPredicate predicate = b.isUnsigned(0) || element.isInteger(1) ? unsignedOf(I) : I;
  b.result(isa<FloatType>(element) ? Value(arith::CmpFOp::create(b.builder, b.loc, F, v[0], v[1]))
                                   : Value(arith::CmpIOp::create(b.builder, b.loc, predicate, v[0], v[1])));
  return success();
}

template <typename Op> static LogicalResult importBoolean(Binder &b) {
  SmallVector<Value> v = broadcastInputs(b, {0, 1});
  if (v.empty())
    return failure();
  if (!typeOf(v[0]).getElementType().isInteger(1))
    return b.bad("its inputs must hold booleans");
  b.result(Op::create(b.builder, b.loc, v[0], v[1]));
  return success();
}

static LogicalResult importNot(Binder &b) {
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  if (!typeOf(x).getElementType().isInteger(1))
    return b.bad("input X must hold booleans");
  b.result(arith::XOrIOp::create(b.builder, b.loc, x, splatLike(b, x, 1)));
  return success();
}

/// Not a number: unordered with itself.
static LogicalResult importIsNaN(Binder &b) {
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  b.result(arith::CmpFOp::create(b.builder, b.loc, FloatPredicate::UNO, x, x));
  return success();
}

/// Infinities of the signs that the attributes ask for.
static LogicalResult importIsInf(Binder &b) {
  bool negative = b.attrInt("detect_negative", 1), positive = b.attrInt("detect_positive", 1);
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  auto equals = [&](double infinity) -> Value {
    return arith::CmpFOp::create(b.builder, b.loc, FloatPredicate::OEQ, x, splatLike(b, x, infinity));
  };
  Value found = splat(b, shapeOf(x), b.builder.getI1Type(), 0);
  if (positive)
    found = equals(INFINITY);
  if (negative)
    found = positive ? Value(arith::OrIOp::create(b.builder, b.loc, found, equals(-INFINITY))) : equals(-INFINITY);
  b.result(found);
  return success();
}

static LogicalResult importWhere(Binder &b) {
  Value condition = b.input(0, "condition");
  SmallVector<Value> v = broadcastInputs(b, {1, 2});
  if (!condition || v.empty())
    return failure();
  if (!typeOf(condition).getElementType().isInteger(1))
    return b.bad("input condition must hold booleans");
  std::optional<Shape> shape = broadcastShapes(shapeOf(condition), shapeOf(v[0]));
  if (!shape || !countElements(*shape))
    return b.bad("condition is " + showShape(shapeOf(condition)) + ", X and Y are " + showShape(shapeOf(v[0])) +
                 ", they do not broadcast to each other");
  b.result(arith::SelectOp::create(b.builder, b.loc, broadcastTo(b, condition, *shape), broadcastTo(b, v[0], *shape),
                                   broadcastTo(b, v[1], *shape)));
  return success();
}

static LogicalResult foldWhere(Binder &b) {
  ConstantPtr c = b.constant(0), x = b.constant(1), y = b.constant(2);
  if (!c || !x || !y || !c->type.isInteger(1) || x->type != y->type)
    return b.bad("needs a condition of booleans and two inputs of one type");
  return foldBroadcast(b, {c, x, y}, x->type, [&](ArrayRef<int64_t> at, Constant &r) {
    const Constant &from = c->ints[at[0]] ? *x : *y;
    int64_t i = c->ints[at[0]] ? at[1] : at[2];
    if (r.isFloat())
      r.reals.push_back(from.reals[i]);
    else
      r.ints.push_back(from.ints[i]);
  });
}

/// Folds to booleans: `real` and `integer` compare two elements.
static LogicalResult foldCompare(Binder &b, bool (*real)(double, double), bool (*integer)(int64_t, int64_t)) {
  ConstantPtr x = b.constant(0), y = b.constant(1);
  if (!x || !y || x->type != y->type)
    return b.bad("needs two inputs of one type");
  return foldBroadcast(b, {x, y}, b.builder.getI1Type(), [&](ArrayRef<int64_t> at, Constant &r) {
    r.ints.push_back(x->isFloat() ? real(x->reals[at[0]], y->reals[at[1]]) : integer(x->ints[at[0]], y->ints[at[1]]));
  });
}

template <typename Compare> static LogicalResult foldCompare(Binder &b) {
  return foldCompare(
      b, [](double x, double y) { return Compare()(x, y); }, [](int64_t x, int64_t y) { return Compare()(x, y); });
}

static LogicalResult foldPredicate(Binder &b, bool (*of)(double)) {
  ConstantPtr x = b.constant(0);
  if (!x)
    return b.bad("input X (number 0) is missing");
  return foldBroadcast(b, {x}, b.builder.getI1Type(),
                       [&](ArrayRef<int64_t> at, Constant &r) { r.ints.push_back(of(x->real(at[0]))); });
}

struct AndFn {
  template <typename T> bool operator()(T x, T y) const { return x != 0 && y != 0; }
};
struct OrFn {
  template <typename T> bool operator()(T x, T y) const { return x != 0 || y != 0; }
};
struct XorFn {
  template <typename T> bool operator()(T x, T y) const { return (x != 0) != (y != 0); }
};

void addLogicOps(OpTable &t) {
  const SmallVector<Role, 1> data = {Role::Data};
  t.onOp("Equal", 7, importCompare<FloatPredicate::OEQ, IntPredicate::eq>, data, foldCompare<std::equal_to<>>);
  t.onOp("Less", 7, importCompare<FloatPredicate::OLT, IntPredicate::slt>, data, foldCompare<std::less<>>);
  t.onOp("LessOrEqual", 12, importCompare<FloatPredicate::OLE, IntPredicate::sle>, data,
         foldCompare<std::less_equal<>>);
  t.onOp("Greater", 7, importCompare<FloatPredicate::OGT, IntPredicate::sgt>, data, foldCompare<std::greater<>>);
  t.onOp("GreaterOrEqual", 12, importCompare<FloatPredicate::OGE, IntPredicate::sge>, data,
         foldCompare<std::greater_equal<>>);
  t.onOp("And", 7, importBoolean<arith::AndIOp>, data, foldCompare<AndFn>);
  t.onOp("Or", 7, importBoolean<arith::OrIOp>, data, foldCompare<OrFn>);
  t.onOp("Xor", 7, importBoolean<arith::XOrIOp>, data, foldCompare<XorFn>);
  t.onOp("Not", 1, importNot, data, [](Binder &b) { return foldPredicate(b, [](double v) { return v == 0; }); });
  t.onOp("IsNaN", 9, importIsNaN, data,
         [](Binder &b) { return foldPredicate(b, [](double v) { return std::isnan(v); }); });
  t.onOp("IsInf", 10, importIsInf, data);
  t.onOp("Where", 9, importWhere, {Role::Data, Role::View, Role::View}, foldWhere);
}

} // namespace mlir::llcc::frontend
