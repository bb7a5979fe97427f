// The vocabulary of the verifiers: dimension lists, shapes in messages, exact arithmetic on sizes.
#ifndef LLCC_COMPILER_IR_CHECKS_H
#define LLCC_COMPILER_IR_CHECKS_H

#include "compiler/ir/LLCC.h"

namespace mlir::llcc {

/// Wide enough for any product of a size and an attribute of an op, which a file may choose at will.
using Wide = __int128;

/// "2x3" of sizes, for messages; "scalar" for rank 0.
std::string sizesText(ArrayRef<int64_t> sizes);
/// "[2, 3]" of numbers, for messages.
std::string listText(ArrayRef<int64_t> numbers);

/// Fails unless the element types of `x` and `y` are equal.
LogicalResult checkElements(Operation *op, RankedTensorType x, RankedTensorType y);
/// Fails unless the result has the sizes `needed` and the element type of `x`.
LogicalResult checkResult(Operation *op, RankedTensorType x, RankedTensorType result, ArrayRef<int64_t> needed);
/// Fails unless 0 <= `dim` < `rank`; `name` is the attribute's.
LogicalResult checkDim(Operation *op, StringRef name, int64_t dim, int64_t rank);
/// Fails unless `dims` are strictly increasing and below `rank`.
LogicalResult checkIncreasing(Operation *op, StringRef name, ArrayRef<int64_t> dims, int64_t rank);
/// Fails unless `values` has `count` entries, each at least `least`.
LogicalResult checkEntries(Operation *op, StringRef name, ArrayRef<int64_t> values, int64_t count, int64_t least);

} // namespace mlir::llcc

#endif
