// Integers that stand for floats: y = saturate(round(x / scale) + zero point), and products of such integers.
//
// Sums of products are computed in f64, which holds them exactly. Rounding is constant almost everywhere: no gradient
// flows through QuantizeLinear (ONNX calls it not differentiable); DequantizeLinear passes one to its scale.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/ElementCast.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/ops/Contraction.h"

namespace mlir::llcc::frontend {

namespace {

/// Smallest and largest number of an integer type (with its sign).
std::pair<double, double> rangeOf(Type type) {
  unsigned bits = type.getIntOrFloatBitWidth();
  double full = double(uint64_t(1) << bits);
  return type.isUnsignedInteger() ? std::pair(0.0, full - 1) : std::pair(-full / 2, full / 2 - 1);
}

/// Is it what floats are quantized to?
bool isQuantized(Type type) {
  return isNarrowFloat(type) ||
         (isa_and_nonnull<IntegerType>(type) && !type.isInteger(1) && type.getIntOrFloatBitWidth() <= 16);
}

/// Quantized numbers of input `i` as floats; null where absent or refused (said).
Value integersAs(Binder &b, unsigned i, StringRef what, Type type) {
  if (!b.hasInput(i))
    return {};
  Value x = b.inputOfAnyType(i, what);
  Type from = b.inputType(i).first;
  if (x && !isQuantized(from) && !from.isInteger(32)) {
    (void)b.unsupported("input " + what + " must hold integers of 32 bits or less, or floats of 8");
    return {};
  }
  return x ? castElements(b, x, from, type) : x;
}

/// Scales or zero points, brought to the shape of x: one, one for each element along `axis`, or one for each block of
/// elements along it. Null where they do not fit (said).
Value spread(Binder &b, Value v, StringRef what, ArrayRef<int64_t> x, int64_t axis, int64_t block) {
  ArrayRef<int64_t> shape = shapeOf(v);
  int64_t rank = x.size();
  if (typeOf(v).getNumElements() == 1 && (block == 0 || shape.empty()))
    return broadcast(b, reshape(b, v, {}), x, {});
  if (axis < -rank || axis >= rank) {
    (void)b.axis(axis, rank);
    return {};
  }
  axis = axis < 0 ? axis + rank : axis;
  if (block == 0 && shape.size() == 1 && shape[0] == x[axis])
    return broadcast(b, v, x, axis);
  Shape want(x);
  if (block > 0) {
    want[axis] = (x[axis] + block - 1) / block;
    if (shape == ArrayRef<int64_t>(want)) {
      Shape split(want), dims, joined(want);
      split.insert(split.begin() + axis + 1, block);
      joined[axis] *= block;
      for (int64_t d = 0; d < rank; ++d)
        dims.push_back(d + (d > axis));
      Value blocks = reshape(b, broadcast(b, v, split, dims), joined);
      return Arithmetic(b).slice(blocks, axis, 0, x[axis]);
    }
  }
  (void)b.bad(what + " is " + showShape(shape) + ", it must hold one number" +
              (block > 0 ? " for each block, " + showShape(want)
                         : ", or " + std::to_string(x[axis]) + " along axis " + std::to_string(axis)));
  return {};
}

/// saturate(round(x) + zero), as numbers of `type`, floats of 8 bits or integers. `zero` has x's shape or is null.
Value quantize(Binder &b, Value x, Value zero, Type type, const CastRules &rules = {}) {
  Arithmetic a(b);
  if (isNarrowFloat(type))
    return castElements(b, zero ? a.add(x, zero) : x, typeOf(x).getElementType(), type, rules);
  auto [least, most] = rangeOf(type);
  Value q = a.unary<math::RoundEvenOp>(x);
  if (zero)
    q = a.add(q, zero);
  q = a.select(a.compare(arith::CmpFPredicate::OGE, q, least), q, least); // NaN too: its conversion is open
  q = a.select(a.less(q, most), q, most);
  return castElements(b, q, typeOf(q).getElementType(), type);
}

/// Says so where a result's type is not what floats are quantized to.
bool checkQuantized(Binder &b, Type type) {
  if (isQuantized(type))
    return true;
  (void)b.unsupported("its result must hold integers of 16 bits or less, or floats of 8");
  return false;
}

} // namespace

static LogicalResult importQuantize(Binder &b) {
  int64_t axis = b.opset >= 13 ? b.attrInt("axis", 1) : 1, block = b.attrInt("block_size", 0),
          wanted = b.attrInt("output_dtype", 0);
  CastRules rules;
  rules.saturate = b.attrInt("saturate", 1);
  b.ignoreAttr("precision");
  Value x = b.input(0, "x"), scale = b.floatInput(1, "y_scale");
  if (!x || !scale)
    return failure();
  Type type = b.hasInput(2) ? b.inputType(2).first
              : wanted      ? elementType(b.context(), int32_t(wanted))
                            : Type(IntegerType::get(b.context(), 8, IntegerType::Unsigned));
  if (!checkQuantized(b, type))
    return failure();
  Arithmetic a(b);
  Type floats = typeOf(scale).getElementType();
  x = a.convert(x, floats);
  Value zero = integersAs(b, 2, "y_zero_point", floats);
  if (b.failed())
    return failure();
  scale = spread(b, scale, "y_scale", shapeOf(x), axis, block);
  if (scale && zero)
    zero = spread(b, zero, "y_zero_point", shapeOf(x), axis, block);
  if (b.failed())
    return failure();
  b.result(quantize(b, a.div(x, scale), zero, type, rules), 0, type);
  return success();
}

static LogicalResult importDequantize(Binder &b) {
  int64_t axis = b.opset >= 13 ? b.attrInt("axis", 1) : 1, block = b.attrInt("block_size", 0),
          wanted = b.attrInt("output_dtype", 0);
  Value scale = b.floatInput(1, "x_scale");
  if (!scale)
    return failure();
  Type type = typeOf(scale).getElementType();
  if (!b.hasInput(0))
    return b.bad("input x (number 0) is missing");
  Value x = integersAs(b, 0, "x", type), zero = integersAs(b, 2, "x_zero_point", type);
  if (b.failed())
    return failure();
  scale = spread(b, scale, "x_scale", shapeOf(x), axis, block);
  if (scale && zero)
    zero = spread(b, zero, "x_zero_point", shapeOf(x), axis, block);
  if (b.failed())
    return failure();
  Arithmetic a(b);
  Value y = a.mul(zero ? a.sub(x, zero) : x, scale);
  if (wanted) {
    Type to = elementType(b.context(), int32_t(wanted));
    if (!to || !isa<FloatType>(to))
      return b.unsupported("attribute \"output_dtype\" is " + Twine(wanted) + ", which is not supported");
    y = a.convert(y, to);
    b.result(y, 0, to);
    return success();
  }
  b.result(y);
  return success();
}

/// uint8, scale and zero point such that the range of x, with 0, just fits.
static LogicalResult importDynamicQuantize(Binder &b) {
  Value x = b.floatInput(0, "x");
  if (!x)
    return failure();
  Arithmetic a(b);
  Shape all = dimsBetween(0, rankOf(x));
  Type type = IntegerType::get(b.context(), 8, IntegerType::Unsigned);
  Value most = a.max(reduce(b, x, ReduceKind::Max, all, /*keep=*/false), 0.0),
        least = a.min(reduce(b, x, ReduceKind::Min, all, /*keep=*/false), 0.0);
  Value flat = a.equal(most, least);
  Value scale = a.select(flat, 1.0, a.div(a.sub(most, least), 255.0));
  Value zero = a.unary<math::RoundEvenOp>(a.min(a.max(a.div(a.neg(least), scale), 0.0), 255.0));
  b.result(quantize(b, a.div(x, scale), broadcastTo(b, zero, shapeOf(x)), type), 0, type);
  b.result(scale, 1);
  b.result(quantize(b, zero, {}, type), 2, type);
  return success();
}

/// A matrix without its zero points, in f64: they are one number, one for each row (of A) or column (of B), or
/// broadcast.
static Value centred(Binder &b, unsigned i, StringRef what, unsigned zeroInput, bool rows) {
  Type f64 = b.builder.getF64Type();
  Value x = integersAs(b, i, what, f64), zero = integersAs(b, zeroInput, "zero point of " + what.str(), f64);
  if (!x) {
    if (!b.failed())
      (void)b.bad("input " + what + " (number " + Twine(i) + ") is missing");
    return {};
  }
  if (!zero)
    return x;
  if (rows && rankOf(zero) == 1 && rankOf(x) > 1 && shapeOf(zero)[0] != 1)
    zero = reshape(b, zero, {shapeOf(zero)[0], 1});
  std::optional<Shape> shape = broadcastShapes(shapeOf(zero), shapeOf(x));
  if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(x)) {
    (void)b.bad("the zero point of " + what + " is " + showShape(shapeOf(zero)) + ", it does not broadcast to " +
                showShape(shapeOf(x)));
    return {};
  }
  return Arithmetic(b).sub(x, zero);
}

static LogicalResult importMatMulInteger(Binder &b) {
  Value x = centred(b, 0, "A", 2, /*rows=*/true), y = x ? centred(b, 1, "B", 3, /*rows=*/false) : Value();
  Value r = y ? matmul(b, x, y) : Value();
  if (!r)
    return failure();
  Type i32 = b.builder.getI32Type();
  b.result(Arithmetic(b).convert(r, i32), 0, i32);
  return success();
}

/// Weights of a convolution without their zero point: one number or one for each output channel.
static Value centredWeights(Binder &b, unsigned i, unsigned zeroInput) {
  Type f64 = b.builder.getF64Type();
  Value w = integersAs(b, i, "w", f64), zero = integersAs(b, zeroInput, "w_zero_point", f64);
  if (!w && !b.failed())
    (void)b.bad("input w (number " + Twine(i) + ") is missing");
  if (w && zero) {
    zero = spread(b, zero, "w_zero_point", shapeOf(w), 0, 0);
    return zero ? Arithmetic(b).sub(w, zero) : Value();
  }
  return w;
}

static LogicalResult importConvInteger(Binder &b) {
  Value x = centred(b, 0, "x", 2, /*rows=*/false), w = x ? centredWeights(b, 1, 3) : Value();
  Value y = w ? convolve(b, x, w) : Value();
  if (!y)
    return failure();
  Type i32 = b.builder.getI32Type();
  b.result(Arithmetic(b).convert(y, i32), 0, i32);
  return success();
}

/// Scale of input `i` as f64.
static Value scaleOf(Binder &b, unsigned i, StringRef what) {
  Value s = b.floatInput(i, what);
  return s ? Arithmetic(b).convert(s, b.builder.getF64Type()) : s;
}

/// y, products in units of two scales, in units of the result's scale.
static LogicalResult requantize(Binder &b, Value y, Value scale, unsigned scaleInput, unsigned zeroInput) {
  Arithmetic a(b);
  Value own = scaleOf(b, scaleInput, "y_scale"),
        zero = integersAs(b, zeroInput, "y_zero_point", b.builder.getF64Type());
  Type type = b.inputType(zeroInput).first;
  if (!own || !zero || b.failed() || !checkQuantized(b, type))
    return b.failed() ? failure() : b.bad("y_scale or y_zero_point is missing");
  for (auto [name, v] : {std::pair<StringRef, Value *>{"y_scale", &own}, {"y_zero_point", &zero}}) {
    if (typeOf(*v).getNumElements() == 1)
      *v = reshape(b, *v, {});
    std::optional<Shape> shape = broadcastShapes(shapeOf(*v), shapeOf(y));
    if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(y))
      return b.bad(name + " is " + showShape(shapeOf(*v)) + ", it does not broadcast to " + showShape(shapeOf(y)));
  }
  Value q = a.mul(y, a.div(scale, own));
  b.result(quantize(b, q, broadcastTo(b, zero, shapeOf(y)), type), 0, type);
  return success();
}

static LogicalResult importQLinearMatMul(Binder &b) {
  Value x = centred(b, 0, "a", 2, /*rows=*/true), y = x ? centred(b, 3, "b", 5, /*rows=*/false) : Value();
  Value r = y ? matmul(b, x, y) : Value(), xScale = scaleOf(b, 1, "a_scale"), yScale = scaleOf(b, 4, "b_scale");
  if (!r || !xScale || !yScale)
    return failure();
  for (auto [name, v, rows] :
       {std::tuple<StringRef, Value *, bool>{"a_scale", &xScale, true}, {"b_scale", &yScale, false}}) {
    if (typeOf(*v).getNumElements() == 1)
      *v = reshape(b, *v, {});
    else if (rows && rankOf(*v) == 1)
      *v = reshape(b, *v, {shapeOf(*v)[0], 1});
    std::optional<Shape> shape = broadcastShapes(shapeOf(*v), shapeOf(r));
    if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(r))
      return b.bad(name + " is " + showShape(shapeOf(*v)) + ", it does not broadcast to " + showShape(shapeOf(r)));
    *v = broadcastTo(b, *v, shapeOf(r));
  }
  return requantize(b, r, Arithmetic(b).mul(xScale, yScale), 6, 7);
}

static LogicalResult importQLinearConv(Binder &b) {
  Value x = centred(b, 0, "x", 2, /*rows=*/false), w = x ? centredWeights(b, 3, 5) : Value();
  Value y = w ? convolve(b, x, w) : Value(), xScale = scaleOf(b, 1, "x_scale"), wScale = scaleOf(b, 4, "w_scale");
  if (!y || !xScale || !wScale)
    return failure();
  Arithmetic a(b);
  xScale = spread(b, xScale, "x_scale", shapeOf(y), 1, 0);
  wScale = xScale ? spread(b, wScale, "w_scale", shapeOf(y), 1, 0) : Value();
  if (!wScale)
    return failure();
  if (Value bias = integersAs(b, 8, "B", b.builder.getF64Type())) {
    if (rankOf(bias) != 1 || shapeOf(bias)[0] != shapeOf(y)[1])
      return b.bad("B is " + showShape(shapeOf(bias)) + ", w has " + Twine(shapeOf(y)[1]) + " output channels");
    y = a.add(y, broadcast(b, bias, shapeOf(y), {1}));
  }
  return requantize(b, y, a.mul(xScale, wScale), 6, 7);
}

void addQuantizationOps(OpTable &t) {
  const SmallVector<Role, 1> data = {Role::Data};
  t.onOp("QuantizeLinear", 10, importQuantize, {Role::Elementwise, Role::Data});
  t.onOp("DequantizeLinear", 10, importDequantize, {Role::Data, Role::Data});
  t.onOp("DynamicQuantizeLinear", 11, importDynamicQuantize, {Role::Elementwise});
  t.onOp("MatMulInteger", 10, importMatMulInteger, data);
  t.onOp("ConvInteger", 10, importConvInteger, data);
  t.onOp("QLinearMatMul", 10, importQLinearMatMul, data);
  t.onOp("QLinearConv", 10, importQLinearConv, data);
}

} // namespace mlir::llcc::frontend
