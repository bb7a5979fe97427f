// Where a model says that its external data lies, as names that a saved model can have beside it.
#ifndef LLCC_FRONTENDS_ONNX_LOCATIONS_H
#define LLCC_FRONTENDS_ONNX_LOCATIONS_H

#include "frontends/onnx/ExternalFile.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// Gives every tensor of `model` with external data a location below the folder in plain form, which `files` opens in
/// place of what the model said: "./a//w.bin" becomes "a/w.bin"; where `files` may open what lies outside of the folder
/// "/data/w.bin" and "../w.bin" become "w.bin" (or "w-2.bin", if that is another file). A trained model is saved with
/// these names, as nothing is ever written outside of its folder.
void placeInside(::onnx::ModelProto &model, ExternalFiles &files);

} // namespace mlir::llcc::frontend

#endif
