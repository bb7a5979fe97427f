// Conversion between ONNX element types.
//
// 8-bit floats have no arithmetic: they become f32 by a table of their 256 values, and are made of f32 by integer
// arithmetic on its bits. With M mantissa bits, the number |x| whose exponent is e (not below the smallest normal one)
// lies at k = |x| / 2^(e - M) quanta; rounded to even, its code is ((e - emin) << M) + k, for subnormal numbers as for
// normal ones, and when rounding carries into the next exponent.
#include "frontends/onnx/ElementCast.h"
#include "llvm/ADT/APFloat.h"

namespace mlir::llcc::frontend {

using FloatPredicate = arith::CmpFPredicate;
using IntPredicate = arith::CmpIPredicate;

bool isNarrowFloat(Type element) { return isa_and_nonnull<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8; }

namespace {
struct Emitting {
  Binder &b;
  Value like(Value x, double value) { return splatLike(b, x, value); }
  Type with(Value x, Type element) { return typeOf(x).clone(element); }
  template <typename Op> Value make(Value x, Value y) { return Op::create(b.builder, b.loc, x, y); }
  template <typename Op> Value make(Value x, int64_t y) { return make<Op>(x, like(x, double(y))); }
  template <typename Op> Value convert(Value x, Type element) {
    return Op::create(b.builder, b.loc, with(x, element), x);
  }
  Value bits(Value x) { return convert<arith::BitcastOp>(x, b.builder.getI32Type()); }
  Value real(Value x) { return convert<arith::BitcastOp>(x, b.builder.getF32Type()); }
  Value compare(IntPredicate p, Value x, int64_t y) {
    return arith::CmpIOp::create(b.builder, b.loc, p, x, like(x, double(y)));
  }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b.builder, b.loc, c, x, y); }
  Value select(Value c, int64_t x, Value y) { return select(c, like(y, double(x)), y); }
};

/// x as f32, exactly or rounded once.
Value toF32(Emitting e, Value x) {
  Type element = typeOf(x).getElementType();
  if (element.isF32())
    return x;
  return element.isF64() ? e.convert<arith::TruncFOp>(x, e.b.builder.getF32Type())
                         : e.convert<arith::ExtFOp>(x, e.b.builder.getF32Type());
}

/// The value of each code, looked up.
Value fromNarrowFloat(Emitting e, Value codes, FloatType from) {
  unsigned width = from.getWidth();
  SmallVector<int32_t> table;
  for (unsigned code = 0; code < 1u << width; ++code) {
    APFloat value(from.getFloatSemantics(), APInt(width, code));
    bool lost;
    value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
    table.push_back(int32_t(value.bitcastToAPInt().getZExtValue()));
  }
  auto type = RankedTensorType::get({int64_t(table.size())}, e.b.builder.getI32Type());
  Value values = arith::ConstantOp::create(e.b.builder, e.b.loc, DenseElementsAttr::get(type, ArrayRef(table)));
  Value at = e.convert<arith::ExtUIOp>(codes, e.b.builder.getI64Type());
  at = e.make<arith::AndIOp>(at, int64_t(table.size()) - 1);
  Value found = GatherOp::create(e.b.builder, e.b.loc, e.with(codes, e.b.builder.getI32Type()), values, at, 0);
  return e.real(found);
}

/// Powers of two alone; negative numbers and NaN are NaN (255).
Value toExponent(Emitting e, Value x, const CastRules &rules) {
  Value bits = e.bits(toF32(e, x));
  Value exponent = e.make<arith::ShRUIOp>(bits, 23), mantissa = e.make<arith::AndIOp>(bits, 0x7fffff);
  Value isSmall = e.compare(IntPredicate::eq, exponent, 0); // 2^-127 is a subnormal f32
  Value code = exponent;
  if (rules.roundMode != "down") {
    bool up = rules.roundMode == "up";
    Value passes = e.compare(IntPredicate::sgt, mantissa, up ? 0 : 0x3fffff);
    Value smallPasses = e.compare(IntPredicate::sgt, mantissa, up ? 0x400000 : 0x5fffff);
    passes = e.select(isSmall, smallPasses, passes);
    code = e.make<arith::AddIOp>(code, e.convert<arith::ExtUIOp>(passes, e.b.builder.getI32Type()));
  }
  code = e.select(e.compare(IntPredicate::sge, code, 255), rules.saturate ? 254 : 255, code);
  code = e.select(e.compare(IntPredicate::ugt, bits, 0x7f800000), 255, code);
  return e.convert<arith::TruncIOp>(code, e.b.builder.getI8Type());
}

/// How a narrow float ends at the top. Codes without the sign.
struct Top {
  int64_t largest, infinity, nan;
  bool hasNegativeZero;
};

Top topOf(FloatType type) {
  if (isa<Float8E4M3FNType>(type))
    return {0x7e, 0x7f, 0x7f, true};
  if (isa<Float8E5M2Type>(type))
    return {0x7b, 0x7c, 0x7e, true};
  if (isa<Float4E2M1FNType>(type))
    return {7, 7, 8, true};         // no NaN: ml_dtypes makes -0 of it
  return {0x7f, 0x80, 0x80, false}; // FNUZ: the code of -0 is NaN
}

Value toNarrowFloat(Emitting e, Value x, FloatType to, const CastRules &rules) {
  int64_t width = to.getWidth(), M = to.getFPMantissaWidth() - 1;
  int64_t emin = 127 + APFloat::semanticsMinExponent(to.getFloatSemantics());
  Top top = topOf(to);
  Value bits = e.bits(toF32(e, x));
  Value magnitude = e.make<arith::AndIOp>(bits, 0x7fffffff);
  Value exponent = e.make<arith::MaxSIOp>(e.make<arith::ShRUIOp>(magnitude, 23), emin);
  // 2^(M - e), as the bits of an f32.
  Value scale = e.make<arith::ShLIOp>(e.make<arith::SubIOp>(e.like(exponent, double(254 + M)), exponent), 23);
  Value quanta = e.make<arith::MulFOp>(e.real(magnitude), e.real(scale));
  Value isNan = e.compare(IntPredicate::sgt, magnitude, 0x7f800000);
  Value isHuge = e.compare(IntPredicate::sge, magnitude, 0x7f000000); // beyond any of these types; keeps fptosi defined
  quanta = e.select(isHuge, e.like(quanta, 0), quanta);
  Value k =
      e.convert<arith::FPToSIOp>(math::RoundEvenOp::create(e.b.builder, e.b.loc, quanta), e.b.builder.getI32Type());
  Value code = e.make<arith::AddIOp>(e.make<arith::ShLIOp>(e.make<arith::SubIOp>(exponent, emin), M), k);
  Value over = arith::OrIOp::create(e.b.builder, e.b.loc, isHuge, e.compare(IntPredicate::sgt, code, top.largest));
  code = e.select(over, rules.saturate ? top.largest : top.infinity, code);
  code = e.select(isNan, top.nan, code);
  Value sign = e.make<arith::ShLIOp>(e.make<arith::ShRUIOp>(bits, 31), width - 1);
  if (!top.hasNegativeZero)
    sign = e.select(e.compare(IntPredicate::eq, code, 0), 0, sign);
  Value coded = e.make<arith::OrIOp>(code, sign);
  if (!top.hasNegativeZero)
    coded = e.select(e.compare(IntPredicate::eq, code, top.nan), top.nan, coded);
  return e.convert<arith::TruncIOp>(coded, e.b.builder.getI8Type());
}

/// i8 with the low bits of x: what a 4-bit or 2-bit integer holds.
Value wrapNarrow(Emitting e, Value x, IntegerType to) {
  int64_t unused = 8 - int64_t(to.getWidth());
  x = e.make<arith::ShLIOp>(x, unused);
  return to.isUnsigned() ? e.make<arith::ShRUIOp>(x, unused) : e.make<arith::ShRSIOp>(x, unused);
}

bool isNarrowInteger(Type type) {
  return isa<IntegerType>(type) && type.getIntOrFloatBitWidth() < 8 && !type.isInteger(1);
}

/// Between types that the IR computes with; `from` and `to` carry signs.
Value castWide(Emitting e, Value x, Type from, Type declared) {
  OpBuilder &builder = e.b.builder;
  Type to = storageType(declared), own = storageType(from);
  unsigned fromBits = own.getIntOrFloatBitWidth(), toBits = to.getIntOrFloatBitWidth();
  bool fromUnsigned = from.isUnsignedInteger() || from.isInteger(1);
  if (own == to)
    return x;
  if (to.isInteger(1))
    return isa<FloatType>(from) ? Value(arith::CmpFOp::create(builder, e.b.loc, FloatPredicate::UNE, x, e.like(x, 0)))
                                : e.compare(IntPredicate::ne, x, 0);
  if (isa<FloatType>(from) && isa<FloatType>(to)) {
    if (fromBits == toBits) { // f16 and bf16: neither holds the other
      x = toF32(e, x);
      fromBits = 32;
    }
    return fromBits < toBits ? e.convert<arith::ExtFOp>(x, to) : e.convert<arith::TruncFOp>(x, to);
  }
  if (isa<FloatType>(from)) {
    if (declared.isUnsignedInteger(64))
      return e.convert<arith::FPToUIOp>(x, to);
    // By way of 64 bits, so that numbers outside of the narrow type wrap, as numpy's do.
    Value wide = e.convert<arith::FPToSIOp>(x, builder.getI64Type());
    return toBits == 64 ? wide : e.convert<arith::TruncIOp>(wide, to);
  }
  if (isa<FloatType>(to))
    return fromUnsigned ? e.convert<arith::UIToFPOp>(x, to) : e.convert<arith::SIToFPOp>(x, to);
  if (fromBits < toBits)
    return fromUnsigned ? e.convert<arith::ExtUIOp>(x, to) : e.convert<arith::ExtSIOp>(x, to);
  return fromBits == toBits ? x : e.convert<arith::TruncIOp>(x, to);
}
} // namespace

Value castElements(Binder &b, Value x, Type from, Type to, const CastRules &rules) {
  Emitting e{b};
  Type i8 = b.builder.getI8Type();
  if (from == to)
    return x;
  if (isNarrowFloat(from)) {
    x = fromNarrowFloat(e, x, cast<FloatType>(from));
    from = b.builder.getF32Type();
  } else if (isNarrowInteger(from)) { // bits above the type's are not defined
    x = wrapNarrow(e, x, cast<IntegerType>(from));
    from = from.isUnsignedInteger() ? Type(b.builder.getIntegerType(8, false)) : i8;
  }
  if (isNarrowFloat(to)) {
    x = castWide(e, x, from, isa<FloatType>(from) ? from : Type(b.builder.getF32Type()));
    return isa<Float8E8M0FNUType>(to) ? toExponent(e, x, rules) : toNarrowFloat(e, x, cast<FloatType>(to), rules);
  }
  if (isNarrowInteger(to))
    return wrapNarrow(e, castWide(e, x, from, i8), cast<IntegerType>(to));
  return castWide(e, x, from, to);
}

} // namespace mlir::llcc::frontend
