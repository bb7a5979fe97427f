// Where dropout stood in a model that an exporter wrote without it: behind what attention and MLP add to the stream of
// a transformer, and behind the sum of its embeddings (Vaswani et al., arXiv 1706.03762, section 5.4; GPT-2, BERT and
// T5 have it there too).
#include "frontends/onnx/Modes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {
namespace {

using Node = ::onnx::NodeProto;

struct Graph {
  llvm::StringMap<const Node *> producer;
  llvm::StringMap<unsigned> readers;
  llvm::StringSet<> stored; ///< tensors of the file

  Graph(const ::onnx::GraphProto &graph, ArrayRef<const Node *> nodes) {
    for (const auto &t : graph.initializer())
      stored.insert(t.name());
    for (const Node *node : nodes) {
      for (const auto &input : node->input())
        ++readers[input];
      for (const auto &output : node->output())
        producer[output] = node;
    }
  }

  static bool isView(const Node &node) {
    StringRef type = node.op_type();
    return node.input_size() && (type == "Reshape" || type == "Cast" || type == "Identity" || type == "Transpose" ||
                                 type == "Squeeze" || type == "Unsqueeze" || type == "Flatten");
  }
  /// A tensor of the file, or a view of one.
  bool isStored(StringRef name) const {
    for (unsigned depth = 0; depth < 64; ++depth) {
      if (stored.contains(name))
        return true;
      const Node *node = producer.lookup(name);
      if (node && node->op_type() == "Constant")
        return true;
      if (!node || !isView(*node))
        return false;
      name = node->input(0);
    }
    return false;
  }
  /// What a linear layer gives, perhaps with its bias and in another shape.
  bool isProjection(StringRef name) const {
    for (unsigned depth = 0; depth < 64; ++depth) {
      const Node *node = producer.lookup(name);
      if (!node || readers.lookup(name) != 1)
        return false;
      StringRef type = node->op_type();
      if ((type == "MatMul" || type == "Gemm") && node->input_size() >= 2)
        return isStored(node->input(1)) != isStored(node->input(0));
      if (isView(*node))
        name = node->input(0);
      else if (type == "Add" && node->input_size() == 2 && isStored(node->input(0)) != isStored(node->input(1)))
        name = node->input(isStored(node->input(0)) ? 1 : 0);
      else
        return false;
    }
    return false;
  }
  /// Rows of a table, or a sum with some in it.
  bool isEmbedding(StringRef name, unsigned depth = 0) const {
    const Node *node = producer.lookup(name);
    if (!node || depth > 16)
      return false;
    if (node->op_type() == "Gather" && node->input_size() == 2)
      return isStored(node->input(0)) && !isStored(node->input(1));
    if (isView(*node))
      return isEmbedding(node->input(0), depth + 1);
    if (node->op_type() != "Add" || node->input_size() != 2)
      return false;
    return llvm::any_of(node->input(), [&](const auto &in) { return isEmbedding(in, depth + 1); }) &&
           llvm::all_of(node->input(), [&](const auto &in) { return isStored(in) || isEmbedding(in, depth + 1); });
  }
};

} // namespace

std::vector<std::string> dropoutPlaces(const ::onnx::GraphProto &graph, ArrayRef<const Node *> nodes) {
  bool transformer = llvm::any_of(nodes, [](const Node *node) {
    return node->op_type() == "Softmax" || StringRef(node->op_type()).ends_with("Attention");
  });
  std::vector<std::string> places;
  if (!transformer)
    return places;
  Graph g(graph, nodes);
  llvm::StringSet<> inner; // sums of embeddings that are summed on
  for (const Node *node : nodes)
    if (node->op_type() == "Add" && node->output_size() == 1 && g.isEmbedding(node->output(0)))
      for (const auto &input : node->input())
        inner.insert(input);
  for (const Node *node : nodes) {
    if (node->op_type() != "Add" || node->input_size() != 2 || node->output_size() != 1)
      continue;
    StringRef a = node->input(0), b = node->input(1);
    if (g.isEmbedding(node->output(0))) {
      if (!inner.contains(node->output(0)))
        places.push_back(node->output(0));
    } else if (!g.isStored(a) && !g.isStored(b) && g.isProjection(a) != g.isProjection(b)) {
      places.push_back((g.isProjection(a) ? a : b).str());
    }
  }
  return places;
}

} // namespace mlir::llcc::frontend
