// Model-local functions become nodes of the graph; initializers of subgraphs become the graph's.
#include "frontends/onnx/Functions.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace mlir::llcc::frontend {

using Node = ::onnx::NodeProto;
using Graph = ::onnx::GraphProto;
using Function = ::onnx::FunctionProto;

namespace {

/// Calls that stand in each other: each takes a part of the stack.
constexpr unsigned kMaxCalls = 512;
/// Nodes after inlining: functions that call two others each double the graph with every level.
constexpr int64_t kMaxNodes = int64_t(1) << 17;

std::string domainOf(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

std::string keyOf(const std::string &domain, const std::string &name, const std::string &overload) {
  return domainOf(domain) + ":" + name + ":" + overload;
}

std::string freshName(const std::string &wish, llvm::StringSet<> &taken) {
  std::string name = wish;
  for (unsigned i = 2; !taken.insert(name).second; ++i)
    name = wish + "." + std::to_string(i);
  return name;
}

void forSubgraphs(Node &node, llvm::function_ref<void(Graph &)> visit) {
  for (auto &attribute : *node.mutable_attribute()) {
    if (attribute.has_g())
      visit(*attribute.mutable_g());
    for (auto &graph : *attribute.mutable_graphs())
      visit(graph);
  }
}

void collectNames(const Graph &graph, llvm::StringSet<> &names) {
  for (const auto &input : graph.input())
    names.insert(input.name());
  for (const auto &tensor : graph.initializer())
    names.insert(tensor.name());
  for (const auto &node : graph.node()) {
    for (const auto &output : node.output())
      names.insert(output);
    for (const auto &attribute : node.attribute()) {
      if (attribute.has_g())
        collectNames(attribute.g(), names);
      for (const auto &nested : attribute.graphs())
        collectNames(nested, names);
    }
  }
}

/// One call on its way into the graph: what the names and attributes of the function's body stand for.
class Call {
public:
  Call(const Node &call, const Function &function, llvm::StringSet<> &taken) : taken(taken) {
    prefix = freshName(nodeName(call).str() + "/", taken);
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < call.input_size() ? call.input(i) : "";
    for (int i = 0; i < function.output_size(); ++i) {
      std::string outside = i < call.output_size() ? call.output(i) : "";
      if (!names.try_emplace(function.output(i), outside).second && !outside.empty())
        copies.push_back({names[function.output(i)], outside}); // an input, or an output twice
      else if (outside.empty() && !names.count(function.output(i)))
        names.erase(function.output(i));
    }
    for (const auto &attribute : function.attribute_proto())
      attributes[attribute.name()] = &attribute;
    for (const auto &attribute : call.attribute())
      attributes[attribute.name()] = &attribute;
  }

  /// Node of the body ⇒ node of the graph.
  void place(Node &node) {
    node.set_name(prefix + nodeName(node).str());
    for (auto &name : *node.mutable_input())
      rename(name);
    for (auto &name : *node.mutable_output())
      rename(name);
    auto *list = node.mutable_attribute();
    for (int i = list->size(); i-- > 0;) {
      auto &attribute = *list->Mutable(i);
      if (attribute.ref_attr_name().empty())
        continue;
      auto given = attributes.find(attribute.ref_attr_name());
      if (given == attributes.end()) { // the operator's own default then
        list->DeleteSubrange(i, 1);
        continue;
      }
      std::string name = attribute.name();
      attribute = *given->second;
      attribute.set_name(name);
    }
    forSubgraphs(node, [&](Graph &graph) { place(graph); });
  }

  std::vector<std::pair<std::string, std::string>> copies; ///< of values that the function hands through

private:
  void place(Graph &graph) {
    for (auto &input : *graph.mutable_input())
      rename(*input.mutable_name());
    for (auto &tensor : *graph.mutable_initializer())
      rename(*tensor.mutable_name());
    for (auto &output : *graph.mutable_output())
      rename(*output.mutable_name());
    graph.clear_value_info();
    for (auto &node : *graph.mutable_node())
      place(node);
  }

  void rename(std::string &name) {
    if (name.empty())
      return;
    auto [it, isNew] = names.try_emplace(name);
    if (isNew)
      it->second = freshName(prefix + name, taken);
    name = it->second;
  }

  llvm::StringSet<> &taken;
  std::string prefix;
  std::map<std::string, std::string> names;
  std::map<std::string, const ::onnx::AttributeProto *> attributes;
};

class Inlining {
public:
  Inlining(::onnx::ModelProto &model, int64_t opset, StringRef file, NodeOpsets &opsets, ImportErrors &errors)
      : model(model), opset(opset), file(file), opsets(opsets), errors(errors) {
    for (const Function &function : model.functions())
      functions[keyOf(function.domain(), function.name(), function.overload())] = &function;
    collectNames(model.graph(), taken);
  }

  LogicalResult run() {
    if (failed(expand(*model.mutable_graph(), opset)))
      return failure();
    return success();
  }

private:
  LogicalResult expand(Graph &graph, int64_t own) {
    google::protobuf::RepeatedPtrField<Node> nodes;
    nodes.Swap(graph.mutable_node());
    for (Node &node : nodes)
      if (failed(expand(node, graph, own)))
        return failure();
    return success();
  }

  /// Appends `node`, or what it calls, to `graph`. `own`: the opset it was written against.
  LogicalResult expand(Node &node, Graph &graph, int64_t own) {
    if (++count > kMaxNodes) {
      errors.add(ImportErrors::Unsupported, file + ": its functions make more than 2^17 nodes");
      return failure();
    }
    auto found = functions.find(keyOf(node.domain(), node.op_type(), node.overload()));
    if (found == functions.end()) {
      Node *placed = graph.add_node();
      placed->Swap(&node);
      if (own != opset)
        opsets[placed] = own;
      LogicalResult result = success();
      forSubgraphs(*placed, [&](Graph &nested) {
        if (succeeded(result))
          result = expand(nested, own);
      });
      return result;
    }
    const Function &function = *found->second;
    std::string called = quote(domainOf(function.domain()) + ":" + function.name());
    auto isOpen = llvm::find(open, &function);
    if (isOpen != open.end()) {
      std::string through;
      for (const Function *inner : ArrayRef(open).drop_front(isOpen - open.begin() + 1))
        through += (through.empty() ? " through " : ", ") + quote(domainOf(inner->domain()) + ":" + inner->name());
      errors.add(ImportErrors::Bad, file + ": function " + called + " calls itself" + through);
      return failure();
    }
    if (open.size() >= kMaxCalls) {
      errors.add(ImportErrors::Unsupported, file + ": the call of function " + called + " stands in " +
                                                Twine(kMaxCalls) + " others, more are not supported");
      return failure();
    }
    open.push_back(&function);
    auto close = llvm::make_scope_exit([&] { open.pop_back(); });
    int64_t inner = own;
    for (const auto &import : function.opset_import())
      if (domainOf(import.domain()).empty())
        inner = import.version();
    Call call(node, function, taken);
    for (const Node &original : function.node()) {
      Node copy = original;
      call.place(copy);
      if (failed(expand(copy, graph, inner)))
        return failure();
    }
    for (auto &[from, to] : call.copies) {
      Node *copy = graph.add_node();
      copy->set_op_type("Identity");
      copy->add_input(from);
      copy->add_output(to);
    }
    return success();
  }

  ::onnx::ModelProto &model;
  int64_t opset;
  StringRef file;
  NodeOpsets &opsets;
  ImportErrors &errors;
  std::map<std::string, const Function *> functions;
  llvm::StringSet<> taken;
  std::vector<const Function *> open; ///< whose bodies are being placed, outermost first
  int64_t count = 0;
};

/// Replaces `from` by `to` in `graph` and those in it that do not have a value of that name.
void renameReads(Graph &graph, const std::string &from, const std::string &to) {
  for (auto &output : *graph.mutable_output())
    if (output.name() == from)
      output.set_name(to);
  for (auto &node : *graph.mutable_node()) {
    for (auto &input : *node.mutable_input())
      if (input == from)
        input = to;
    forSubgraphs(node, [&](Graph &nested) {
      llvm::StringSet<> own;
      for (const auto &input : nested.input())
        own.insert(input.name());
      for (const auto &tensor : nested.initializer())
        own.insert(tensor.name());
      if (!own.contains(from))
        renameReads(nested, from, to);
    });
  }
}

void hoistFrom(Graph &graph, Graph &top, llvm::StringSet<> &taken) {
  for (auto &node : *graph.mutable_node())
    forSubgraphs(node, [&](Graph &nested) { hoistFrom(nested, top, taken); });
  if (&graph == &top)
    return;
  google::protobuf::RepeatedPtrField<::onnx::TensorProto> tensors;
  tensors.Swap(graph.mutable_initializer());
  for (auto &tensor : tensors) {
    bool isInput = llvm::any_of(graph.input(), [&](const auto &input) { return input.name() == tensor.name(); });
    if (isInput) { // a default that the caller may overrule
      graph.add_initializer()->Swap(&tensor);
      continue;
    }
    std::string name = freshName(tensor.name(), taken);
    if (name != tensor.name())
      renameReads(graph, tensor.name(), name);
    tensor.set_name(name);
    top.add_initializer()->Swap(&tensor);
  }
}

} // namespace

LogicalResult inlineFunctions(::onnx::ModelProto &model, int64_t opset, StringRef file, NodeOpsets &opsets,
                              ImportErrors &errors) {
  if (model.functions().empty())
    return success();
  LogicalResult result = Inlining(model, opset, file, opsets, errors).run();
  model.clear_functions();
  return result;
}

void hoistInitializers(Graph &graph) {
  bool nests = llvm::any_of(graph.node(), [](const Node &node) {
    return llvm::any_of(node.attribute(), [](const auto &a) { return a.has_g() || a.graphs_size(); });
  });
  if (!nests)
    return;
  llvm::StringSet<> taken;
  for (const auto &input : graph.input())
    taken.insert(input.name());
  for (const auto &tensor : graph.initializer())
    taken.insert(tensor.name());
  for (const auto &node : graph.node())
    for (const auto &output : node.output())
      taken.insert(output);
  hoistFrom(graph, graph, taken);
}

} // namespace mlir::llcc::frontend
