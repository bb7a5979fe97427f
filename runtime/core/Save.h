// Writes a trained ONNX model.
#ifndef LLCC_RUNTIME_CORE_SAVE_H
#define LLCC_RUNTIME_CORE_SAVE_H

#include "runtime/plan/Artifact.h"

namespace llcc::rt {

/// "model.onnx" goes to `path`, "file:NAME" (external data) to NAME beside it; each file whole or not at all, the model
/// last. Throws Error(77) for a name that leaves the folder, 73/74 where a file cannot be written.
void saveModel(const std::string &path, const std::vector<Section> &sections);

} // namespace llcc::rt

#endif
