// Which tensors of the file are parameters, which are trained, and which are constants.
#ifndef LLCC_FRONTENDS_ONNX_PARAMETERS_H
#define LLCC_FRONTENDS_ONNX_PARAMETERS_H

#include "frontends/onnx/Heads.h"
#include "frontends/onnx/Payload.h"

namespace mlir::llcc::frontend {

/// What a stored float tensor is, why, in words that `llcc check` prints.
struct Decision {
  bool parameter = false;
  std::string role;   ///< "weight", "table", "bias or summand", "scale", "scalar", "mask", "statistics", …
  std::string reason; ///< a clause with the node that decided
};

/// A tensor stored in the model: an initializer, or the value of a Constant node where the model has no float
/// initializer.
struct Initializer {
  std::string name;
  ::onnx::TensorProto *proto = nullptr;
  Payload payload;
  bool parameter = false;
  bool trainable = false;
  bool statistic = false;        ///< running mean or variance of a BatchNormalization: never trained, perhaps tracked
  bool singleBias = false;       ///< B of an LSTM, GRU or RNN that has one bias: its recurrent half stays zero
  Decision decision;             ///< floats only
  Initializer *tiedTo = nullptr; ///< it is a copy of this parameter
  bool transposed = false;       ///< …as its transpose
  ConstantPtr constant;          ///< filled when somebody asks for the elements
};

/// The elements of a tensor as they lie in memory; typed fields become raw_data. Lives as long as the tensor and
/// `files`.
StringRef rawBytes(const Initializer &tensor, ExternalFiles &files);
/// All elements have the same bits (true for one, and for none).
bool isSplat(const Initializer &tensor, ExternalFiles &files);
bool matchesAny(ArrayRef<std::string> globs, StringRef name);
/// "; near: …" with the names of float tensors that resemble `name`, nearest first.
std::string nearNames(ArrayRef<Initializer> tensors, StringRef name);

/// Collects the tensors that `nodes` (live, in order) or the graph's outputs read, checks their payloads, and decides
/// from the role in which they are read what they are. `producer` is the exporter that the model names. Globs of
/// `options` overrule that. Says what is wrong in `errors`. `spare`: nodes that the trained output does without.
std::vector<Initializer> collectInitializers(::onnx::GraphProto &graph, ArrayRef<const ::onnx::NodeProto *> nodes,
                                             int64_t opset, StringRef producer, const ImportOptions &options,
                                             StringRef file, MLIRContext *context, ExternalFiles &files,
                                             ImportErrors &errors, const NodeSet &spare);

} // namespace mlir::llcc::frontend

#endif
