// The bytes of parameters: the model in raw form, and where in it each parameter lies.
#ifndef LLCC_FRONTENDS_ONNX_WEIGHTS_H
#define LLCC_FRONTENDS_ONNX_WEIGHTS_H

#include "frontends/onnx/Parameters.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc::frontend {

/// Serialises the model (deterministic; unknown fields are kept).
std::string serializeModel(const ::onnx::ModelProto &model);
/// Offset and size of the raw_data of each initializer and of each Constant node's value, by initializer or output
/// name. Initializers win over nodes.
llvm::StringMap<std::pair<uint64_t, uint64_t>> findRawData(StringRef serialized);

} // namespace mlir::llcc::frontend

#endif
