// Operators on the bits of integers.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/Fold.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// Two inputs of one integer type in their common shape; empty where that is refused (said).
static SmallVector<Value> integerInputs(Binder &b) {
  SmallVector<Value> v = broadcastInputs(b, {0, 1});
  if (v.empty() || !Arithmetic::isFloat(v[0]))
    return v;
  (void)b.bad("its inputs must hold integers");
  return {};
}

template <typename Op> static LogicalResult importBitwise(Binder &b) {
  SmallVector<Value> v = integerInputs(b);
  if (v.empty())
    return failure();
  b.result(Op::create(b.builder, b.loc, v[0], v[1]));
  return success();
}

static LogicalResult importBitwiseNot(Binder &b) {
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  if (Arithmetic::isFloat(x))
    return b.bad("input X must hold integers");
  b.result(arith::XOrIOp::create(b.builder, b.loc, x, splatLike(b, x, -1)));
  return success();
}

/// Reads the attribute direction: true is to the left; nothing where it is refused.
static std::optional<bool> shiftsLeft(Binder &b) {
  std::string direction = b.attrString("direction", "");
  if (direction == "LEFT" || direction == "RIGHT")
    return direction == "LEFT";
  (void)b.bad("attribute \"direction\" is " + quote(direction) + ", it must be LEFT or RIGHT");
  return std::nullopt;
}

/// Zeros come in; shifts by the width or more leave 0.
static LogicalResult importBitShift(Binder &b) {
  std::optional<bool> left = shiftsLeft(b);
  SmallVector<Value> v = integerInputs(b);
  if (!left || v.empty())
    return failure();
  Arithmetic a(b);
  Value width = a.like(v[1], typeOf(v[0]).getElementTypeBitWidth());
  Value inside = arith::CmpIOp::create(b.builder, b.loc, arith::CmpIPredicate::ult, v[1], width);
  Value by = a.keep(inside, v[1]);
  b.result(a.keep(inside, *left ? Value(arith::ShLIOp::create(b.builder, b.loc, v[0], by))
                                : Value(arith::ShRUIOp::create(b.builder, b.loc, v[0], by))));
  return success();
}

template <int64_t (*Fn)(int64_t, int64_t)> static LogicalResult foldBitwise(Binder &b) {
  ConstantPtr x = b.constant(0), y = b.constant(1);
  if (!x || !y || x->type != y->type || x->isFloat())
    return b.bad("needs two inputs of one integer type");
  return foldBroadcast(b, {x, y}, x->type,
                       [&](ArrayRef<int64_t> at, Constant &r) { r.ints.push_back(Fn(x->ints[at[0]], y->ints[at[1]])); });
}
static int64_t andOf(int64_t x, int64_t y) { return x & y; }
static int64_t orOf(int64_t x, int64_t y) { return x | y; }
static int64_t xorOf(int64_t x, int64_t y) { return x ^ y; }

void addBitwiseOps(OpTable &t) {
  const SmallVector<Role, 1> data = {Role::Data};
  t.onOp("BitShift", 11, importBitShift, data);
  t.onOp("BitwiseAnd", 18, importBitwise<arith::AndIOp>, data, foldBitwise<andOf>);
  t.onOp("BitwiseOr", 18, importBitwise<arith::OrIOp>, data, foldBitwise<orOf>);
  t.onOp("BitwiseXor", 18, importBitwise<arith::XOrIOp>, data, foldBitwise<xorOf>);
  t.onOp("BitwiseNot", 18, importBitwiseNot, data);
}

} // namespace mlir::llcc::frontend
