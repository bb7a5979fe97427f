// A tensor on the host: the values that the interpreter computes with.
#ifndef LLCC_COMPILER_INTERPRETER_TENSOR_H
#define LLCC_COMPILER_INTERPRETER_TENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace mlir::llcc {

/// Elements in row-major order. Exactly one of `reals` (float element types) and `ints` (integer, index, i1 as 0 or 1)
/// is used.
struct Tensor {
  SmallVector<int64_t> shape;
  Type element;
  std::vector<double> reals;
  std::vector<int64_t> ints; ///< sign-extended to 64 bits

  Tensor() = default;
  /// Zeros of the shape and element type of `type` (a ranked tensor type, or a scalar type: shape []).
  explicit Tensor(Type type);
  Tensor(ArrayRef<int64_t> shape, Type element);

  bool isFloat() const { return isa<FloatType>(element); }
  int64_t size() const;
  /// Element `i` as a double, whatever the element type.
  double at(int64_t i) const { return isFloat() ? reals[i] : double(ints[i]); }
  /// Sets element `i`; integers are truncated towards zero.
  void set(int64_t i, double value);
  /// Copies element `from` of `x`, which has the same element type.
  void copy(int64_t i, const Tensor &x, int64_t from);
  /// Position of `index` in row-major order.
  int64_t linear(ArrayRef<int64_t> index) const;
  /// Rounds every element to what the element type can hold (f32, bf16, f16; integers wrap).
  void round();
};

/// Row-major strides of `shape`, in elements.
SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape);
/// `value` rounded to nearest even in `type`.
double roundReal(double value, Type type);
/// `value` wrapped to the width of `type`, sign-extended (i1: 0 or 1).
int64_t wrapInt(int64_t value, Type type);
/// The constant `attr` of type `type`; fails on attributes whose elements cannot be read.
FailureOr<Tensor> tensorOf(Attribute attr, Type type);
/// `[1, 2.5, 3]`: all elements in row-major order, %.9g.
std::string print(const Tensor &x);

/// Calls `fn(index)` for each index of a box in row-major order; once with [] for rank 0, never where a size is 0.
template <class Fn> void forEachIndex(ArrayRef<int64_t> shape, Fn fn) {
  for (int64_t size : shape)
    if (size <= 0)
      return;
  SmallVector<int64_t> index(shape.size(), 0);
  while (true) {
    fn(ArrayRef<int64_t>(index));
    int64_t d = int64_t(shape.size()) - 1;
    while (d >= 0 && ++index[d] == shape[d])
      index[d--] = 0;
    if (d < 0)
      return;
  }
}

} // namespace mlir::llcc

#endif
