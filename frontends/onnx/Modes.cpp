// Training and inference forms of nodes.
#include "frontends/onnx/Modes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::llcc::frontend {

bool isTrainingForm(const ::onnx::NodeProto &node, int64_t opset) {
  if (opset >= 14)
    return llvm::any_of(node.attribute(), [](const auto &a) { return a.name() == "training_mode" && a.i() != 0; });
  for (int i = 1; i < node.output_size(); ++i)
    if (!node.output(i).empty())
      return true;
  return false;
}

bool tracksStatistics(const ::onnx::NodeProto &node, int64_t opset, const ImportOptions &options) {
  switch (options.batchNorm) {
  case ImportOptions::BatchNorm::Train:
    return true;
  case ImportOptions::BatchNorm::Frozen:
    return false;
  case ImportOptions::BatchNorm::File:
    break;
  }
  return isTrainingForm(node, opset);
}

} // namespace mlir::llcc::frontend

namespace mlir::llcc {
std::optional<ImportOptions::Dropout> parseDropout(StringRef text, std::string &error) {
  using Dropout = ImportOptions::Dropout;
  for (auto [name, kind] : {std::pair("file", Dropout::File), {"nodes", Dropout::Nodes}, {"off", Dropout::Off}})
    if (text == name)
      return Dropout{kind, 0, ""};
  auto [number, glob] = text.split('@');
  Dropout wish{Dropout::Ratio, 0, glob.str()};
  if (number.getAsDouble(wish.ratio) || !(wish.ratio >= 0 && wish.ratio < 1)) {
    error = ("--dropout=" + text + ": needs file, nodes, off, or a probability from 0 to below 1, perhaps with @GLOB")
                .str();
    return std::nullopt;
  }
  auto pattern = llvm::GlobPattern::create(wish.glob);
  if (!pattern || (text.contains('@') && glob.empty())) {
    error =
        ("--dropout=" + text + ": ").str() + (pattern ? "needs a glob after @" : llvm::toString(pattern.takeError()));
    return std::nullopt;
  }
  return wish;
}
} // namespace mlir::llcc

namespace mlir::llcc::frontend {

bool isNamed(const ::onnx::NodeProto &node, StringRef pattern) {
  auto glob = llvm::GlobPattern::create(pattern);
  if (!glob) {
    llvm::consumeError(glob.takeError()); // said when options are read
    return false;
  }
  return glob->match(node.name()) || llvm::any_of(node.output(), [&](const auto &name) { return glob->match(name); });
}

std::optional<double> dropoutRatio(const ::onnx::NodeProto &node, double ratio, bool training,
                                   const ImportOptions &options) {
  std::optional<double> active = training ? std::optional<double>(ratio) : std::nullopt;
  if (options.asWritten)
    return active;
  for (const ImportOptions::Dropout &wish : options.dropout) {
    switch (wish.kind) {
    case ImportOptions::Dropout::File:
      active = training ? std::optional<double>(ratio) : std::nullopt;
      break;
    case ImportOptions::Dropout::Nodes:
      active = ratio;
      break;
    case ImportOptions::Dropout::Off:
      active = std::nullopt;
      break;
    case ImportOptions::Dropout::Ratio:
      if (wish.glob.empty() || isNamed(node, wish.glob))
        active = wish.ratio;
      break;
    }
  }
  return active;
}

/// Outputs of a training form that somebody reads become what they are in serving: the running statistics themselves.
static void dropStatistics(::onnx::GraphProto &graph, int at, const llvm::StringSet<> &used) {
  std::vector<::onnx::NodeProto> copies;
  auto &node = *graph.mutable_node(at);
  for (int i = 1; i < node.output_size(); ++i) {
    if (!used.contains(node.output(i)) || node.input_size() < 5)
      continue;
    ::onnx::NodeProto copy;
    copy.set_op_type("Identity");
    copy.set_name(node.output(i));
    copy.add_input(node.input(i % 2 ? 3 : 4)); // mean, var, and from the same source saved_mean, saved_var
    copy.add_output(node.output(i));
    copies.push_back(std::move(copy));
  }
  if (node.output_size() > 1)
    node.mutable_output()->DeleteSubrange(1, node.output_size() - 1);
  for (auto &copy : copies) {
    *graph.add_node() = std::move(copy);
    for (int to = graph.node_size() - 1; to > at; --to) // before whoever reads it
      graph.mutable_node()->SwapElements(to, to - 1);
  }
}

void writeInferenceForm(::onnx::GraphProto &graph, int64_t opset) {
  llvm::StringSet<> used;
  for (const auto &node : graph.node())
    for (const auto &input : node.input())
      used.insert(input);
  for (const auto &output : graph.output())
    used.insert(output.name());
  for (int i = 0; i < graph.node_size(); ++i) {
    auto &node = *graph.mutable_node(i);
    if (!node.domain().empty() && node.domain() != "ai.onnx")
      continue;
    if (node.op_type() == "BatchNormalization" && isTrainingForm(node, opset)) {
      for (auto &a : *node.mutable_attribute())
        if (a.name() == "training_mode")
          a.set_i(0);
      int before = graph.node_size();
      dropStatistics(graph, i, used);
      i += graph.node_size() - before;
    } else if (node.op_type() == "Dropout" && opset >= 12 && node.input_size() > 2) {
      node.mutable_input()->DeleteSubrange(2, node.input_size() - 2);
    }
  }
}

} // namespace mlir::llcc::frontend
