// What a user can do about a model that holds what llcc does not have: text, sequences, unknown operators.
#include "frontends/onnx/Remedies.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Payload.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::llcc::frontend {

std::string operatorRemedy(StringRef domain, StringRef op) {
  if (domain == "ai.onnx.ml")
    return op.starts_with("Tree") || op.starts_with("SVM")
               ? "; it has no gradient to learn by, fit it with the library that made it"
               : "; export the model with ONNX's own operators (as a neural network), or cut it before this node "
                 "(onnx.utils.extract_model)";
  bool readsTextOrFiles = llvm::StringSwitch<bool>(op)
                              .Cases({"StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch"}, true)
                              .Cases({"TfIdfVectorizer", "ImageDecoder"}, true)
                              .Default(false);
  if (domain.empty() && readsTextOrFiles)
    return "; it prepares data: do so beforehand, and cut the model behind it (onnx.utils.extract_model)";
  if (domain.empty())
    return "; llcc ops lists those that are";
  return "; export the model without operators of " + domain.str();
}

static const char *kindOf(const ::onnx::TypeProto &type) {
  return type.has_sequence_type()   ? "a sequence"
         : type.has_map_type()      ? "a map"
         : type.has_optional_type() ? "optional"
                                    : "no tensor";
}

static std::string nodeAndOperator(const ::onnx::NodeProto &node) {
  return "node " + quote(nodeName(node)) + " (" + node.op_type() + ")";
}

std::string refusedInput(const ::onnx::GraphProto &graph, const ::onnx::ValueInfoProto &input) {
  std::string what = "input " + quote(input.name());
  for (const auto &node : graph.node())
    if (llvm::is_contained(node.input(), input.name())) {
      what += " (read by " + nodeAndOperator(node) + ")";
      break;
    }
  const auto &type = input.type();
  if (!type.has_tensor_type())
    return what + " is " + kindOf(type) + ", which is not supported; " +
           (type.has_optional_type() ? "export the model with the value itself, or without it"
                                     : "export the model with an input for each element");
  int32_t element = type.tensor_type().elem_type();
  return what + " has element type " + dtypeName(element) + ", which is not supported; " +
         (element == ::onnx::TensorProto::STRING
              ? "make numbers of the text beforehand, and cut the model behind it (onnx.utils.extract_model)"
              : "use float32, float64, int32, int64 or bool");
}

std::string refusedOutput(const ::onnx::GraphProto &graph, const ::onnx::ValueInfoProto &output) {
  std::string what = "output " + quote(output.name());
  for (const auto &node : graph.node())
    if (llvm::is_contained(node.output(), output.name()))
      what += " (of " + nodeAndOperator(node) + ")";
  const auto &type = output.type();
  if (!type.has_tensor_type())
    return what + " is " + kindOf(type) + ", which is not supported; export the model with the tensors themselves";
  return what + " has element type " + dtypeName(type.tensor_type().elem_type()) +
         ", which is not supported; export the model without it";
}

} // namespace mlir::llcc::frontend
