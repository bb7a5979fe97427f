// Says in a model how it was trained: loss, gradients and optimizer as ONNX's TrainingInfoProto.
#ifndef LLCC_FRONTENDS_ONNX_EXPORT_WRITETRAININGINFO_H
#define LLCC_FRONTENDS_ONNX_EXPORT_WRITETRAININGINFO_H

#include "frontends/onnx/Import.h"

namespace mlir::llcc {

/// A training, in the words of the command line.
struct TrainingDescription {
  std::string loss, label, output; ///< loss by name, or "output"; the graph's output that is trained (empty: the first)
  bool fromProbabilities = false;  ///< the output ends in a softmax, of which the loss takes the logarithm
  int64_t ignoreIndex = -100;
  std::string optimizer; ///< sgd | momentum | adam | adamw | adagrad
  double lr = 0;
  std::map<std::string, double> hyper; ///< under the names of llcc.update
  std::vector<std::string> trained;    ///< initializers
  size_t copies = 0;                   ///< other initializers that hold a trained one once more, perhaps transposed
};

/// Replaces the training_info of the model at `path` by one algorithm: nodes of the loss, Gradient, Momentum, Adagrad
/// or Adam, update_binding. The optimizer's state begins with zeros. Everything else of the file stays as it is. Says
/// in `errors` what ONNX has no words for.
LogicalResult writeTrainingInfo(StringRef path, const TrainingDescription &training, ImportErrors &errors);

} // namespace mlir::llcc

#endif
