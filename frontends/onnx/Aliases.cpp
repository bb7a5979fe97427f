// Parameters that the exporter merged although they are several, copied although they are one, or removed as they began
// as zeros.
#include "frontends/onnx/Aliases.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {

namespace {

/// Bits of the elements of a matrix, as its transpose lists them.
std::string transposedBytes(const Constant &c) {
  Constant t;
  t.type = c.type;
  int64_t rows = c.shape[0], columns = c.shape[1];
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i)
      t.reals.push_back(c.reals[i * columns + j]);
  return t.bytes();
}

std::string freshName(const std::string &wish, llvm::StringSet<> &taken) {
  std::string name = wish;
  for (unsigned i = 2; !taken.insert(name).second; ++i)
    name = wish + "." + std::to_string(i);
  return name;
}

/// onnxscript's rewriter notes the rule that changed a node.
bool lostItsBias(const ::onnx::NodeProto &node) {
  if (node.input_size() != 2 || (node.op_type() != "Gemm" && node.op_type() != "Conv"))
    return false;
  return llvm::any_of(node.metadata_props(), [](const auto &entry) {
    return entry.key() == "pkg.onnxscript.rewriter.rule_name" &&
           StringRef(entry.value()).contains("RemoveOptionalBias");
  });
}

/// Zeros for the output channels of a Gemm or Conv with weights `w`; nothing where the shapes are no weights.
std::optional<::onnx::TensorProto> zeroBias(const ::onnx::NodeProto &node, const Initializer &w) {
  size_t channel = 0;
  if (node.op_type() == "Gemm") {
    if (w.payload.shape.size() != 2)
      return std::nullopt;
    bool transposed = llvm::any_of(node.attribute(), [](const auto &a) { return a.name() == "transB" && a.i(); });
    channel = transposed ? 0 : 1;
  }
  if (w.payload.shape.size() <= channel || w.payload.shape[channel] > kMaxConstantElements)
    return std::nullopt;
  ::onnx::TensorProto bias;
  bias.set_data_type(w.proto->data_type());
  bias.add_dims(w.payload.shape[channel]);
  bias.set_raw_data(std::string(w.payload.shape[channel] * w.payload.type.getIntOrFloatBitWidth() / 8, '\0'));
  return bias;
}

} // namespace

bool separateAliases(::onnx::GraphProto &graph, ArrayRef<Initializer> tensors, ExternalFiles &files) {
  llvm::StringSet<> taken;
  llvm::StringMap<unsigned> readers;
  for (const auto &t : graph.initializer())
    taken.insert(t.name());
  for (const auto &node : graph.node()) {
    for (const auto &output : node.output())
      taken.insert(output);
    for (const auto &input : node.input())
      ++readers[input];
  }

  // Decide first: pointers into the graph go stale with the first change.
  std::vector<std::string> merged;
  std::vector<std::pair<std::string, std::string>> copies; // (copy, original)
  struct Matrix {
    const Initializer *tensor;
    ConstantPtr values;
  };
  llvm::DenseMap<uint64_t, SmallVector<Matrix>> matrices; // by hash of their bytes
  for (const Initializer &t : tensors) {
    if ((!t.trainable && !t.statistic) || t.payload.elements > kMaxConstantElements)
      continue;
    bool matrix = t.trainable && t.payload.shape.size() == 2;
    if (readers.lookup(t.name) < 2 && !matrix)
      continue;
    ConstantPtr values = readConstant(*t.proto, t.payload, files);
    if (values->isSplat()) {
      if (readers.lookup(t.name) >= 2 && t.payload.elements > 1)
        merged.push_back(t.name);
      continue;
    }
    if (!matrix)
      continue;
    std::string transposed = transposedBytes(*values);
    bool copied = false;
    for (const Matrix &m : matrices.lookup(llvm::hash_value(transposed)))
      if (m.values->type == values->type && m.values->shape[0] == values->shape[1] &&
          m.values->shape[1] == values->shape[0] && m.values->bytes() == transposed) {
        copies.push_back({t.name, m.tensor->name});
        copied = true;
        break;
      }
    if (!copied)
      matrices[llvm::hash_value(values->bytes())].push_back({&t, values});
  }

  std::vector<std::pair<::onnx::NodeProto *, ::onnx::TensorProto>> biases;
  for (auto &node : *graph.mutable_node()) {
    if (!lostItsBias(node))
      continue;
    const auto *w = llvm::find_if(tensors, [&](const Initializer &t) { return t.name == node.input(1); });
    if (w == tensors.end() || !w->trainable)
      continue;
    if (auto bias = zeroBias(node, *w)) {
      StringRef stem = w->name;
      bias->set_name(freshName(stem.consume_back(".weight") ? stem.str() + ".bias" : w->name + ":bias", taken));
      biases.push_back({&node, std::move(*bias)});
    }
  }
  for (auto &[node, bias] : biases) {
    node->add_input(bias.name());
    *graph.add_initializer() = std::move(bias);
  }

  for (const std::string &name : merged) {
    bool first = true;
    for (auto &node : *graph.mutable_node())
      for (auto &input : *node.mutable_input()) {
        if (input != name)
          continue;
        if (first) {
          first = false;
          continue;
        }
        std::string fresh = freshName(name + ":" + nodeName(node).str(), taken);
        const ::onnx::TensorProto *original = nullptr;
        for (const auto &t : graph.initializer())
          if (t.name() == name)
            original = &t;
        if (!original)
          break; // a Constant node's value
        ::onnx::TensorProto copy = *original;
        copy.set_name(fresh);
        input = fresh;
        *graph.add_initializer() = std::move(copy);
      }
  }
  for (const auto &[copy, original] : copies) {
    auto &initializers = *graph.mutable_initializer();
    for (int i = 0; i < initializers.size(); ++i) {
      if (initializers[i].name() != copy)
        continue;
      initializers.DeleteSubrange(i, 1);
      auto *node = graph.add_node();
      node->set_op_type("Transpose");
      node->set_name(copy);
      node->add_input(original);
      node->add_output(copy);
      auto *perm = node->add_attribute();
      perm->set_name("perm");
      perm->set_type(::onnx::AttributeProto::INTS);
      perm->add_ints(1);
      perm->add_ints(0);
      for (int at = graph.node_size() - 1; at > 0; --at) // ONNX wants producers first
        graph.mutable_node()->SwapElements(at, at - 1);
      break;
    }
  }
  return !merged.empty() || !copies.empty() || !biases.empty();
}

} // namespace mlir::llcc::frontend
