// Order and liveness of a graph's nodes, and what is wrong with its names. No recursion: a file may nest as deep as it
// likes.
#include "frontends/onnx/GraphOrder.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <queue>

namespace mlir::llcc::frontend {

/// Calls `visit` for each subgraph among the attributes of `node`.
static void forSubgraphs(const ::onnx::NodeProto &node, llvm::function_ref<void(const ::onnx::GraphProto &)> visit) {
  for (const auto &attribute : node.attribute()) {
    if (attribute.has_g())
      visit(attribute.g());
    for (const auto &graph : attribute.graphs())
      visit(graph);
  }
}

/// Names that `graph` reads but does not make. The depth of graphs is bounded where the file is read (ModelFile).
static void addCaptures(const ::onnx::GraphProto &graph, std::vector<std::string> &names) {
  llvm::StringSet<> own;
  for (const auto &input : graph.input())
    own.insert(input.name());
  for (const auto &tensor : graph.initializer())
    own.insert(tensor.name());
  for (const auto &node : graph.node())
    for (const auto &output : node.output())
      own.insert(output);
  auto read = [&](const std::string &name) {
    if (!name.empty() && !own.contains(name))
      names.push_back(name);
  };
  for (const auto &node : graph.node())
    for (const std::string &name : namesReadBy(node))
      read(name);
  for (const auto &output : graph.output())
    read(output.name());
}

std::vector<std::string> namesReadBy(const ::onnx::NodeProto &node) {
  std::vector<std::string> names(node.input().begin(), node.input().end());
  forSubgraphs(node, [&](const ::onnx::GraphProto &graph) { addCaptures(graph, names); });
  if (node.op_type() == "Gradient" && node.domain() == "ai.onnx.preview.training")
    for (const auto &attribute : node.attribute()) { // values of the graph that it names
      if (attribute.name() == "xs")
        names.insert(names.end(), attribute.strings().begin(), attribute.strings().end());
      if (attribute.name() == "y")
        names.push_back(attribute.s());
    }
  return names;
}

std::vector<const ::onnx::NodeProto *> withNested(ArrayRef<const ::onnx::NodeProto *> nodes) {
  std::vector<const ::onnx::NodeProto *> all(nodes.begin(), nodes.end());
  for (size_t i = 0; i < all.size(); ++i)
    forSubgraphs(*all[i], [&](const ::onnx::GraphProto &graph) {
      for (const auto &node : graph.node())
        all.push_back(&node);
    });
  return all;
}

std::vector<const ::onnx::NodeProto *> orderNodes(const ::onnx::GraphProto &graph, StringRef file, ImportErrors &errors,
                                                  llvm::function_ref<bool(const std::string &)> isOuter) {
  const auto &nodes = graph.node();
  constexpr int kGiven = -1; // producer of inputs and initializers
  llvm::StringMap<int> producer;
  llvm::StringMap<bool> isInput;
  for (const auto &input : graph.input()) {
    if (!producer.try_emplace(input.name(), kGiven).second)
      errors.add(ImportErrors::Bad, file + ": input " + quote(input.name()) + " is listed twice");
    isInput[input.name()] = true;
  }
  for (const auto &t : graph.initializer())
    if (!producer.try_emplace(t.name(), kGiven).second && !isInput.lookup(t.name()))
      errors.add(ImportErrors::Bad, file + ": initializer " + quote(t.name()) + " is stored twice");
  for (int i = 0; i < nodes.size(); ++i)
    for (const auto &output : nodes[i].output()) {
      if (output.empty())
        continue;
      auto [it, inserted] = producer.try_emplace(output, i);
      if (!inserted)
        errors.add(ImportErrors::Bad,
                   file + ": value " + quote(output) + " is produced twice: by " +
                       (it->second == kGiven ? std::string("an input or initializer") : nodeLabel(nodes[it->second])) +
                       " and by " + nodeLabel(nodes[i]));
    }

  // What the outputs depend on.
  std::vector<bool> live(nodes.size());
  std::vector<int> stack;
  auto visit = [&](const std::string &name, const Twine &reader) {
    auto it = producer.find(name);
    if (it == producer.end()) {
      if (isOuter && isOuter(name))
        return;
      errors.add(ImportErrors::Bad, file + ": " + reader + " reads value " + quote(name) +
                                        ", which no node, input or initializer of the graph produces");
    } else if (it->second != kGiven && !live[it->second]) {
      live[it->second] = true;
      stack.push_back(it->second);
    }
  };
  for (const auto &output : graph.output())
    visit(output.name(), "output " + quote(output.name()));
  std::vector<std::vector<std::string>> reads(nodes.size());
  while (!stack.empty()) {
    int at = stack.back();
    stack.pop_back();
    reads[at] = namesReadBy(nodes[at]);
    for (const auto &input : reads[at])
      if (!input.empty())
        visit(input, nodeLabel(nodes[at]));
  }

  // Kahn's algorithm; among the nodes that are ready the one first in the file comes first.
  std::vector<int> missing(nodes.size());
  std::vector<std::vector<int>> readers(nodes.size());
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  int count = 0;
  for (int i = 0; i < nodes.size(); ++i) {
    if (!live[i])
      continue;
    ++count;
    for (const auto &input : reads[i]) {
      auto it = producer.find(input);
      if (it != producer.end() && it->second != kGiven) {
        ++missing[i];
        readers[it->second].push_back(i);
      }
    }
    if (missing[i] == 0)
      ready.push(i);
  }
  std::vector<const ::onnx::NodeProto *> order;
  while (!ready.empty()) {
    int i = ready.top();
    ready.pop();
    order.push_back(&nodes[i]);
    for (int reader : readers[i])
      if (--missing[reader] == 0)
        ready.push(reader);
  }
  if (int(order.size()) == count)
    return order;

  // Follow unfinished producers until one repeats: that is a cycle.
  int at = 0;
  while (!(live[at] && missing[at] > 0))
    ++at;
  std::vector<int> path;
  std::vector<bool> seen(nodes.size());
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    for (const auto &input : reads[at]) {
      auto it = producer.find(input);
      if (it != producer.end() && it->second != kGiven && missing[it->second] > 0) {
        at = it->second;
        break;
      }
    }
  }
  std::string cycle = nodeLabel(nodes[at]);
  size_t from = llvm::find(path, at) - path.begin(), shown = 0;
  for (size_t i = from + 1; i < path.size() && shown < 8; ++i, ++shown)
    cycle += " reads " + nodeLabel(nodes[path[i]]);
  if (path.size() - from - 1 > shown)
    cycle += " … (" + std::to_string(path.size() - from) + " nodes)";
  errors.add(ImportErrors::Bad, file + ": the graph has a cycle: " + cycle + " reads " + nodeLabel(nodes[at]));
  return order;
}

} // namespace mlir::llcc::frontend
