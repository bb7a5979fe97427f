// The vocabulary of the verifiers: dimension lists, shapes in messages.
#include "compiler/ir/Checks.h"

namespace mlir::llcc {

static std::string join(ArrayRef<int64_t> numbers, StringRef between) {
  std::string text;
  llvm::raw_string_ostream out(text);
  llvm::interleave(numbers, out, between);
  return text;
}

std::string sizesText(ArrayRef<int64_t> sizes) { return sizes.empty() ? "scalar" : join(sizes, "x"); }

std::string listText(ArrayRef<int64_t> numbers) { return "[" + join(numbers, ", ") + "]"; }

LogicalResult checkElements(Operation *op, RankedTensorType x, RankedTensorType y) {
  if (x.getElementType() != y.getElementType())
    return op->emitOpError() << "element types differ: " << x.getElementType() << " and " << y.getElementType();
  return success();
}

LogicalResult checkResult(Operation *op, RankedTensorType x, RankedTensorType result, ArrayRef<int64_t> needed) {
  if (failed(checkElements(op, x, result)))
    return failure();
  if (result.getShape() != needed)
    return op->emitOpError() << "result is " << sizesText(result.getShape()) << ", needs " << sizesText(needed);
  return success();
}

LogicalResult checkDim(Operation *op, StringRef name, int64_t dim, int64_t rank) {
  if (dim < 0 || dim >= rank)
    return op->emitOpError() << name << " is " << dim << ", the tensor has rank " << rank;
  return success();
}

LogicalResult checkIncreasing(Operation *op, StringRef name, ArrayRef<int64_t> dims, int64_t rank) {
  int64_t last = -1;
  for (int64_t dim : dims) {
    if (dim <= last || dim >= rank)
      return op->emitOpError() << name << " are " << listText(dims) << ", need to increase strictly below rank "
                               << rank;
    last = dim;
  }
  return success();
}

LogicalResult checkEntries(Operation *op, StringRef name, ArrayRef<int64_t> values, int64_t count, int64_t least) {
  if (int64_t(values.size()) != count)
    return op->emitOpError() << name << " has " << values.size() << " entries, needs " << count;
  for (int64_t value : values)
    if (value < least)
      return op->emitOpError() << name << " is " << listText(values) << ", needs entries of at least " << least;
  return success();
}

} // namespace mlir::llcc
