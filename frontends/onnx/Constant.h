// Tensors whose elements are known while importing: shapes, axes, indices, masks and what is computed from them.
#ifndef LLCC_FRONTENDS_ONNX_CONSTANT_H
#define LLCC_FRONTENDS_ONNX_CONSTANT_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir::llcc::frontend {

using Shape = SmallVector<int64_t>;

/// Most elements a constant may have while it is computed with; bigger ones stay bytes on disk.
constexpr int64_t kMaxConstantElements = int64_t(1) << 24;
/// Most elements of any tensor: far above what memory holds, far below where sizes overflow.
constexpr int64_t kMaxElements = int64_t(1) << 40;

/// Product of the dimensions; nothing where one is negative or the product passes kMaxElements.
std::optional<int64_t> countElements(ArrayRef<int64_t> shape);
/// "2x3"; "scalar" for no dimensions.
std::string showShape(ArrayRef<int64_t> shape);

/// The element type in the IR of an ONNX element type: unsigned integers (ui8) have no sign there; 8-bit floats and
/// integers below 8 bits are held as i8, one element a byte (ElementCast.h computes with them).
Type storageType(Type type);

/// A dense tensor. Floats of any width are held as double, rounded to the element type by whoever writes them, so that
/// f32 arithmetic in double followed by rounding gives the f32 result; integers and booleans as int64
/// (ui64 as the int64 of the same bits).
struct Constant {
  Type type; ///< element type: f16, bf16, f32, f64, i1, i8 … i64, ui8 … ui64; as storageType takes it
  Shape shape;
  std::vector<double> reals;
  std::vector<int64_t> ints;

  bool isFloat() const { return isa<FloatType>(type); }
  int64_t size() const { return isFloat() ? reals.size() : ints.size(); }
  bool isSplat() const;
  double real(int64_t i) const {
    return isFloat() ? reals[i] : type.isUnsignedInteger(64) ? double(uint64_t(ints[i])) : double(ints[i]);
  }
  /// Rounds every element to what `type` can hold (integers wrap).
  void round();
  /// Little-endian bytes in the element type.
  std::string bytes() const;
  /// An `arith.constant` value of this shape.
  DenseElementsAttr attribute() const;
};
using ConstantPtr = std::shared_ptr<const Constant>;

/// A constant of integers (i64), rank 1 unless a shape is given.
ConstantPtr intConstant(MLIRContext *context, ArrayRef<int64_t> values, std::optional<Shape> shape = std::nullopt);

/// Row-major strides, in elements.
Shape stridesOf(ArrayRef<int64_t> shape);
/// Multi-dimensional index of element `i` of a tensor of `shape`.
Shape indexOf(int64_t i, ArrayRef<int64_t> shape);
/// A constant of `shape` whose element `i` is the element source(index of i) of x. `shape` must have at most
/// kMaxConstantElements elements.
ConstantPtr pick(const Constant &x, ArrayRef<int64_t> shape, llvm::function_ref<int64_t(ArrayRef<int64_t>)> source);

/// x with size 1 along each dimension along which it only repeats; x itself where there is none.
ConstantPtr withoutRepeats(ConstantPtr x);

} // namespace mlir::llcc::frontend

#endif
