// Opset 7 to 12 → 13. The changes are those of ONNX's own change log; an operator that is not named here reads the
// same.
#include "frontends/onnx/export/RaiseOpset.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/export/Names.h"

namespace mlir::llcc::frontend {
namespace {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

/// One rewriting of a model.
class Raise {
public:
  Raise(::onnx::ModelProto &model, int64_t from, StringRef file, ImportErrors &errors)
      : from(from), file(file), errors(errors), names(model) {}

  void graph(GraphProto &graph) {
    google::protobuf::RepeatedPtrField<NodeProto> old;
    old.Swap(graph.mutable_node());
    for (NodeProto &node : old) {
      for (AttributeProto &attribute : *node.mutable_attribute())
        if (attribute.has_g())
          this->graph(*attribute.mutable_g());
      if (node.domain().empty() || node.domain() == "ai.onnx")
        rewrite(graph, node);
      *graph.add_node() = std::move(node);
    }
  }

private:
  void refuse(const NodeProto &node, const Twine &why) {
    errors.add(ImportErrors::Unsupported, file + ": " + nodeLabel(node) + ": cannot be raised from opset " +
                                              Twine(from) + " to " + Twine(kQuantizedOpset) +
                                              ", which quantizing needs: " + why +
                                              "; export the model with opset 13 or newer");
  }

  static std::optional<AttributeProto> take(NodeProto &node, StringRef name) {
    for (int i = 0; i < node.attribute_size(); ++i)
      if (node.attribute(i).name() == name) {
        AttributeProto attribute = node.attribute(i);
        node.mutable_attribute()->DeleteSubrange(i, 1);
        return attribute;
      }
    return std::nullopt;
  }

  /// The name of a new initializer of the graph.
  std::string constant(GraphProto &graph, const NodeProto &node, StringRef what, TensorProto tensor) {
    tensor.set_name(names.fresh((node.output_size() ? node.output(0) : node.name()) + "_" + what.str()));
    *graph.add_initializer() = tensor;
    return tensor.name();
  }
  std::string ints(GraphProto &graph, const NodeProto &node, StringRef what, const AttributeProto &attribute) {
    TensorProto tensor;
    tensor.set_data_type(TensorProto::INT64);
    tensor.add_dims(attribute.ints_size());
    *tensor.mutable_int64_data() = attribute.ints();
    return constant(graph, node, what, std::move(tensor));
  }
  std::string real(GraphProto &graph, const NodeProto &node, StringRef what, float value) {
    TensorProto tensor;
    tensor.set_data_type(TensorProto::FLOAT);
    tensor.add_float_data(value);
    return constant(graph, node, what, std::move(tensor));
  }
  static void setInput(NodeProto &node, int at, const std::string &name) {
    while (node.input_size() <= at)
      node.add_input("");
    node.set_input(at, name);
  }
  static void setAttribute(NodeProto &node, StringRef name, StringRef text) {
    AttributeProto *attribute = node.add_attribute();
    attribute->set_name(name.str());
    attribute->set_type(AttributeProto::STRING);
    attribute->set_s(text.str());
  }

  /// Attributes of integers that are inputs since opset 13, 11 or 10.
  void intsToInput(GraphProto &graph, NodeProto &node, StringRef attribute, int at) {
    if (auto taken = take(node, attribute))
      setInput(node, at, ints(graph, node, attribute, *taken));
  }
  void realToInput(GraphProto &graph, NodeProto &node, StringRef attribute, int at) {
    if (auto taken = take(node, attribute))
      setInput(node, at, real(graph, node, attribute, taken->f()));
  }

  /// Softmax over all dimensions from `axis` on: flattened to two, and back.
  void softmax(GraphProto &graph, NodeProto &node) {
    auto axis = take(node, "axis");
    int64_t from = axis ? axis->i() : 1;
    AttributeProto *last = node.add_attribute();
    last->set_name("axis");
    last->set_type(AttributeProto::INT);
    last->set_i(-1);
    if (from == -1)
      return; // the last dimension alone, in both readings
    if (!node.input_size() || !node.output_size())
      return;
    auto add = [&](const char *op, ArrayRef<std::string> inputs, const std::string &output) {
      NodeProto *made = graph.add_node();
      made->set_op_type(op);
      made->set_name(names.fresh(output + "_" + op));
      for (const std::string &input : inputs)
        made->add_input(input);
      made->add_output(output);
      return made;
    };
    std::string x = node.input(0), y = node.output(0), shape = names.fresh(y + "_shape"),
                flat = names.fresh(y + "_flat"), rows = names.fresh(y + "_rows");
    add("Shape", {x}, shape);
    AttributeProto *attribute = add("Flatten", {x}, flat)->add_attribute();
    attribute->set_name("axis");
    attribute->set_type(AttributeProto::INT);
    attribute->set_i(from);
    NodeProto own = node;
    own.set_input(0, flat);
    own.set_output(0, rows);
    *graph.add_node() = own;
    node.Clear();
    node.set_op_type("Reshape");
    node.set_name(names.fresh(y + "_Reshape"));
    node.add_input(rows);
    node.add_input(shape);
    node.add_output(y);
  }

  void rewrite(GraphProto &graph, NodeProto &node) {
    const std::string op = node.op_type();
    if (op == "Squeeze" || op == "Unsqueeze" || op == "ReduceSum")
      return intsToInput(graph, node, "axes", 1);
    if (op == "Split")
      return intsToInput(graph, node, "split", 1);
    if (op == "Softmax" || op == "LogSoftmax" || op == "Hardmax")
      return softmax(graph, node);
    if (op == "Dropout" && from < 12) {
      if (node.output_size() > 1 && !node.output(1).empty() && from < 10)
        return refuse(node, "its mask was a float");
      return realToInput(graph, node, "ratio", 1);
    }
    if (op == "Clip" && from < 11) {
      realToInput(graph, node, "min", 1);
      return realToInput(graph, node, "max", 2);
    }
    if (op == "Pad" && from < 11) {
      intsToInput(graph, node, "pads", 1);
      return realToInput(graph, node, "value", 2);
    }
    if (op == "Slice" && from < 10) {
      intsToInput(graph, node, "starts", 1);
      intsToInput(graph, node, "ends", 2);
      return intsToInput(graph, node, "axes", 3);
    }
    if (op == "TopK" && from < 10) {
      if (auto k = take(node, "k")) {
        k->add_ints(k->i());
        setInput(node, 1, ints(graph, node, "k", *k));
      }
      return;
    }
    if ((op == "Upsample" || op == "Resize") && from < 11) {
      if (auto scales = take(node, "scales")) { // opset 7, 8
        TensorProto tensor;
        tensor.set_data_type(TensorProto::FLOAT);
        tensor.add_dims(scales->floats_size());
        *tensor.mutable_float_data() = scales->floats();
        setInput(node, 1, constant(graph, node, "scales", std::move(tensor)));
      }
      node.set_op_type("Resize");
      if (node.input_size() > 1)
        setInput(node, 2, node.input(1));
      setInput(node, 1, "");
      setAttribute(node, "coordinate_transformation_mode", "asymmetric");
      return setAttribute(node, "nearest_mode", "floor");
    }
    if (op == "Scatter")
      return node.set_op_type("ScatterElements");
    if (op == "BatchNormalization" && from < 9) {
      auto spatial = take(node, "spatial");
      if (spatial && spatial->i() != 1)
        refuse(node, "its statistics are not one for each channel (spatial = 0)");
    }
  }

  const int64_t from;
  StringRef file;
  ImportErrors &errors;
  FreshNames names;
};

} // namespace

LogicalResult raiseOpset(::onnx::ModelProto &model, StringRef file, ImportErrors &errors) {
  ::onnx::OperatorSetIdProto *own = nullptr;
  for (auto &import : *model.mutable_opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      own = &import;
  size_t before = errors.messages.size();
  if (!own) {
    own = model.add_opset_import();
    own->set_version(kQuantizedOpset);
  }
  if (own->version() < 7)
    errors.add(ImportErrors::Unsupported,
               file + ": has opset " + Twine(own->version()) +
                   ", quantizing needs 13 and can raise models from opset 7 on; export it anew");
  else if (own->version() < kQuantizedOpset)
    Raise(model, own->version(), file, errors).graph(*model.mutable_graph());
  if (errors.messages.size() != before)
    return failure();
  own->set_version(std::max(own->version(), kQuantizedOpset));
  model.set_ir_version(std::max<int64_t>(model.ir_version(), 7)); // opset 13 came with it; initializers are no inputs
  return success();
}

} // namespace mlir::llcc::frontend
