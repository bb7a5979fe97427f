// Outputs of a model beside the one that is trained: classifiers come with a head of labels, whose operators may be
// none that train.
#include "frontends/onnx/Heads.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/GraphOrder.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {

NodeSet nodesBehind(ArrayRef<const ::onnx::NodeProto *> nodes, const std::string &name) {
  NodeSet behind;
  llvm::StringSet<> wanted;
  wanted.insert(name);
  for (const auto *node : llvm::reverse(nodes)) {
    if (llvm::none_of(node->output(), [&](const std::string &output) { return wanted.contains(output); }))
      continue;
    behind.insert(node);
    for (const std::string &input : namesReadBy(*node))
      if (!input.empty())
        wanted.insert(input);
  }
  return behind;
}

std::string otherHead(const ::onnx::GraphProto &graph, ArrayRef<const ::onnx::NodeProto *> nodes,
                      llvm::function_ref<bool(const ::onnx::NodeProto &)> isRefused) {
  using Tensor = ::onnx::TensorProto;
  for (const auto &output : graph.output()) {
    int32_t type = output.type().tensor_type().elem_type();
    if (type != Tensor::FLOAT && type != Tensor::DOUBLE && type != Tensor::FLOAT16 && type != Tensor::BFLOAT16)
      continue;
    if (llvm::none_of(nodesBehind(nodes, output.name()), [&](const auto *node) { return isRefused(*node); }))
      return "; output " + quote(output.name()) + " does without: --output=" + output.name();
  }
  return "";
}

} // namespace mlir::llcc::frontend
