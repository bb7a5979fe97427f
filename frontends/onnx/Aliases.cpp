// Parameters that the exporter merged although they are several, copied although they are one, or removed as they began
// as zeros.
#include "frontends/onnx/Aliases.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <set>

namespace mlir::llcc::frontend {

namespace {

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

bool separateAliases(::onnx::GraphProto &graph, ArrayRef<Initializer> tensors, const ImportOptions &options,
                     ExternalFiles &files, Separated &separated) {
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
  std::vector<::onnx::TensorProto *> sharing;
  std::set<std::pair<std::string, uint64_t>> places;
  for (const Initializer &t : tensors) {
    if ((!t.trainable && !t.statistic) || t.payload.elements == 0)
      continue;
    bool splat = isSplat(t, files);
    if (readers.lookup(t.name) >= 2 && ((splat && t.payload.elements > 1) || matchesAny(options.untie, t.name)))
      merged.push_back(t.name);
    if (splat && !t.payload.file.empty() && !places.insert({t.payload.file, t.payload.offset}).second)
      sharing.push_back(t.proto);
  }
  auto internalize = [&](::onnx::TensorProto &proto, const Initializer &t) {
    proto.set_raw_data(rawBytes(t, files).str());
    proto.clear_external_data();
    proto.clear_data_location();
  };
  for (::onnx::TensorProto *proto : sharing)
    internalize(*proto, *llvm::find_if(tensors, [&](const Initializer &t) { return t.proto == proto; }));

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
      separated[bias->name()] = "";
      biases.push_back({&node, std::move(*bias)});
    }
  }
  for (auto &[node, bias] : biases) {
    node->add_input(bias.name());
    *graph.add_initializer() = std::move(bias);
  }

  for (const std::string &name : merged) {
    const Initializer &t = *llvm::find_if(tensors, [&](const Initializer &other) { return other.name == name; });
    bool first = true;
    for (int n = 0, end = graph.node_size(); n < end; ++n)
      for (int i = 0; i < graph.node(n).input_size(); ++i) {
        if (graph.node(n).input(i) != name)
          continue;
        if (first) {
          first = false;
          continue;
        }
        std::string fresh = freshName(name + ":" + nodeName(graph.node(n)).str(), taken);
        separated[fresh] = name;
        graph.mutable_node(n)->set_input(i, fresh);
        bool initializer = false;
        for (int at = 0, last = graph.initializer_size(); at < last && !initializer; ++at)
          if (graph.initializer(at).name() == name) {
            initializer = true;
            ::onnx::TensorProto copy = graph.initializer(at);
            copy.set_name(fresh);
            if (!t.payload.file.empty())
              internalize(copy, t);
            *graph.add_initializer() = std::move(copy);
          }
        for (int at = 0; at < end && !initializer; ++at)
          if (graph.node(at).op_type() == "Constant" && graph.node(at).output_size() == 1 &&
              graph.node(at).output(0) == name) {
            ::onnx::NodeProto copy = graph.node(at);
            copy.set_name(fresh);
            copy.set_output(0, fresh);
            *graph.add_node() = std::move(copy);
            for (int back = graph.node_size() - 1; back > 0; --back) // ONNX wants producers first
              graph.mutable_node()->SwapElements(back, back - 1);
            ++n;
            ++end;
            break;
          }
      }
  }
  return !merged.empty() || !biases.empty() || !sharing.empty();
}

//===-- Ties -------------------------------------------------------------------===//

/// Adds up hashes of elements of type `Word`: a loop that vectorises, as half a gigabyte of weights goes through it.
template <typename Word> static uint64_t sumOfHashes(StringRef bytes) {
  uint64_t sum = bytes.size();
  for (size_t i = 0; i + sizeof(Word) <= bytes.size(); i += sizeof(Word)) {
    Word word;
    memcpy(&word, bytes.data() + i, sizeof(Word));
    uint64_t bits = uint64_t(word) * 0x9E3779B97F4A7C15ull;
    sum += (bits ^ (bits >> 29)) * 0xBF58476D1CE4E5B9ull;
  }
  return sum;
}

/// Depends on the elements and how often each is there, not on their order: equal for a matrix and its transpose.
static uint64_t bagHash(StringRef bytes, size_t width) {
  switch (width) {
  case 1:
    return sumOfHashes<uint8_t>(bytes);
  case 2:
    return sumOfHashes<uint16_t>(bytes);
  case 4:
    return sumOfHashes<uint32_t>(bytes);
  default:
    return sumOfHashes<uint64_t>(bytes);
  }
}

/// Is b ([columns, rows]) the transpose of a ([rows, columns])?
static bool isTransposed(StringRef a, StringRef b, int64_t rows, int64_t columns, size_t width) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      if (memcmp(a.data() + (i * columns + j) * width, b.data() + (j * rows + i) * width, width) != 0)
        return false;
  return true;
}

static bool isTransposedShape(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  return a.size() == 2 && b.size() == 2 && a[0] == b[1] && a[1] == b[0];
}

static Initializer *rootOf(Initializer *t) {
  while (t->tiedTo)
    t = t->tiedTo;
  return t;
}

void findTies(std::vector<Initializer> &tensors, const ImportOptions &options, StringRef file, ExternalFiles &files,
              ImportErrors &errors) {
  llvm::DenseMap<uint64_t, SmallVector<Initializer *>> bags;
  for (Initializer &t : tensors) {
    if (!options.trainOnly.empty()) // the model itself says what is one parameter
      break;
    if (!t.trainable || t.payload.elements < 2 || matchesAny(options.untie, t.name) || t.payload.absent ||
        isSplat(t, files))
      continue;
    StringRef bytes = rawBytes(t, files);
    size_t width = t.payload.type.getIntOrFloatBitWidth() / 8;
    auto &bag = bags[bagHash(bytes, width)];
    for (Initializer *other : bag) {
      if (other->payload.type != t.payload.type)
        continue;
      StringRef first = rawBytes(*other, files);
      const Shape &shape = other->payload.shape;
      bool equal = shape == t.payload.shape && first == bytes;
      if (!equal &&
          !(isTransposedShape(shape, t.payload.shape) && isTransposed(first, bytes, shape[0], shape[1], width)))
        continue;
      t.tiedTo = other;
      t.transposed = !equal;
      break;
    }
    if (!t.tiedTo)
      bag.push_back(&t);
  }

  for (const std::string &list : options.tie) {
    SmallVector<StringRef> names;
    StringRef(list).split(names, ',', -1, /*KeepEmpty=*/false);
    if (names.size() < 2)
      errors.add(ImportErrors::Bad, "--tie=" + list + ": needs two names or more: --tie=A,B");
    Initializer *first = nullptr;
    for (StringRef name : names) {
      auto it = llvm::find_if(tensors, [&](const Initializer &t) { return t.name == name; });
      if (it == tensors.end() || !it->parameter) {
        errors.add(ImportErrors::Bad,
                   file + ": --tie=" + list + ": " + quote(name) + " is no parameter" + nearNames(tensors, name));
        break;
      }
      if (!first) {
        first = rootOf(&*it);
        continue;
      }
      Initializer *second = rootOf(&*it);
      if (second == first)
        continue;
      bool equal = first->payload.shape == second->payload.shape;
      if (first->payload.type != second->payload.type ||
          (!equal && !isTransposedShape(first->payload.shape, second->payload.shape))) {
        errors.add(ImportErrors::Bad, file + ": --tie=" + list + ": " + quote(first->name) + " is " +
                                          showShape(first->payload.shape) + ", " + quote(name) + " is " +
                                          showShape(second->payload.shape) +
                                          "; one parameter has one shape, up to a transpose, and one type");
        break;
      }
      second->tiedTo = first;
      second->transposed = !equal;
    }
  }
  // A copy of a copy is a copy of the first.
  for (Initializer &t : tensors)
    while (t.tiedTo && t.tiedTo->tiedTo) {
      t.transposed ^= t.tiedTo->transposed;
      t.tiedTo = t.tiedTo->tiedTo;
    }
}

} // namespace mlir::llcc::frontend
