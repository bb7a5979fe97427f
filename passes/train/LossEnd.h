// The probabilities at the end of a model: a loss takes what goes into the softmax or sigmoid, as logarithms of
// probabilities that have become 0 or 1 are lost.
#ifndef LLCC_PASSES_TRAIN_LOSSEND_H
#define LLCC_PASSES_TRAIN_LOSSEND_H

#include "passes/train/Emitter.h"

namespace mlir::llcc {

/// What an output is made of, seen through changes of shape and type, bounds (Clip), and a logarithm.
struct LossEnd {
  Operation *activation = nullptr; ///< softmax, log_softmax or sigmoid; null: none of them
  SmallVector<Operation *> chain;  ///< shape changes and casts between it and the output, nearest to it first
  bool isLog = false;              ///< the output holds logarithms of probabilities
  bool isBounded = false;          ///< bounds lie between
  std::optional<int64_t> dim;      ///< dimension of the output that runs over the classes of a softmax
};
LossEnd findLossEnd(Value output);

/// `x`, of the type of the activation's operand, in the shape and type of the output.
Value throughChain(Emitter &e, const LossEnd &end, Value x);

} // namespace mlir::llcc

#endif
