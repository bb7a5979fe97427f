// Which tensors of the file are parameters: told from the role in which the graph reads them, as exporters give folded
// parameters, masks and rotary tables the same kind of names.
#include "frontends/onnx/Parameters.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/Roles.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::llcc::frontend {

using Node = ::onnx::NodeProto;

StringRef rawBytes(const Initializer &t, ExternalFiles &files) {
  if (!t.payload.file.empty())
    return files.open(t.payload.file).bytes->substr(t.payload.offset, t.payload.bytes);
  makeRaw(*t.proto, t.payload);
  return t.proto->raw_data();
}

bool isSplat(const Initializer &t, ExternalFiles &files) {
  if (t.payload.absent)
    return false;
  StringRef bytes = rawBytes(t, files);
  size_t width = t.payload.elements ? bytes.size() / t.payload.elements : 0;
  return t.payload.elements < 2 || memcmp(bytes.data(), bytes.data() + width, bytes.size() - width) == 0;
}

bool matchesAny(ArrayRef<std::string> globs, StringRef name) {
  return llvm::any_of(globs, [&](const std::string &glob) {
    auto pattern = llvm::GlobPattern::create(glob);
    if (!pattern) {
      llvm::consumeError(pattern.takeError());
      return false; // said where globs are checked
    }
    return pattern->match(name);
  });
}

std::string nearNames(ArrayRef<Initializer> tensors, StringRef name) {
  std::vector<std::pair<unsigned, std::string>> near;
  for (const Initializer &t : tensors)
    if (isa<FloatType>(t.payload.type))
      near.push_back({StringRef(t.name).edit_distance(name), t.name});
  llvm::sort(near);
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(near.size(), 5); ++i)
    names += (i ? ", " : "") + quote(near[i].second);
  return names.empty() ? "; the model has none" : "; near: " + names;
}

namespace {

std::string behindIdentity(std::string name, const Readers &readers) {
  for (const Node *view = readers.producer.lookup(name); view && view->op_type() == "Identity" && view->input_size();
       view = readers.producer.lookup(name))
    name = view->input(0);
  return name;
}

/// Running statistics, perhaps behind Identity: constants, unless their node tracks them.
void markStatistics(ArrayRef<const Node *> nodes, const Readers &readers, const ImportOptions &options,
                    std::vector<Initializer> &tensors) {
  llvm::StringMap<bool> tracked;
  for (const Node *node : nodes)
    for (int i = 3; node->op_type() == "BatchNormalization" && i < std::min(node->input_size(), 5); ++i)
      tracked[behindIdentity(node->input(i), readers)] |= tracksStatistics(*node, readers.opset, options);
  for (Initializer &t : tensors)
    if (auto found = tracked.find(t.name); found != tracked.end() && isa<FloatType>(t.payload.type)) {
      t.statistic = true;
      t.parameter = found->second && !options.asWritten;
      t.trainable = false;
    }
}

/// ONNX gives LSTM, GRU and RNN two biases that are only added, Keras has one: its exporters leave the recurrent half
/// zero. Trained as well it would move as the other half does, and the bias at twice the rate. A recurrent half of
/// zeros beside an input half that is not zero is no parameter; where both are zero, as in a fresh model, the exporter
/// tells.
/// --train with the tensor's own name overrules.
void markSingleBiases(ArrayRef<const Node *> nodes, const Readers &readers, StringRef producer,
                      const ImportOptions &options, std::vector<Initializer> &tensors, ExternalFiles &files) {
  bool fromKeras = producer.contains_insensitive("tf2onnx") || producer.contains_insensitive("keras2onnx");
  llvm::StringMap<bool> biases; // name -> only the sum of the halves counts
  for (const Node *node : nodes) {
    StringRef op = node->op_type();
    if (node->input_size() < 4 || node->input(3).empty() || (op != "LSTM" && op != "GRU" && op != "RNN"))
      continue;
    bool linear =
        llvm::any_of(node->attribute(), [](const auto &a) { return a.name() == "linear_before_reset" && a.i(); });
    std::string name = behindIdentity(node->input(3), readers);
    biases[name] = (!biases.count(name) || biases[name]) && (op != "GRU" || !linear);
  }
  for (Initializer &t : tensors) {
    auto found = biases.find(t.name);
    const Shape &shape = t.payload.shape;
    if (found == biases.end() || !t.parameter || llvm::is_contained(options.train, t.name) || shape.size() != 2 ||
        shape[1] % 2 || t.payload.elements == 0)
      continue;
    StringRef bytes = rawBytes(t, files);
    size_t half = bytes.size() / shape[0] / 2;
    auto isZero = [&](size_t which) {
      for (int64_t d = 0; d < shape[0]; ++d)
        if (bytes.substr((2 * d + which) * half, half).find_first_not_of('\0') != StringRef::npos)
          return false;
      return true;
    };
    if (!isZero(1) || (isZero(0) && !(fromKeras && found->second)))
      continue;
    t.singleBias = true;
    t.decision.reason += "; its recurrent half is zero and stays so, as of exporters whose layers have one bias";
  }
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
    for (Initializer &t : tensors)
      if (isa<FloatType>(t.payload.type) && pattern->match(t.name)) {
        matched = true;
        apply(t);
      }
    if (!matched)
      unmatched(file + ": --" + flag + "=" + glob + " matches no parameter" + nearNames(tensors, glob));
  }
}

} // namespace

std::vector<Initializer> collectInitializers(::onnx::GraphProto &graph, ArrayRef<const Node *> nodes, int64_t opset,
                                             StringRef producer, const ImportOptions &options, StringRef file,
                                             MLIRContext *context, ExternalFiles &files, ImportErrors &errors,
                                             const NodeSet &spare) {
  Readers readers(graph, nodes, opset);
  std::vector<Initializer> tensors;
  auto collect = [&](std::string name, ::onnx::TensorProto &proto, std::string subject) {
    std::optional<Payload> payload = checkPayload(proto, subject, context, files, errors);
    if (!payload)
      return;
    Initializer init;
    init.name = std::move(name);
    init.proto = &proto;
    init.payload = *payload;
    if (isa<FloatType>(payload->type)) {
      init.decision = decideRole(init, readers, files);
      init.parameter = init.trainable = init.decision.parameter;
    }
    tensors.push_back(std::move(init));
  };
  // Names of classes, which only a head of labels reads: it is left out, and the saved model has them where they are.
  auto isSpareText = [&](const ::onnx::TensorProto &proto) {
    return proto.data_type() == ::onnx::TensorProto::STRING && !readers.outputs.contains(proto.name()) &&
           llvm::all_of(readers.of.lookup(proto.name()), [&](const auto &use) { return spare.contains(use.first); });
  };
  for (auto &proto : *graph.mutable_initializer())
    if ((readers.of.contains(proto.name()) || readers.outputs.contains(proto.name())) && !isSpareText(proto))
      collect(proto.name(), proto, (file + ": initializer " + quote(proto.name())).str());
  if (llvm::none_of(tensors, [](const Initializer &t) { return t.trainable; })) // Paddle: parameters are Constant nodes
    for (auto &node : *graph.mutable_node())
      if (node.op_type() == "Constant" && node.output_size() == 1 && readers.producer.contains(node.output(0)))
        for (auto &attribute : *node.mutable_attribute())
          if (attribute.name() == "value" && attribute.has_t() &&
              isa_and_nonnull<FloatType>(elementType(context, attribute.t().data_type())))
            collect(node.output(0), *attribute.mutable_t(), (file + ": " + nodeLabel(node)).str());

  markStatistics(nodes, readers, options, tensors);
  if (!options.asWritten)
    markSingleBiases(nodes, readers, producer, options, tensors, files);
  std::set<std::string> named = options.trainOnly;
  for (Initializer &t : tensors)
    if (!options.trainOnly.empty()) {
      bool trained = named.erase(t.name) && isa<FloatType>(t.payload.type);
      t.decision.reason = (trained ? "updated by the model's training algorithm; else: "
                                   : "not updated by the model's training algorithm; else: ") +
                          t.decision.reason;
      t.trainable = trained;
      t.parameter |= trained;
    }
  for (const std::string &name : named)
    errors.add(ImportErrors::Bad, file + ": its training algorithm updates " + quote(name) +
                                      ", which is no initializer that the graph reads" + nearNames(tensors, name));
  // A freeze that matches nothing leaves nothing to do, as exporters fold tensors away; a train that matches nothing
  // would train something else than was asked for.
  applyGlobs(
      options.freeze, "freeze", tensors, file, errors,
      [](Initializer &t) {
        if (t.trainable)
          t.decision.reason = "--freeze; else: " + t.decision.reason;
        t.trainable = false;
      },
      [&](const Twine &what) { errors.warn(what); });
  // --train last: `--freeze=* --train=*.bias` trains the biases alone. Without --freeze, naming what is trained anyway
  // can only mean to train that alone; naming something else adds it.
  llvm::StringSet<> wanted;
  bool alone = false;
  applyGlobs(
      options.train, "train", tensors, file, errors,
      [&](Initializer &t) {
        if (t.statistic)
          return;
        wanted.insert(t.name);
        alone |= t.trainable && options.freeze.empty();
        if (!t.trainable)
          t.decision.reason = "--train; else: " + t.decision.reason;
      },
      [&](const Twine &what) { errors.add(ImportErrors::Bad, what); });
  for (Initializer &t : tensors) {
    if (wanted.contains(t.name)) {
      t.parameter = t.trainable = true;
    } else if (alone && t.trainable) {
      t.decision.reason = "not named by --train; else: " + t.decision.reason;
      t.trainable = false;
    }
  }
  applyGlobs(
      options.untie, "untie", tensors, file, errors, [](Initializer &) {},
      [&](const Twine &what) { errors.add(ImportErrors::Bad, what); });
  return tensors;
}

} // namespace mlir::llcc::frontend
