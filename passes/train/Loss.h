// Losses by name: the label that each needs and the value that each has.
#ifndef LLCC_PASSES_TRAIN_LOSS_H
#define LLCC_PASSES_TRAIN_LOSS_H

#include "passes/train/Emitter.h"

namespace mlir::llcc {

/// Labels with this number do not count (PyTorch's default ignore_index).
constexpr int64_t kIgnoredLabel = -100;

/// How labels of classes are read.
struct ClassLabels {
  int64_t dim = 1;                 ///< the dimension of the output that runs over the classes
  int64_t ignored = kIgnoredLabel; ///< a class number that does not count
  double smoothing = 0;            ///< share of a label that is spread evenly over all classes
  bool probabilities = false;      ///< the label holds a number for each class, in the output's shape, not a class
  SmallVector<double> weights;     ///< of the classes; empty: all are 1
};

/// More classes than this have no weights: each is a comparison.
constexpr size_t kMaxClassWeights = 256;

struct Loss {
  StringLiteral name;
  /// Labels are class numbers (i64, the output's shape without its class dimension), not values (the output's type).
  bool ofClasses;
  /// Mean loss, a scalar, divided by `microbatches`. `output`: [N, ...] float; `label`: see ofClasses; `classes`: of
  /// losses of classes. Formulas: passes/train/README.md.
  Value (*emit)(Emitter &e, Value output, Value label, const ClassLabels &classes, int64_t microbatches);
};

/// The loss with this name, which must be one.
const Loss &lossNamed(StringRef name);
/// All losses, in the order in which messages list them.
ArrayRef<Loss> losses();

/// The dimension that runs over classes where the user does not say: 1 (ONNX: [N, C], [N, C, H, W]), but the last of
/// rank 3 ([N, T, V], language models).
int64_t defaultClassDim(int64_t rank);

} // namespace mlir::llcc

#endif
