// Names that a model does not have yet.
#ifndef LLCC_FRONTENDS_ONNX_EXPORT_NAMES_H
#define LLCC_FRONTENDS_ONNX_EXPORT_NAMES_H

#include "frontends/onnx/onnx-ml.pb.h"
#include "llvm/ADT/StringSet.h"
#include <string>

namespace mlir::llcc::frontend {

class FreshNames {
public:
  explicit FreshNames(const ::onnx::ModelProto &model) { collect(model.graph()); }

  /// `wanted`, or that with a number behind it; taken from now on.
  std::string fresh(const std::string &wanted) {
    std::string name = wanted;
    for (int k = 2; !taken.insert(name).second; ++k)
      name = wanted + "_" + std::to_string(k);
    return name;
  }

private:
  void collect(const ::onnx::GraphProto &graph) {
    for (const auto &node : graph.node()) {
      taken.insert(node.name());
      for (const auto &output : node.output())
        taken.insert(output);
      for (const auto &attribute : node.attribute())
        if (attribute.has_g())
          collect(attribute.g());
    }
    for (const auto &tensor : graph.initializer())
      taken.insert(tensor.name());
    for (const auto &input : graph.input())
      taken.insert(input.name());
  }
  llvm::StringSet<> taken;
};

} // namespace mlir::llcc::frontend

#endif
