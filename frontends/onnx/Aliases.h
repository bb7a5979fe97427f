// Parameters that the exporter merged although they are several, copied although they are one, or removed as they began
// as zeros.
#ifndef LLCC_FRONTENDS_ONNX_ALIASES_H
#define LLCC_FRONTENDS_ONNX_ALIASES_H

#include "frontends/onnx/Parameters.h"

namespace mlir::llcc::frontend {

/// Rewrites the graph so that each trainable parameter is one initializer:
/// * an initializer of equal elements that several nodes read becomes one for each reader ("zeros", "zeros:fc2", …):
/// exporters
///   merge equal initial values, such as all biases that begin as zeros;
/// * an initializer that holds the transpose of an earlier one (and is not constant) becomes a Transpose of it:
/// exporters fold
///   the transpose of a tied weight;
/// * a Gemm or Conv whose bias of zeros the exporter's optimizer took away (it says so in the node's metadata) gets it
/// back. Returns whether the graph was changed; then pointers into it are stale. As the rewritten graph is what the
/// artifact carries, a trained model is saved with the tie in it.
bool separateAliases(::onnx::GraphProto &graph, ArrayRef<Initializer> tensors, ExternalFiles &files);

} // namespace mlir::llcc::frontend

#endif
