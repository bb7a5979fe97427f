// Emits tensor-level ops at one location: the vocabulary in which losses, gradients and decompositions are written.
#ifndef LLCC_PASSES_TRAIN_EMITTER_H
#define LLCC_PASSES_TRAIN_EMITTER_H

#include "compiler/ir/LLCC.h"
#include "mlir/IR/Builders.h"

namespace mlir::llcc {

inline RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
/// The one number that all elements of `value` have; looks through broadcasts and reshapes. Nothing where they differ
/// or are not known now.
std::optional<double> splatOf(Value value);

/// All values are statically shaped tensors; operands of elementwise functions have equal types. Ops whose result is
/// known (x * 1, a broadcast constant) are not made.
class Emitter {
public:
  Emitter(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  Value constant(RankedTensorType type, double value);
  Value constantLike(Value value, double number) { return constant(typeOf(value), number); }

  template <typename Op> Value unary(Value x) { return builder.createOrFold<Op>(loc, x); }
  template <typename Op> Value binary(Value x, Value y) { return builder.createOrFold<Op>(loc, x, y); }
  Value add(Value x, Value y) { return binary<arith::AddFOp>(x, y); }
  Value sub(Value x, Value y) { return binary<arith::SubFOp>(x, y); }
  Value mul(Value x, Value y) { return binary<arith::MulFOp>(x, y); }
  Value div(Value x, Value y) { return binary<arith::DivFOp>(x, y); }
  Value neg(Value x) { return unary<arith::NegFOp>(x); }
  Value exp(Value x) { return unary<math::ExpOp>(x); }
  Value add(Value x, double number) { return add(x, constantLike(x, number)); }
  Value mul(Value x, double number) { return mul(x, constantLike(x, number)); }

  Value compare(arith::CmpFPredicate predicate, Value x, Value y);
  Value compare(arith::CmpIPredicate predicate, Value x, Value y);
  /// `condition ? x : y`; a value that is not chosen leaves no trace, be it NaN or infinite.
  Value select(Value condition, Value x, Value y) {
    return builder.createOrFold<arith::SelectOp>(loc, condition, x, y);
  }
  /// x where condition holds, else zero.
  Value keep(Value condition, Value x) { return select(condition, x, constantLike(x, 0)); }
  /// 1 where condition (i1) holds, else 0.
  Value indicator(Value condition, Type element);
  /// x with float element type `element`.
  Value convert(Value x, Type element);

  /// Dimension i of x becomes dimension dims[i] of the result, which has `shape`.
  Value broadcast(Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims);
  /// A scalar (tensor<T>) repeated over the shape of `like`.
  Value spread(Value scalar, Value like) { return broadcast(scalar, typeOf(like).getShape(), {}); }
  Value reduce(ReduceKind kind, Value x, ArrayRef<int64_t> dims);
  Value sum(Value x, ArrayRef<int64_t> dims) { return reduce(ReduceKind::Sum, x, dims); }
  /// The inverse direction of reduce: x lacks `dims`, the result has `shape`.
  Value restore(Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims);
  Value reshape(Value x, ArrayRef<int64_t> shape);
  Value transpose(Value x, ArrayRef<int64_t> perm);

  OpBuilder &builder;
  Location loc;
};

/// first, first+1 .. rank-1.
SmallVector<int64_t> dimsFrom(int64_t first, int64_t rank);
/// Dimensions 0..rank-1 that are not in `dims`.
SmallVector<int64_t> otherDims(ArrayRef<int64_t> dims, int64_t rank);

/// Erases what nothing uses inside `root`, users before what they used.
void eraseDeadOps(Operation *root);

} // namespace mlir::llcc

#endif
