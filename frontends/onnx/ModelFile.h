// Reads and parses the bytes of a model file.
#ifndef LLCC_FRONTENDS_ONNX_MODELFILE_H
#define LLCC_FRONTENDS_ONNX_MODELFILE_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// Bytes that an import may take: options.maxMemory, or the machine's memory.
uint64_t memoryLimit(const ImportOptions &options);

/// Parses the file at `path` into `model`; on failure says why in `errors` (66: no such file, 65: not a model).
LogicalResult readModel(StringRef path, ::onnx::ModelProto &model, uint64_t maxMemory, ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
