// Which loops a set of ops can share: the forms of a kernel, and the rules of pulling that decide them.
#ifndef LLCC_PASSES_LOWER_KERNELFORM_H
#define LLCC_PASSES_LOWER_KERNELFORM_H

#include "compiler/ir/LLCC.h"
#include <optional>

namespace mlir::llcc {

/// What becomes of an op of a step function.
enum class OpClass {
  Anchor,  ///< stays in the step: library call, communication, capture, return
  Work,    ///< computed once, in the kernel of its group
  Free,    ///< computed again wherever it is read: constants, index changes, compares, casts
  Foreign, ///< has no place after shard; refused
};
OpClass classOf(Operation *op);

/// How a kernel that computes a result of `op` at an index reads operand `operand`.
struct Read {
  int64_t aligned = 0;   ///< so many leading dimensions are read at the result's own index
  bool identity = false; ///< exactly the result's index
  bool expands = false;  ///< an element may be read more than once
};
Read readOf(OpOperand &operand);

/// Loops of a kernel (passes/lower/README.md).
struct KernelForm {
  enum Kind { Map, Row, Fold, Scatter, Sort } kind = Map;
  int64_t rows = 0;           ///< Row: leading dimensions common to all
  SmallVector<int64_t> space; ///< the extent's dimensions
  int64_t cost = 1;           ///< elements for each unit of extent
  int64_t getExtent() const;
  StringRef getName() const;
};

/// The form of a kernel of `ops` (in program order, each needed by a result) that returns `results`; nothing where
/// there is none, or where it would compute something dear more than once.
std::optional<KernelForm> formOf(ArrayRef<Operation *> ops, ArrayRef<Value> results);

/// True where `result` may overwrite `argument`, of the same type: the kernel reads it only at the index that it
/// computes.
bool isReadInPlace(Value argument, Value result, ArrayRef<Operation *> ops, ArrayRef<Value> results,
                   const KernelForm &form);

/// Rough work of one element of `op`: 0 index changes, 1 an addition, 8 a transcendental.
int64_t weightOf(Operation *op);

inline ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
/// Strips reshapes, which are views: the value whose buffer holds `x`.
inline Value rootOf(Value x) {
  while (auto view = x.getDefiningOp<ReshapeOp>())
    x = view.getX();
  return x;
}
inline int64_t elementsOf(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements(); }

} // namespace mlir::llcc

#endif
