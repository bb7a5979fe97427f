// Nodes, one after the other: handlers from the table, subgraphs where they stand, dropout behind values.
#include "compiler/ir/Provenance.h"
#include "frontends/onnx/GraphOrder.h"
#include "frontends/onnx/Heads.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/RandomNumbers.h"
#include "frontends/onnx/Remedies.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::llcc::frontend {

/// Nodes of all subgraphs that are imported, a body once for each turn: what takes minutes to compile is a mistake.
static constexpr int64_t kMaxUnrolledNodes = 100000;

/// Every operator without a row, one message each, before any node is read.
void Importer::refuseUnknownOperators(ArrayRef<const ::onnx::NodeProto *> nodes) {
  llvm::MapVector<std::pair<StringRef, StringRef>, SmallVector<const ::onnx::NodeProto *>> refused;
  const OpTable &table = OpTable::get();
  for (const auto *node : nodes) {
    StringRef domain = node->domain() == "ai.onnx" ? StringRef() : StringRef(node->domain());
    if (table.find(domain, node->op_type(), opsetOf(*node)))
      continue;
    if (!spare.contains(node))
      refused[{domain, node->op_type()}].push_back(node);
    Slot broken;
    broken.broken = true;
    for (const auto &output : node->output())
      define(output, broken);
  }
  for (auto &[key, where] : refused) {
    std::string op = key.first.empty() ? quote(key.second) : quote((key.first + ":" + key.second).str());
    std::string names;
    for (const auto *node : ArrayRef(where).take_front(8))
      names += (names.empty() ? "" : ", ") + quote(nodeName(*node));
    if (where.size() > 8)
      names += " and " + std::to_string(where.size() - 8) + " more";
    int64_t oldest = table.oldest(key.first, key.second);
    std::string why = oldest ? "is supported from opset " + std::to_string(oldest) + " on, the model has opset " +
                                   std::to_string(opset) + "; export it with a newer opset"
                             : "is not supported";
    std::string sentence =
        file + ": operator " + op + " " + why + ": " + (where.size() == 1 ? "node " : "nodes ") + names;
    auto isRefused = [&](const ::onnx::NodeProto &node) {
      return !table.find(node.domain() == "ai.onnx" ? "" : node.domain(), node.op_type(), opsetOf(node));
    };
    std::string remedy = oldest ? "" : operatorRemedy(key.first, key.second);
    if (std::string head = options.arrays || !scopes.empty() ? "" : otherHead(model.graph(), nodes, isRefused);
        !head.empty())
      remedy = head;
    if (!options.report)
      errors.add(ImportErrors::Unsupported, sentence + remedy);
    for (const auto *node : options.report ? ArrayRef(where) : ArrayRef<const ::onnx::NodeProto *>())
      errors.add(ImportErrors::Unsupported, sentence, nodeName(*node), node->op_type(),
                 "operator " + op + " " + why + remedy);
  }
}

/// Finds the values that --dropout=P and P@GLOB mean, beside Dropout nodes, which know for themselves.
void Importer::placeDropout(ArrayRef<const ::onnx::NodeProto *> nodes) {
  bool anyNode = llvm::any_of(nodes, [](const auto *node) { return node->op_type() == "Dropout"; });
  for (const ImportOptions::Dropout &wish : options.dropout) {
    std::string flag;
    llvm::raw_string_ostream(flag) << "--dropout=" << llvm::format("%g", wish.ratio);
    if (wish.kind == ImportOptions::Dropout::Off)
      dropped.clear();
    if (wish.kind != ImportOptions::Dropout::Ratio || (wish.glob.empty() && anyNode))
      continue;
    if (wish.glob.empty()) {
      std::vector<std::string> places = dropoutPlaces(model.graph(), nodes);
      for (const std::string &name : places)
        dropped[name] = wish.ratio;
      if (places.empty())
        errors.add(ImportErrors::Bad,
                   file + ": " + flag +
                       ": the model has no Dropout node and is no transformer, so that nothing tells "
                       "where dropout should be; name the values: " +
                       flag + "@GLOB");
      continue;
    }
    bool matched = false;
    for (const auto *node : nodes) {
      if (!isNamed(*node, wish.glob))
        continue;
      matched = true;
      auto pattern = llvm::cantFail(llvm::GlobPattern::create(wish.glob)); // checked when it was read
      for (const auto &output : node->output())
        if (!output.empty() && node->op_type() != "Dropout" &&
            (pattern.match(output) || (pattern.match(node->name()) && &output == &node->output(0))))
          dropped[output] = wish.ratio;
    }
    if (!matched)
      errors.add(ImportErrors::Bad, file + ": " + flag + "@" + wish.glob + " matches no node and no value");
  }
}

void Importer::insertDropout(Binder &binder) {
  if (options.asWritten)
    return;
  for (const auto &output : binder.node.output()) {
    auto found = dropped.find(output);
    Slot *s = slot(output);
    if (found == dropped.end() || found->second == 0 || !s || !s->value ||
        !isa<FloatType>(frontend::typeOf(s->value).getElementType()))
      continue;
    s->value = dropout(binder, s->value, found->second);
  }
}

/// Constants that broadcast to more elements than a constant may have (a mask, expanded to the batch): then the node is
/// computed in the step, where the expanded operands cost nothing.
bool Importer::broadcastsTooFar(const ::onnx::NodeProto &node) {
  std::optional<Shape> all = Shape();
  for (const auto &input : node.input())
    if (ConstantPtr c = input.empty() ? nullptr : constantOf(input); c && all)
      all = broadcastShapes(*all, c->shape);
  std::optional<int64_t> count = all ? countElements(*all) : 0;
  return !count || *count > kMaxConstantElements;
}

void Importer::importNode(const ::onnx::NodeProto &node) {
  StringRef domain = node.domain() == "ai.onnx" ? StringRef() : StringRef(node.domain());
  const OpRow *row = OpTable::get().find(domain, node.op_type(), opsetOf(node));
  bool usable = row && !exhausted && isInTime(), constant = node.input_size() > 0;
  for (const auto &input : namesReadBy(node)) {
    if (input.empty())
      continue;
    Slot *s = slot(input);
    usable &= s && !s->broken;
    if (usable)
      constant = constant && constantOf(input);
  }
  // Constant nodes that hold parameters have their slot already.
  if (node.output_size() == 1 && node.op_type() == "Constant" && usable)
    if (Slot *s = slot(node.output(0)); s && s->tensor)
      return;
  if (usable) {
    Binder binder(*this, node, opsetOf(node), builder, nodeLoc(context, (nodeName(node) + suffix).str()));
    Handler handler = constant && row->fold && !broadcastsTooFar(node) ? row->fold : row->import;
    size_t before = errors.messages.size();
    LogicalResult result = handler(binder);
    if (succeeded(result))
      result = binder.finish();
    if (succeeded(result))
      if (std::string why = padded.follow(node, [&](const std::string &name) { return typeOfName(name).second; });
          !why.empty())
        result = binder.unsupported(why);
    if (failed(result) && errors.messages.size() == before)
      (void)binder.bad("cannot be read");
    if (succeeded(result)) {
      insertDropout(binder);
      return;
    }
  }
  if (options.report && !spare.contains(&node) && standIn(node))
    return;
  Slot broken;
  broken.broken = true;
  for (const auto &output : node.output())
    define(output, broken);
}

int64_t Importer::opsetOf(const ::onnx::NodeProto &node) const {
  auto it = opsets.find(&node);
  return it != opsets.end() ? it->second : innerOpset.value_or(opset);
}

FailureOr<std::vector<Slot>> Importer::inlineGraph(const ::onnx::NodeProto &owner, const ::onnx::GraphProto &graph,
                                                   ArrayRef<Slot> inputs, const std::string &turn) {
  size_t before = errors.messages.size();
  auto refuse = [&](const Twine &what) {
    errors.add(ImportErrors::Bad, file + ": " + nodeLabel(owner) + ": " + what);
    return failure();
  };
  if (int64_t(inputs.size()) != graph.input_size())
    return refuse("its graph " + quote(graph.name()) + " has " + Twine(graph.input_size()) + " inputs, it is given " +
                  Twine(inputs.size()));
  std::vector<const ::onnx::NodeProto *> nodes =
      orderNodes(graph, file, errors, [&](const std::string &name) { return slot(name) != nullptr; });
  unrolled += nodes.size();
  if (unrolled > kMaxUnrolledNodes) {
    errors.add(ImportErrors::Unsupported,
               file + ": " + nodeLabel(owner) + ": the graphs of If, Loop and Scan make more than " +
                   Twine(kMaxUnrolledNodes) + " nodes when they are unrolled; export the model with fewer turns");
    return failure();
  }
  if (errors.messages.size() != before)
    return failure();
  std::optional<int64_t> outerOpset = innerOpset;
  std::string outerSuffix = suffix;
  innerOpset = opsetOf(owner);
  suffix += turn;
  scopes.emplace_back();
  for (auto [input, slot] : llvm::zip(graph.input(), inputs))
    define(input.name(), slot);
  refuseUnknownOperators(nodes);
  for (const auto *node : nodes)
    importNode(*node);
  std::vector<Slot> outputs;
  for (const auto &output : graph.output()) {
    Slot *s = slot(output.name());
    outputs.push_back(s ? *s : Slot());
    if (!s || s->broken)
      outputs.back().broken = true;
  }
  for (auto &[name, previous] : llvm::reverse(scopes.back()))
    if (previous)
      slots[name] = std::move(*previous);
    else
      slots.erase(name);
  scopes.pop_back();
  innerOpset = outerOpset;
  suffix = outerSuffix;
  if (llvm::any_of(outputs, [](const Slot &s) { return s.broken; }) && errors.messages.size() == before)
    return refuse("its graph " + quote(graph.name()) + " has outputs that no node of it makes");
  if (errors.messages.size() != before)
    return failure();
  return outputs;
}

} // namespace mlir::llcc::frontend
