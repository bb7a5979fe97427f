// A dot as a library sees it: batches of row-major matrices, each perhaps transposed.
#ifndef LLCC_PASSES_LOWER_CONTRACTION_H
#define LLCC_PASSES_LOWER_CONTRACTION_H

#include "compiler/ir/LLCC.h"
#include <optional>

namespace mlir::func {
class FuncOp;
}

namespace mlir::llcc {

/// lhs [batch, m, k] (or [batch, k, m] if transposed), rhs [batch, k, n] (or [batch, n, k]), result [batch, m, n].
struct Contraction {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  bool lhsTransposed = false, rhsTransposed = false;
};

/// Nothing where an operand's dimensions do not lie in memory as one of the two orders.
std::optional<Contraction> contractionOf(DotOp dot);

/// Makes every dot a Contraction: takes transposes of operands and of the result into the dot where that needs no copy,
/// and gives operands that cannot be collapsed an explicit transpose.
void canonicalizeDots(func::FuncOp function);

} // namespace mlir::llcc

#endif
