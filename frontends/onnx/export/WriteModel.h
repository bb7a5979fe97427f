// Writes a model that was changed, weights inside it or in one file beside it.
#ifndef LLCC_FRONTENDS_ONNX_EXPORT_WRITEMODEL_H
#define LLCC_FRONTENDS_ONNX_EXPORT_WRITEMODEL_H

#include "frontends/onnx/ExternalFile.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// Writes `model` to `path`, whole or not at all. Where one of its tensors lay in a file beside the model that was read
/// (`files`), or the model would pass a gigabyte, tensors of 1 KiB and more go into PATH.data, at multiples of 4096. On
/// failure returns a sentence and sets `code` (73: cannot create, 65: bad tensors).
std::string writeModel(::onnx::ModelProto &model, ExternalFiles &files, const std::string &path, MLIRContext *context,
                       int &code);

} // namespace mlir::llcc::frontend

#endif
