// What an import tells `llcc check`: tensors with their decisions, outputs, nodes in the wrong mode; and stand-ins for
// refused nodes, so that what is behind them is examined too.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "frontends/onnx/Importer.h"

namespace mlir::llcc::frontend {

using Node = ::onnx::NodeProto;

static int64_t attrOr(const Node &node, StringRef name, int64_t otherwise) {
  for (const auto &a : node.attribute())
    if (a.name() == name)
      return a.i();
  return otherwise;
}

/// Nodes that compute what inference wants, where training would want something else.
static std::vector<ImportReport::Mode> findModes(ArrayRef<const Node *> nodes, const ::onnx::GraphProto &graph,
                                                 const ImportOptions &options) {
  std::vector<ImportReport::Mode> modes;
  for (const Node *node : nodes) {
    StringRef op = node->op_type();
    auto say = [&](const char *what, const std::string &remedy) {
      modes.push_back({nodeName(*node).str(), op.str(), what, remedy});
    };
    if (op == "BatchNormalization" && options.batchNorm == ImportOptions::BatchNorm::File &&
        !attrOr(*node, "training_mode", 0))
      say("normalizes with the running statistics of the file, as in inference",
          "--batchnorm=train (batch statistics, running ones updated) or --batchnorm=frozen");
    if (op == "Dropout" && options.dropout.empty() && (node->input_size() < 3 || node->input(2).empty()))
      say("passes its input on, as in inference", "--dropout=P trains with it");
    for (const auto &output : graph.output())
      if (node->output_size() && node->output(0) == output.name() &&
          (op == "Softmax" || op == "LogSoftmax" || op == "Sigmoid"))
        say(op == "LogSoftmax" ? "ends the model: the output holds log-probabilities"
                               : "ends the model: the output holds probabilities",
            op == "Softmax"      ? "--loss=cross_entropy takes the logits in front of it"
            : op == "LogSoftmax" ? "--loss=nll takes log-probabilities"
                                 : "--loss=bce takes the logits in front of it");
  }
  return modes;
}

void Importer::fillReport() {
  ImportReport &report = *options.report;
  report.producer = model.producer_name() + (model.producer_version().empty() ? "" : " " + model.producer_version());
  report.opset = opset;
  report.irVersion = model.ir_version();
  report.batch = batch;
  report.nodes = model.graph().node_size();
  report.deadNodes = report.nodes - int64_t(nodes.size());
  for (const Node *node : nodes)
    report.live.push_back({nodeName(*node).str(), node->op_type()});
  for (const Initializer &t : tensors) {
    if (!isa<FloatType>(t.payload.type))
      continue;
    ImportReport::Tensor entry;
    entry.name = t.name;
    entry.type = dtypeName(t.proto->data_type());
    entry.shape.assign(t.payload.shape.begin(), t.payload.shape.end());
    entry.parameter = t.parameter;
    entry.trainable = t.trainable;
    entry.role = t.decision.role;
    entry.reason = t.decision.reason;
    if (t.tiedTo) {
      entry.tiedTo = t.tiedTo->name;
      entry.transposed = t.transposed;
    }
    if (auto it = separated.find(t.name); it != separated.end()) {
      entry.splitFrom = it->second;
      entry.restored = it->second.empty();
    }
    report.tensors.push_back(std::move(entry));
    if (auto it = adapters.find(&t); it != adapters.end())
      for (auto [name, first] : {std::pair(it->second.nameA, it->second.firstA), {it->second.nameB, it->second.firstB}})
        report.tensors.push_back({name, dtypeName(t.proto->data_type()),
                                  std::vector<int64_t>(first->shape.begin(), first->shape.end()), true, true, "adapter",
                                  "--lora on " + t.name, "", false, "", false});
  }
  for (const Argument &a : arguments)
    if (a.attributes.contains("llcc.input"))
      if (Slot *s = slot(a.name); s && s->value)
        report.inputs.push_back(
            {a.name, "", std::vector<int64_t>(shapeOf(s->value)), a.attributes.contains("llcc.batched"), "", ""});
  for (const auto &input : model.graph().input())
    for (ImportReport::Value &value : report.inputs)
      if (value.name == input.name())
        value.type = dtypeName(input.type().tensor_type().elem_type());
  for (const auto &output : model.graph().output()) {
    ImportReport::Value value;
    value.name = output.name();
    for (const Node *node : nodes)
      if (llvm::is_contained(node->output(), output.name())) {
        value.op = node->op_type();
        value.node = nodeName(*node);
      }
    report.outputs.push_back(std::move(value));
  }
  report.modes = findModes(nodes, model.graph(), options);
}

/// Shape of `name` where the file says it and all its symbols are known.
static RankedTensorType typeFromFile(const ::onnx::GraphProto &graph, const std::string &name,
                                     const ImportReport &report, MLIRContext *context) {
  for (const auto *list : {&graph.value_info(), &graph.output()})
    for (const auto &info : *list) {
      if (info.name() != name || !info.type().has_tensor_type() || !info.type().tensor_type().has_shape())
        continue;
      Type element = elementType(context, info.type().tensor_type().elem_type());
      Shape shape;
      for (const auto &dim : info.type().tensor_type().shape().dim()) {
        int64_t size = dim.has_dim_value() ? dim.dim_value() : -1;
        for (const auto &known : report.dimensions)
          if (size < 0 && !dim.dim_param().empty() && known.symbol == dim.dim_param())
            size = known.size;
        shape.push_back(size);
      }
      if (!element || llvm::any_of(shape, [](int64_t size) { return size < 0; }) || !countElements(shape))
        return {};
      return RankedTensorType::get(shape, element);
    }
  return {};
}

/// A refused node becomes a cast without meaning from its inputs to results of the types that the file says, so that
/// the nodes behind it are examined; false (and the node is noted) where the file does not say them.
bool Importer::standIn(const Node &node) {
  bool refused = llvm::any_of(errors.problems, [&](const auto &p) { return p.node == nodeName(node); });
  SmallVector<Value> operands;
  for (const auto &input : node.input())
    if (Slot *s = input.empty() ? nullptr : slot(input); s && !s->broken)
      if (Value v = valueOf(input))
        operands.push_back(v);
  SmallVector<Type> types;
  SmallVector<const std::string *> names;
  bool known = true;
  for (const auto &output : node.output())
    if (!output.empty() && isUsed(output)) {
      RankedTensorType type = typeFromFile(model.graph(), output, *options.report, context);
      known &= bool(type);
      types.push_back(type);
      names.push_back(&output);
    }
  if (!refused)
    options.report->notExamined.push_back({nodeName(node).str(), node.op_type()});
  if (!known || types.empty() || operands.empty())
    return false;
  auto cast = UnrealizedConversionCastOp::create(builder, nodeLoc(context, nodeName(node)), types, operands);
  for (auto [name, value] : llvm::zip(names, cast.getResults())) {
    Slot s;
    s.value = value;
    define(*name, s);
  }
  return true;
}

} // namespace mlir::llcc::frontend
