// Sizes of the model's inputs: the batch dimension and other symbolic dimensions get numbers.
#ifndef LLCC_FRONTENDS_ONNX_INPUTDIMS_H
#define LLCC_FRONTENDS_ONNX_INPUTDIMS_H

#include "frontends/onnx/Constant.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

struct BoundInput {
  std::string name;
  RankedTensorType type;
  Type element; ///< as the file says it, with its sign
  bool batched = false;
  ConstantPtr constant; ///< of an input that --bind gives a value
};

struct BoundInputs {
  std::vector<BoundInput> inputs;
  int64_t batch = 0; ///< size of dimension 0 of batched inputs
};

/// Binds the dimensions of the graph's inputs that are no initializers:
/// a dimension 0 without a number is the batch; any other symbol needs --dim. All that are missing are said in one
/// message.
std::optional<BoundInputs> bindInputs(const ::onnx::GraphProto &graph, const ImportOptions &options, StringRef file,
                                      MLIRContext *context, ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
