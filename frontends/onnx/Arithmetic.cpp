// Formulas in operator handlers.
#include "frontends/onnx/Arithmetic.h"

namespace mlir::llcc::frontend {

std::pair<Value, Value> Arithmetic::common(Term x, Term y) {
  if (!x.value)
    return {splatLike(b, y.value, x.number), y.value};
  if (!y.value)
    return {x.value, splatLike(b, x.value, y.number)};
  std::optional<Shape> shape = broadcastShapes(shapeOf(x.value), shapeOf(y.value));
  return {broadcastTo(b, x.value, *shape), broadcastTo(b, y.value, *shape)};
}

Value Arithmetic::pow(Value x, double exponent) {
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return square(x);
  if (exponent == 0.5)
    return sqrt(x);
  if (exponent == -1)
    return div(1.0, x);
  return math::PowFOp::create(b.builder, b.loc, x, like(x, exponent));
}

/// Gradients do not go through integers, and the bits are the same.
Value Arithmetic::constantOf(Value x) {
  RankedTensorType type = typeOf(x);
  auto bits = type.clone(b.builder.getIntegerType(type.getElementTypeBitWidth()));
  return arith::BitcastOp::create(b.builder, b.loc, type, arith::BitcastOp::create(b.builder, b.loc, bits, x));
}

Value Arithmetic::compare(arith::CmpFPredicate predicate, Term x, Term y) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  auto [l, r] = common(x, y);
  if (isFloat(l))
    return arith::CmpFOp::create(b.builder, b.loc, predicate, l, r);
  I integer = predicate == F::OLT || predicate == F::ULT   ? (isUnsigned ? I::ult : I::slt)
              : predicate == F::OLE || predicate == F::ULE ? (isUnsigned ? I::ule : I::sle)
              : predicate == F::OGT || predicate == F::UGT ? (isUnsigned ? I::ugt : I::sgt)
              : predicate == F::OGE || predicate == F::UGE ? (isUnsigned ? I::uge : I::sge)
              : predicate == F::OEQ || predicate == F::UEQ ? I::eq
                                                           : I::ne;
  return arith::CmpIOp::create(b.builder, b.loc, integer, l, r);
}

Value Arithmetic::select(Value condition, Term x, Term y) {
  auto [l, r] = common(x, y);
  Shape shape = *broadcastShapes(shapeOf(condition), shapeOf(l));
  return arith::SelectOp::create(b.builder, b.loc, broadcastTo(b, condition, shape), broadcastTo(b, l, shape),
                                 broadcastTo(b, r, shape));
}

Value Arithmetic::mean(Value x, ArrayRef<int64_t> dims, bool keep) {
  int64_t count = 1;
  for (int64_t d : dims)
    count *= shapeOf(x)[d];
  Value total = sum(x, dims, keep);
  return count == 1 ? total : div(total, double(count));
}

Value Arithmetic::iota(ArrayRef<int64_t> shape, int64_t dim, Type type) {
  return IotaOp::create(b.builder, b.loc, RankedTensorType::get(shape, type), dim);
}

Value Arithmetic::slice(Value x, int64_t dim, int64_t start, int64_t size, int64_t stride) {
  Shape shape(shapeOf(x)), starts(shape.size(), 0), strides(shape.size(), 1);
  if (start == 0 && stride == 1 && size == shape[dim])
    return x;
  shape[dim] = size;
  starts[dim] = start;
  strides[dim] = stride;
  return SliceOp::create(b.builder, b.loc, typeOf(x).clone(shape), x, starts, strides);
}

Value Arithmetic::concat(ValueRange xs, int64_t dim) {
  if (xs.size() == 1)
    return xs[0];
  Shape shape(shapeOf(xs[0]));
  shape[dim] = 0;
  for (Value x : xs)
    shape[dim] += shapeOf(x)[dim];
  return ConcatOp::create(b.builder, b.loc, typeOf(xs[0]).clone(shape), xs, dim);
}

Value Arithmetic::pad(Value x, ArrayRef<int64_t> lo, ArrayRef<int64_t> hi, double value) {
  Shape shape(shapeOf(x));
  bool none = true;
  for (size_t d = 0; d < shape.size(); ++d) {
    shape[d] += lo[d] + hi[d];
    none &= lo[d] == 0 && hi[d] == 0;
  }
  if (none)
    return x;
  return PadOp::create(b.builder, b.loc, typeOf(x).clone(shape), x, lo, hi, Shape(shape.size(), 0), APFloat(value));
}

Value Arithmetic::convert(Value x, Type type) {
  Type from = typeOf(x).getElementType();
  if (from == type)
    return x;
  auto to = typeOf(x).clone(type);
  unsigned fromBits = from.getIntOrFloatBitWidth(), toBits = type.getIntOrFloatBitWidth();
  if (isa<FloatType>(from) && isa<FloatType>(type))
    return fromBits < toBits ? Value(arith::ExtFOp::create(b.builder, b.loc, to, x))
                             : Value(arith::TruncFOp::create(b.builder, b.loc, to, x));
  bool zeroExtends = isUnsigned || from.isInteger(1);
  if (isa<FloatType>(from)) { // by way of 64 bits, so that numbers outside of the narrow type wrap
    if (isUnsigned && toBits == 64)
      return arith::FPToUIOp::create(b.builder, b.loc, to, x);
    Value wide = arith::FPToSIOp::create(b.builder, b.loc, to.clone(b.builder.getI64Type()), x);
    return toBits == 64 ? wide : Value(arith::TruncIOp::create(b.builder, b.loc, to, wide));
  }
  if (isa<FloatType>(type))
    return zeroExtends ? Value(arith::UIToFPOp::create(b.builder, b.loc, to, x))
                       : Value(arith::SIToFPOp::create(b.builder, b.loc, to, x));
  if (fromBits < toBits)
    return zeroExtends ? Value(arith::ExtUIOp::create(b.builder, b.loc, to, x))
                       : Value(arith::ExtSIOp::create(b.builder, b.loc, to, x));
  return arith::TruncIOp::create(b.builder, b.loc, to, x);
}

} // namespace mlir::llcc::frontend
