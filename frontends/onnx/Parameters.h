// Which tensors of the file are parameters, which are trained, and which are constants.
#ifndef LLCC_FRONTENDS_ONNX_PARAMETERS_H
#define LLCC_FRONTENDS_ONNX_PARAMETERS_H

#include "frontends/onnx/Payload.h"

namespace mlir::llcc::frontend {

/// A tensor stored in the model: an initializer, or the value of a Constant node where the model has no float
/// initializer.
struct Initializer {
  std::string name;
  ::onnx::TensorProto *proto = nullptr;
  Payload payload;
  bool parameter = false;
  bool trainable = false;
  bool statistic = false; ///< running mean or variance of a BatchNormalization: never trained, perhaps tracked
  ConstantPtr constant;   ///< filled when somebody asks for the elements
};

/// Collects the tensors that `nodes` (live, in order) or the graph's outputs read, checks their payloads, and decides
/// from the role in which they are read what they are. Globs of `options` overrule that. Says what is wrong in
/// `errors`.
std::vector<Initializer> collectInitializers(::onnx::GraphProto &graph, ArrayRef<const ::onnx::NodeProto *> nodes,
                                             int64_t opset, const ImportOptions &options, StringRef file,
                                             MLIRContext *context, ExternalFiles &files, ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
