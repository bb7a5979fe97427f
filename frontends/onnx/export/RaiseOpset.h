// Brings a model of an older opset to 13, from which on quantization has a scale for each channel.
#ifndef LLCC_FRONTENDS_ONNX_EXPORT_RAISEOPSET_H
#define LLCC_FRONTENDS_ONNX_EXPORT_RAISEOPSET_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// The opset that quantized models have at least.
constexpr int64_t kQuantizedOpset = 13;

/// Rewrites the nodes of a model of opset 7 to 12, those of subgraphs too, as opset 13 reads them: attributes that
/// became inputs, a Softmax over several dimensions, operators that were renamed. What computes the same as before
/// stays as it is. Newer models are left alone; what cannot be rewritten is said in `errors`, every node at once.
LogicalResult raiseOpset(::onnx::ModelProto &model, StringRef file, ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
