// What nodes do in training that they do not do in inference, by the file and by what the user asks for.
#ifndef LLCC_FRONTENDS_ONNX_MODES_H
#define LLCC_FRONTENDS_ONNX_MODES_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include <optional>

namespace mlir::llcc::frontend {

/// Does the file have this BatchNormalization in training form? Since opset 14 attribute training_mode says so, before
/// a second output does.
bool isTrainingForm(const ::onnx::NodeProto &batchNorm, int64_t opset);
/// Does it take statistics of the batch in a training step, and track them?
bool tracksStatistics(const ::onnx::NodeProto &batchNorm, int64_t opset, const ImportOptions &options);

/// With which probability a training step drops elements in this Dropout node, which has `ratio` and whether it is in
/// `training` form in the file; nothing where the data passes.
std::optional<double> dropoutRatio(const ::onnx::NodeProto &dropout, double ratio, bool training,
                                   const ImportOptions &options);
/// Values of a transformer behind which dropout stood before export; none where the model is no transformer.
std::vector<std::string> dropoutPlaces(const ::onnx::GraphProto &graph, ArrayRef<const ::onnx::NodeProto *> nodes);
/// Does glob `pattern` name this node or one of its outputs?
bool isNamed(const ::onnx::NodeProto &node, StringRef pattern);

/// Rewrites nodes to what serving wants, in which form a trained model is saved: BatchNormalization with running
/// statistics, Dropout without effect.
void writeInferenceForm(::onnx::GraphProto &graph, int64_t opset);

} // namespace mlir::llcc::frontend

#endif
