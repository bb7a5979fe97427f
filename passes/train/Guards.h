// Which ops need a guard: a select may leave out their result, and their slope may be no number where it does.
#ifndef LLCC_PASSES_TRAIN_GUARDS_H
#define LLCC_PASSES_TRAIN_GUARDS_H

#include "compiler/ir/LLCC.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::llcc {

/// `Where(x > 0, Sqrt(x), 0)`: where x is negative the cotangent of the root is 0, and 0 × NaN would make the gradient
/// of x NaN. The chain rule says 0: what is left out has no influence. So the row of an op that is guarded gives 0
/// wherever its cotangent is 0. Only such ops pay for the comparison:
///   * a select reads the result, through elementwise ops, reductions and views (a product of matrices ends the search:
///     NaN in one element of its operand is in whole rows of its result, which a select behind it would leave out);
///   * the slope may be NaN or infinite for finite operands (quotients, most of math, softmax of a row of -inf), or an
///     operand comes from such an op (x * (1/n)).
class Guards {
public:
  /// `ops` in order, producers first.
  explicit Guards(ArrayRef<Operation *> ops);
  bool contains(Operation *op) const { return guarded.contains(op); }

private:
  DenseSet<Operation *> guarded;
};

} // namespace mlir::llcc

#endif
