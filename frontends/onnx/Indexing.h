// How operator handlers say IR that moves elements by index: slices, gathers, scatters, comparisons with positions.
#ifndef LLCC_FRONTENDS_ONNX_INDEXING_H
#define LLCC_FRONTENDS_ONNX_INDEXING_H

#include "frontends/onnx/Emit.h"

namespace mlir::llcc::frontend {

/// x[starts : starts + sizes*strides : strides]; no strides: 1. x itself where that is all of it.
Value slice(Binder &b, Value x, ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides = {});
/// Elements [start, start + size) along one dimension.
Value sliceAlong(Binder &b, Value x, int64_t dim, int64_t start, int64_t size, int64_t stride = 1);
/// x backwards along dims (ascending).
Value reverse(Binder &b, Value x, ArrayRef<int64_t> dims);
/// x with `value` around it.
Value pad(Binder &b, Value x, ArrayRef<int64_t> lo, ArrayRef<int64_t> hi, double value,
          ArrayRef<int64_t> interior = {});
/// Tensors one after the other along dim.
Value concat(Binder &b, ArrayRef<Value> xs, int64_t dim);

/// i64 numbers 0, 1, .. along dim.
Value positions(Binder &b, ArrayRef<int64_t> shape, int64_t dim);
Value compare(Binder &b, arith::CmpIPredicate predicate, Value x, Value y);
Value compare(Binder &b, arith::CmpFPredicate predicate, Value x, Value y);
Value select(Binder &b, Value condition, Value x, Value y);
/// x (integers, or floats that are whole) as i64.
Value asInt64(Binder &b, Value x, bool isUnsigned = false);
/// Unsigned integers as signed ones of the same order, and back.
Value flipSign(Binder &b, Value x);

/// i64 numbers that are known.
Value intTensor(Binder &b, ArrayRef<int64_t> values, ArrayRef<int64_t> shape);
/// Floats that are known, in `type`; more than a few become bytes of the artifact.
Value realTensor(Binder &b, ArrayRef<double> values, ArrayRef<int64_t> shape, Type type);

/// table[.., indices[i], ..] along axis, for known indices in [0, size).
Value takeKnown(Binder &b, Value table, int64_t axis, ArrayRef<int64_t> indices);
/// result[.., i, ..] = table[.., indices[.., i, ..], ..]: all other dimensions are equal.
Value takeAlong(Binder &b, Value table, Value indices, int64_t axis);
/// data, updates put (or combined) at indices along axis: all other dimensions of the three are equal.
Value putAlong(Binder &b, Value data, Value updates, Value indices, int64_t axis, std::optional<ReduceKind> kind);
/// Row-major numbers of the places that the last dimension of `indices` names in `shape`; negative entries count from
/// the end. No dimension is left for it.
Value linearIndex(Binder &b, Value indices, ArrayRef<int64_t> shape);
/// The permutation that moves dimension `from` to place `to`.
Shape movedDim(int64_t rank, int64_t from, int64_t to);

/// A constant of x's type whose element at index is `source(index)` of x, or `fill` where that is negative.
ConstantPtr pickOr(const Constant &x, ArrayRef<int64_t> shape, double fill,
                   llvm::function_ref<int64_t(ArrayRef<int64_t>)> source);

} // namespace mlir::llcc::frontend

#endif
