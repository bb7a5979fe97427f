// Which tensors of the file are parameters: told from the role in which the graph reads them, as exporters give folded
// parameters, masks and rotary tables the same kind of names.
#include "frontends/onnx/Parameters.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/OpTable.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::llcc::frontend {

namespace {

using Node = ::onnx::NodeProto;

struct Readers {
  const OpTable &table = OpTable::get();
  int64_t opset;
  llvm::StringMap<SmallVector<std::pair<const Node *, unsigned>>> of; ///< value -> who reads it at which input
  llvm::StringMap<const Node *> producer;
  llvm::StringSet<> outputs; ///< of the graph

  Role role(const Node &node, unsigned input) const {
    const OpRow *row = table.find(node.domain() == "ai.onnx" ? "" : node.domain(), node.op_type(), opset);
    return row ? row->role(input) : Role::Data;
  }
  /// x of `x + b`: is it what a contraction with weights made?
  bool addsToContraction(const Node &node, unsigned input) const {
    if (node.op_type() != "Add" || node.input_size() != 2)
      return false;
    const Node *other = producer.lookup(node.input(1 - input));
    return other && role(*other, 1) == Role::Weight;
  }
  /// Does a sum go into a softmax, through further sums? Then what it adds is a mask or a table of positions.
  bool feedsScores(const Node &sum) const {
    const Node *node = &sum;
    llvm::SmallPtrSet<const Node *, 8> seen;
    while (node && node->op_type() == "Add" && node->output_size() && seen.insert(node).second) {
      const Node *next = nullptr;
      for (auto [reader, input] : of.lookup(node->output(0))) {
        if (role(*reader, input) == Role::Scores)
          return true;
        next = reader;
      }
      node = next;
    }
    return false;
  }
};

/// Masks hold huge negative numbers or infinities, parameters do not.
bool looksLikeMask(const ::onnx::TensorProto &proto, const Payload &payload, ExternalFiles &files) {
  if (payload.elements > kMaxConstantElements)
    return false;
  ConstantPtr c = readConstant(proto, payload, files);
  return llvm::any_of(c->reals, [](double v) { return !(std::abs(v) < 9e3); });
}

bool isSplat(const Initializer &init, ExternalFiles &files) {
  return init.payload.elements <= kMaxConstantElements && readConstant(*init.proto, init.payload, files)->isSplat();
}

/// Running statistics, perhaps behind Identity: constants, unless their node tracks them.
void markStatistics(ArrayRef<const Node *> nodes, const Readers &readers, const ImportOptions &options,
                    std::vector<Initializer> &tensors) {
  llvm::StringMap<bool> tracked;
  for (const Node *node : nodes)
    for (int i = 3; node->op_type() == "BatchNormalization" && i < std::min(node->input_size(), 5); ++i) {
      std::string name = node->input(i);
      for (const Node *view = readers.producer.lookup(name);
           view && view->op_type() == "Identity" && view->input_size(); view = readers.producer.lookup(name))
        name = view->input(0);
      tracked[name] |= tracksStatistics(*node, readers.opset, options);
    }
  for (Initializer &t : tensors)
    if (auto found = tracked.find(t.name); found != tracked.end() && isa<FloatType>(t.payload.type)) {
      t.statistic = true;
      t.parameter = found->second && !options.asWritten;
      t.trainable = false;
    }
}

/// Follows the views of a tensor to what computes with it.
bool isParameter(const Initializer &init, const Readers &readers, ExternalFiles &files) {
  if (init.payload.shape.empty()) // scalars are factors; a learned one needs --train
    return false;
  int64_t varying = llvm::count_if(init.payload.shape, [](int64_t size) { return size > 1; });
  SmallVector<StringRef> names = {init.name};
  llvm::StringSet<> seen;
  bool elementwise = false;
  while (!names.empty()) {
    StringRef name = names.pop_back_val();
    if (!seen.insert(name).second)
      continue;
    elementwise |= varying > 0 && readers.outputs.contains(name);
    for (auto [node, input] : readers.of.lookup(name)) {
      switch (readers.role(*node, input)) {
      case Role::Weight:
        return true;
      case Role::View:
        for (const auto &output : node->output())
          names.push_back(output);
        break;
      case Role::Affine:
        if (!isSplat(init, files))
          return true;
        break;
      case Role::Scale:
        elementwise |= varying == 1;
        break;
      case Role::Elementwise:
        elementwise |=
            varying >= 2 ? !readers.feedsScores(*node) : varying == 1 || readers.addsToContraction(*node, input);
        break;
      case Role::Scores:
      case Role::Data:
        break;
      }
    }
  }
  return elementwise && !looksLikeMask(*init.proto, init.payload, files);
}

/// Applies one list of globs; for one that matches nothing `unmatched` gets a sentence that lists what it could have
/// meant.
void applyGlobs(const std::vector<std::string> &globs, StringRef flag, std::vector<Initializer> &tensors,
                StringRef file, ImportErrors &errors, function_ref<void(Initializer &)> apply,
                function_ref<void(const Twine &)> unmatched) {
  for (const std::string &glob : globs) {
    auto pattern = llvm::GlobPattern::create(glob);
    if (!pattern) {
      errors.add(ImportErrors::Bad, "--" + flag + "=" + glob + ": " + llvm::toString(pattern.takeError()));
      continue;
    }
    bool matched = false;
    std::vector<std::pair<unsigned, std::string>> near;
    for (Initializer &t : tensors) {
      if (!isa<FloatType>(t.payload.type))
        continue;
      if (pattern->match(t.name)) {
        matched = true;
        apply(t);
      }
      near.push_back({StringRef(t.name).edit_distance(glob), t.name});
    }
    if (matched)
      continue;
    llvm::sort(near);
    std::string names;
    for (size_t i = 0; i < std::min<size_t>(near.size(), 5); ++i)
      names += (i ? ", " : "") + quote(near[i].second);
    unmatched(file + ": --" + flag + "=" + glob + " matches no parameter" +
              (names.empty() ? "; the model has none" : "; near: " + names));
  }
}

} // namespace

std::vector<Initializer> collectInitializers(::onnx::GraphProto &graph, ArrayRef<const Node *> nodes, int64_t opset,
                                             const ImportOptions &options, StringRef file, MLIRContext *context,
                                             ExternalFiles &files, ImportErrors &errors) {
  Readers readers;
  readers.opset = opset;
  llvm::StringSet<> overridable;
  for (const auto &input : graph.input())
    overridable.insert(input.name());
  for (const auto &output : graph.output())
    readers.outputs.insert(output.name());
  for (const Node *node : nodes) {
    for (int i = 0; i < node->input_size(); ++i)
      readers.of[node->input(i)].push_back({node, unsigned(i)});
    for (const auto &output : node->output())
      readers.producer[output] = node;
  }

  std::vector<Initializer> tensors;
  bool anyFloat = false;
  auto collect = [&](std::string name, ::onnx::TensorProto &proto, std::string subject) {
    std::optional<Payload> payload = checkPayload(proto, subject, context, files, errors);
    if (!payload)
      return;
    anyFloat |= isa<FloatType>(payload->type);
    Initializer init;
    init.name = std::move(name);
    init.proto = &proto;
    init.payload = *payload;
    tensors.push_back(std::move(init));
  };
  for (auto &proto : *graph.mutable_initializer())
    if (readers.of.contains(proto.name()) || readers.outputs.contains(proto.name()))
      collect(proto.name(), proto, (file + ": initializer " + quote(proto.name())).str());
  if (!anyFloat) // some exporters store the parameters as Constant nodes
    for (auto &node : *graph.mutable_node())
      if (node.op_type() == "Constant" && node.output_size() == 1 && readers.producer.contains(node.output(0)))
        for (auto &attribute : *node.mutable_attribute())
          if (attribute.name() == "value" && attribute.has_t() &&
              isa_and_nonnull<FloatType>(elementType(context, attribute.t().data_type())))
            collect(node.output(0), *attribute.mutable_t(), (file + ": " + nodeLabel(node)).str());

  for (Initializer &init : tensors) {
    if (!isa<FloatType>(init.payload.type))
      continue;
    init.parameter = init.trainable = overridable.contains(init.name) || isParameter(init, readers, files);
  }
  markStatistics(nodes, readers, options, tensors);
  // --train last: `--freeze=* --train=*.bias` trains the biases alone. A freeze that matches nothing leaves nothing to
  // do, as exporters fold tensors away; a train that matches nothing would train something else than was asked for.
  applyGlobs(
      options.freeze, "freeze", tensors, file, errors, [](Initializer &t) { t.trainable = false; },
      [&](const Twine &what) { errors.warn(what); });
  applyGlobs(
      options.train, "train", tensors, file, errors,
      [](Initializer &t) {
        if (!t.statistic)
          t.parameter = t.trainable = true;
      },
      [&](const Twine &what) { errors.add(ImportErrors::Bad, what); });
  return tensors;
}

} // namespace mlir::llcc::frontend
