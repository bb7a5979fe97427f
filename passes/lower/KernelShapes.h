// What loops a kernel of form row or fold has, read from its body: the same for every target.
#ifndef LLCC_PASSES_LOWER_KERNELSHAPES_H
#define LLCC_PASSES_LOWER_KERNELSHAPES_H

#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <map>

namespace mlir::llcc {

/// A row kernel: for each row reductions in the order of their dependences, then the results.
struct RowShape {
  size_t rows = 0;   ///< leading dimensions that are rows
  int64_t count = 1; ///< rows
  /// (depth, length) → reductions; depth: how many reductions lie below the operand.
  std::map<std::pair<int64_t, int64_t>, SmallVector<ReduceOp>> levels;
  /// (overwrites an argument, length) → results; what overwrites comes last.
  std::map<std::pair<bool, int64_t>, SmallVector<int64_t>> stores;

  /// Of a kernel on tensors; a body that breaks the form's contract (README.md) is reported.
  static FailureOr<RowShape> of(func::FuncOp kernel);
};

/// A fold kernel: reductions of one shape along the same dimensions; neighbouring dimensions of one kind are one group.
struct FoldShape {
  struct Group {
    bool reduced;
    int64_t size;
  };
  SmallVector<ReduceOp> reduces;
  SmallVector<Group> groups; ///< dimensions of size 1 are left out
  bool keepsLast() const { return !groups.empty() && !groups.back().reduced; }

  /// Of a kernel on tensors; a body that breaks the form's contract (README.md) is reported.
  static FailureOr<FoldShape> of(func::FuncOp kernel);
};

/// The reductions in the body of a kernel, in order.
SmallVector<ReduceOp> reductionsOf(func::FuncOp kernel);

} // namespace mlir::llcc

#endif
