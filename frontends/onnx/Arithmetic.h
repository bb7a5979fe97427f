// Formulas in operator handlers: arithmetic with numpy's broadcasting, numbers where a splat is meant.
#ifndef LLCC_FRONTENDS_ONNX_ARITHMETIC_H
#define LLCC_FRONTENDS_ONNX_ARITHMETIC_H

#include "frontends/onnx/Emit.h"

namespace mlir::llcc::frontend {

/// An operand of a formula: a value, or a number that becomes a splat of the other operand's type.
struct Term {
  Value value;
  double number = 0;
  Term(Value value) : value(value) {}
  Term(double number) : number(number) {}
};

/// Emits formulas at a node's place. Values of one operation have one element type and shapes that broadcast to each
/// other (the handler has checked that); the result has the common shape. Integers are signed or not as the constructor
/// says.
class Arithmetic {
public:
  explicit Arithmetic(Binder &b, bool isUnsigned = false) : b(b), isUnsigned(isUnsigned) {}

  // Floats or integers.
  Value add(Term x, Term y) { return binary<arith::AddFOp, arith::AddIOp>(x, y); }
  Value sub(Term x, Term y) { return binary<arith::SubFOp, arith::SubIOp>(x, y); }
  Value mul(Term x, Term y) { return binary<arith::MulFOp, arith::MulIOp>(x, y); }
  Value div(Term x, Term y) { return binary<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(x, y); }
  /// NaN wins.
  Value max(Term x, Term y) { return binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(x, y); }
  Value min(Term x, Term y) { return binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(x, y); }
  Value square(Value x) { return mul(x, x); }
  Value abs(Value x) {
    return isFloat(x) ? unary<math::AbsFOp>(x) : isUnsigned ? x : unary<math::AbsIOp>(x);
  }
  Value neg(Value x) { return isFloat(x) ? unary<arith::NegFOp>(x) : sub(0.0, x); }

  // Floats.
  Value pow(Value x, double exponent);
  Value exp(Value x) { return unary<math::ExpOp>(x); }
  Value sqrt(Value x) { return unary<math::SqrtOp>(x); }
  Value sigmoid(Value x) { return SigmoidOp::create(b.builder, b.loc, x.getType(), x); }
  template <typename Op> Value unary(Value x) { return Op::create(b.builder, b.loc, x); }
  /// x, through which no gradient flows: for what a formula does not depend on, like the largest element that a
  /// softmax subtracts.
  Value constantOf(Value x);

  // Booleans.
  /// Ordered or not as the float predicate says; integers by the predicate of the same name.
  Value compare(arith::CmpFPredicate predicate, Term x, Term y);
  Value less(Term x, Term y) { return compare(arith::CmpFPredicate::OLT, x, y); }
  Value greater(Term x, Term y) { return compare(arith::CmpFPredicate::OGT, x, y); }
  Value equal(Term x, Term y) { return compare(arith::CmpFPredicate::OEQ, x, y); }
  Value both(Value x, Value y) { return binary<arith::AndIOp, arith::AndIOp>(x, y); }
  Value either(Value x, Value y) { return binary<arith::OrIOp, arith::OrIOp>(x, y); }
  Value negate(Value x) { return binary<arith::XOrIOp, arith::XOrIOp>(x, 1.0); }
  Value select(Value condition, Term x, Term y);
  /// x where the condition holds, 0 elsewhere: whatever x is there, NaN included.
  Value keep(Value condition, Value x) { return select(condition, x, 0.0); }

  // Shapes.
  Value sum(Value x, ArrayRef<int64_t> dims, bool keep = true) { return reduce(b, x, ReduceKind::Sum, dims, keep); }
  /// Of no elements: NaN.
  Value mean(Value x, ArrayRef<int64_t> dims, bool keep = true);
  Value iota(ArrayRef<int64_t> shape, int64_t dim, Type type);
  /// Start `start` and stride `stride` along one dimension, `size` elements.
  Value slice(Value x, int64_t dim, int64_t start, int64_t size, int64_t stride = 1);
  Value concat(ValueRange xs, int64_t dim);
  Value pad(Value x, ArrayRef<int64_t> lo, ArrayRef<int64_t> hi, double value = 0);
  /// Elements converted: floats to floats, integers to floats and back (towards zero).
  Value convert(Value x, Type type);

  /// A splat as large as x.
  Value like(Value x, double number) { return splatLike(b, x, number); }
  static bool isFloat(Value x) { return isa<FloatType>(typeOf(x).getElementType()); }

  Binder &b;
  const bool isUnsigned;

private:
  /// Two terms of one shape.
  std::pair<Value, Value> common(Term x, Term y);
  template <typename FloatOp, typename IntOp, typename UnsignedOp = IntOp> Value binary(Term x, Term y) {
    auto [l, r] = common(x, y);
    if (isFloat(l))
      return FloatOp::create(b.builder, b.loc, l, r);
    if (isUnsigned)
      return UnsignedOp::create(b.builder, b.loc, l, r);
    return IntOp::create(b.builder, b.loc, l, r);
  }
};

/// Dimensions from, from+1 .. to-1.
inline Shape dimsBetween(int64_t from, int64_t to) {
  auto dims = llvm::seq<int64_t>(from, to);
  return Shape(dims.begin(), dims.end());
}

} // namespace mlir::llcc::frontend

#endif
