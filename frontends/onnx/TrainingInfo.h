// ONNX's own training part (TrainingInfoProto), read as what `llcc train` would be told by flags.
#ifndef LLCC_FRONTENDS_ONNX_TRAININGINFO_H
#define LLCC_FRONTENDS_ONNX_TRAININGINFO_H

#include "frontends/onnx/Import.h"

namespace mlir::llcc {

/// What a model says about its training.
struct TrainingRecipe {
  std::string loss;      ///< a loss by name where the algorithm computes one of these, else "output"
  std::string lossValue; ///< the value that is differentiated
  std::string output,
      label; ///< the graph's output that the loss takes, and the array of labels; empty: the loss computes by itself
  int64_t ignoreIndex = -100;
  bool inAlgorithm = false;                              ///< lossValue is computed by the algorithm, not by the graph
  std::string optimizer;                                 ///< as --optimizer takes it
  std::vector<std::string> trained;                      ///< initializers that it updates
  std::vector<std::pair<std::string, std::string>> ties; ///< trained initializer, its copy
  std::vector<std::string> warnings;                     ///< what of it is not taken over
  /// Values to begin with: a model that computes them (no inputs), and initializer -> its output. Empty: the file's.
  std::string initialization;
  std::map<std::string, std::string> initial;
};

/// Reads training_info of the model at `path`; nothing where it has none. The algorithm must have the form that
/// exporters and `llcc export --training-info` write: Gradient nodes of one value, at the initializers themselves,
/// whose results go into one kind of update (Momentum, Adagrad, Adam, or X - R·G) with one rate and one count. What
/// does not is said in `errors`, all at once.
FailureOr<std::optional<TrainingRecipe>> readTrainingInfo(StringRef path, uint64_t maxMemory, ImportErrors &errors);

} // namespace mlir::llcc

#endif
