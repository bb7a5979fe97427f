// A float model → QDQ: what is quantized is chosen from the graph alone, so that measuring and writing agree.
//
//   y = MatMul(x, w)   ⇒   y = MatMul(DequantizeLinear(QuantizeLinear(x, s, z), s, z), DequantizeLinear(w8, s[n],
//   axis))
//
// Runtimes that know the form compute it in integers; all others compute what it says, in floats.
#include "frontends/onnx/export/Quantize.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/Parameters.h"
#include "frontends/onnx/export/Names.h"
#include "frontends/onnx/export/RaiseOpset.h"
#include "frontends/onnx/export/WriteModel.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include <cmath>

namespace mlir::llcc {
using namespace frontend;
using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

namespace {

/// A node that is quantized.
struct Site {
  NodeProto *node;
  int weightInput = 1;       ///< which input the weight is
  std::string weight;        ///< stored tensor
  NodeProto *view = nullptr; ///< a Transpose between the tensor and the node
  int64_t axis = 0;          ///< of the stored tensor: its output channels
  std::string activation;    ///< the other input
  std::string bias;          ///< stored tensor of one number for each channel, which becomes int32; may be empty
};

int64_t attributeOf(const NodeProto &node, StringRef name, int64_t otherwise) {
  for (const auto &attribute : node.attribute())
    if (attribute.name() == name)
      return attribute.i();
  return otherwise;
}

float realOf(const NodeProto &node, StringRef name, float otherwise) {
  for (const auto &attribute : node.attribute())
    if (attribute.name() == name)
      return attribute.f();
  return otherwise;
}

/// What of a model is quantized, and why the rest is not.
class Survey {
public:
  Survey(ModelProto &model, const QuantizeOptions &options) : graph(*model.mutable_graph()), options(options) {
    for (auto &tensor : *graph.mutable_initializer())
      stored[tensor.name()] = &tensor;
    for (auto &node : *graph.mutable_node())
      for (const auto &output : node.output())
        producer[output] = &node;
    for (auto &node : *graph.mutable_node())
      if (node.op_type() == "Constant" && node.output_size() == 1)
        for (auto &attribute : *node.mutable_attribute())
          if (attribute.name() == "value" && attribute.has_t())
            stored[node.output(0)] = attribute.mutable_t();
    countReads(graph);
    for (const auto &output : graph.output())
      ++reads[output.name()];
    for (auto &node : *graph.mutable_node())
      visit(node);
  }

  std::vector<Site> sites;
  int64_t kept = 0;
  llvm::StringMap<TensorProto *>
      stored;                     ///< initializers, and values of Constant nodes under the names of their results
  llvm::StringMap<int64_t> reads; ///< how often a name is read, subgraphs included
  llvm::StringMap<NodeProto *> producer;
  llvm::MapVector<StringRef, std::vector<std::string>> reasons; ///< why nodes are kept → their names

private:
  void countReads(const GraphProto &graph) {
    for (const auto &node : graph.node()) {
      for (const auto &input : node.input())
        ++reads[input];
      for (const auto &attribute : node.attribute())
        if (attribute.has_g())
          countReads(attribute.g());
    }
  }
  void keep(const NodeProto &node, StringRef why) {
    ++kept;
    reasons[why].push_back(nodeName(node).str());
  }

  /// The stored tensor that `name` is, or is the transpose of.
  TensorProto *weightOf(const std::string &name, Site &site) {
    site.weight = name;
    if (auto *tensor = stored.lookup(name))
      return tensor;
    NodeProto *made = producer.lookup(name);
    if (!made || made->op_type() != "Transpose" || made->input_size() != 1)
      return nullptr;
    site.view = made;
    site.weight = made->input(0);
    return stored.lookup(site.weight);
  }

  /// Where dimension `axis` of the weight as the node reads it lies in the stored tensor.
  static int64_t axisBefore(const NodeProto &transpose, int64_t axis, int64_t rank) {
    for (const auto &attribute : transpose.attribute())
      if (attribute.name() == "perm")
        return axis < attribute.ints_size() ? attribute.ints(int(axis)) : axis;
    return rank - 1 - axis;
  }

  void visit(NodeProto &node) {
    bool own = node.domain().empty() || node.domain() == "ai.onnx";
    StringRef op = node.op_type();
    bool gemm = op == "Gemm", matmul = op == "MatMul", conv = op == "Conv", transposed = op == "ConvTranspose";
    if (!own || !(gemm || matmul || conv || transposed) || node.input_size() < 2)
      return;
    Site site{&node};
    TensorProto *weight = weightOf(node.input(1), site);
    if (!weight && matmul) { // w · x
      site = Site{&node, 0};
      weight = weightOf(node.input(0), site);
    }
    if (!weight)
      return; // two activations: attention scores and the like stay floats
    if (stored.count(node.input(1 - site.weightInput)))
      return; // a constant
    int64_t rank = weight->dims_size();
    if (rank < 2 || llvm::any_of(weight->dims(), [](int64_t n) { return n <= 0; }))
      return keep(node, "weights of less than two dimensions or without elements");
    if (weight->data_type() != TensorProto::FLOAT)
      return keep(node, "weights that are no float32");
    if (matchesAny(options.keep, node.name()) || matchesAny(options.keep, site.weight))
      return keep(node, "named by --keep");
    if (NodeProto *view = site.view)
      if (reads.lookup(view->output(0)) != 1)
        return keep(node, "the transpose of its weight has other readers");
    site.axis = gemm               ? (attributeOf(node, "transB", 0) ? 0 : 1)
                : conv             ? 0
                : transposed       ? 1
                : site.weightInput ? rank - 1
                                   : rank - 2;
    if (site.view)
      site.axis = axisBefore(*site.view, site.axis, rank);
    site.activation = node.input(1 - site.weightInput);
    NodeProto *before = producer.lookup(site.activation);
    if (before && before->op_type() == "DequantizeLinear")
      return keep(node, "quantized already");
    TensorProto *bias = node.input_size() > 2 ? stored.lookup(node.input(2)) : nullptr;
    bool scaled = gemm && (realOf(node, "alpha", 1) != 1 || realOf(node, "beta", 1) != 1);
    if ((gemm || conv) && bias && !scaled && bias->dims_size() == 1 && bias->data_type() == TensorProto::FLOAT &&
        bias->dims(0) == weight->dims(int(site.axis)) && options.activations != QuantizeOptions::Activations::Float)
      site.bias = node.input(2);
    sites.push_back(site);
  }

  GraphProto &graph;
  const QuantizeOptions &options;
};

/// x = scale · (q - zero).
struct Scale {
  float scale = 1;
  int zero = 0;
};

Scale scaleOf(double low, double high, bool isUnsigned) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  Scale s;
  s.scale = float((high - low) / 255);
  if (!(s.scale > 0) || !std::isnormal(s.scale) || !std::isfinite(s.scale)) {
    s.scale = 1;
    s.zero = 0;
    return s;
  }
  int least = isUnsigned ? 0 : -128;
  s.zero = int(std::lround(std::clamp(double(least) - low / double(s.scale), double(least), double(least + 255))));
  return s;
}

/// One rewriting of a model.
class Writer {
public:
  Writer(ModelProto &model, const QuantizeOptions &options, const ValueRanges &ranges, ExternalFiles &files,
         MLIRContext *context, StringRef file, ImportErrors &errors, QuantizeSummary &summary)
      : graph(*model.mutable_graph()), options(options), ranges(ranges), files(files), context(context), file(file),
        errors(errors), summary(summary), names(model) {}

  void run(Survey &survey) {
    llvm::DenseMap<NodeProto *, const Site *> siteOf;
    llvm::DenseMap<NodeProto *, std::string> newInput; // of Transpose nodes
    llvm::DenseMap<NodeProto *, std::string> newBias;
    for (const Site &site : survey.sites) {
      const Weight *weight = quantizeWeight(*survey.stored.lookup(site.weight), site);
      if (!weight)
        return;
      siteOf[site.node] = &site;
      if (site.view)
        newInput[site.view] = weight->name;
      if (!site.bias.empty())
        if (std::string bias = quantizeBias(*survey.stored.lookup(site.bias), site, *weight); !bias.empty())
          newBias[site.node] = bias;
      ++summary.quantized;
    }
    google::protobuf::RepeatedPtrField<NodeProto> old;
    old.Swap(graph.mutable_node());
    for (NodeProto &made : weightNodes)
      *graph.add_node() = std::move(made);
    for (NodeProto &node : old) {
      if (auto found = newInput.find(&node); found != newInput.end())
        node.set_input(0, found->second);
      if (auto found = siteOf.find(&node); found != siteOf.end()) {
        const Site &site = *found->second;
        if (options.activations != QuantizeOptions::Activations::Float)
          node.set_input(1 - site.weightInput, quantizeActivation(site.activation));
        if (!site.view)
          node.set_input(site.weightInput, weights[{site.weight, site.axis}].name);
        if (auto bias = newBias.find(&node); bias != newBias.end())
          node.set_input(2, bias->second);
      }
      *graph.add_node() = std::move(node);
    }
    dropUnread();
  }

private:
  struct Weight {
    std::string name; ///< of the float values that the node reads
    std::vector<float> scales;
  };

  TensorProto &store(const std::string &wanted, TensorProto::DataType type, ArrayRef<int64_t> dims) {
    TensorProto &tensor = *graph.add_initializer();
    tensor.set_name(names.fresh(wanted));
    tensor.set_data_type(type);
    for (int64_t n : dims)
      tensor.add_dims(n);
    return tensor;
  }
  template <class T> static void fill(TensorProto &tensor, const std::vector<T> &values) {
    tensor.set_raw_data(values.data(), values.size() * sizeof(T)); // little-endian, as this machine
  }
  NodeProto node(const char *op, const std::string &output, ArrayRef<std::string> inputs) {
    NodeProto made;
    made.set_op_type(op);
    made.set_name(names.fresh(output + "_" + op));
    for (const std::string &input : inputs)
      made.add_input(input);
    made.add_output(output);
    return made;
  }
  static void setAxis(NodeProto &node, int64_t axis) {
    AttributeProto *attribute = node.add_attribute();
    attribute->set_name("axis");
    attribute->set_type(AttributeProto::INT);
    attribute->set_i(axis);
  }

  std::optional<std::vector<float>> floatsOf(const TensorProto &tensor, StringRef name) {
    auto payload = checkPayload(tensor, file + ": tensor " + quote(name), context, files, errors);
    if (!payload)
      return std::nullopt;
    std::string own;
    StringRef bytes = readBytes(tensor, *payload, files, own);
    std::vector<float> values(payload->elements);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char *>(values.data()));
    return values;
  }

  const Weight *quantizeWeight(const TensorProto &tensor, const Site &site) {
    auto [at, isNew] = weights.try_emplace({site.weight, site.axis});
    Weight &weight = at->second;
    if (!isNew)
      return &weight;
    std::optional<std::vector<float>> values = floatsOf(tensor, site.weight);
    if (!values)
      return nullptr;
    std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
    int64_t channels = dims[site.axis], inner = 1; // elements between a channel and the next
    for (int64_t d : ArrayRef<int64_t>(dims).drop_front(site.axis + 1))
      inner *= d;
    std::vector<float> largest(channels, 0);
    for (size_t i = 0; i < values->size(); ++i) {
      float magnitude = std::fabs((*values)[i]), &most = largest[i / inner % channels];
      if (!std::isfinite(magnitude)) {
        errors.add(ImportErrors::Bad, file + ": weight " + quote(site.weight) +
                                          " holds a number that is not finite, at element " + Twine(i) +
                                          "; keep it in floats with --keep=" + site.weight);
        return nullptr;
      }
      most = std::max(most, magnitude);
    }
    for (float most : largest) {
      float scale = most / 127;
      weight.scales.push_back(std::isnormal(scale) ? scale : 1.0f);
    }
    std::vector<int8_t> numbers(values->size());
    for (size_t i = 0; i < values->size(); ++i)
      numbers[i] =
          int8_t(std::clamp(std::nearbyint((*values)[i] / weight.scales[i / inner % channels]), -127.0f, 127.0f));
    TensorProto &quantized = store(site.weight + "_quantized", TensorProto::INT8, dims);
    fill(quantized, numbers);
    std::string integers = quantized.name();
    TensorProto &scales = store(site.weight + "_scale", TensorProto::FLOAT, {channels});
    fill(scales, weight.scales);
    std::string scale = scales.name();
    TensorProto &zeros = store(site.weight + "_zero_point", TensorProto::INT8, {channels});
    fill(zeros, std::vector<int8_t>(channels, 0));
    weight.name = names.fresh(site.weight + "_dequantized");
    weightNodes.push_back(node("DequantizeLinear", weight.name, {integers, scale, zeros.name()}));
    setAxis(weightNodes.back(), site.axis);
    summary.bytesBefore += 4 * values->size();
    summary.bytesAfter += numbers.size() + 5 * channels;
    return &weight;
  }

  /// int32 numbers of the scale that the products have; nothing where they do not fit.
  std::string quantizeBias(const TensorProto &tensor, const Site &site, const Weight &weight) {
    std::optional<std::vector<float>> values = floatsOf(tensor, site.bias);
    if (!values)
      return {};
    double input = scaleOfValue(site.activation).scale;
    std::vector<int32_t> numbers;
    std::vector<float> scales;
    for (auto [value, scale] : llvm::zip(*values, weight.scales)) {
      float product = float(input * scale);
      double q = std::nearbyint(double(value) / product);
      if (!std::isnormal(product) || !(std::fabs(q) < 2147483647.0))
        return {}; // stays a float
      numbers.push_back(int32_t(q));
      scales.push_back(product);
    }
    int64_t n = numbers.size();
    TensorProto &quantized = store(site.bias + "_quantized", TensorProto::INT32, {n});
    fill(quantized, numbers);
    std::string integers = quantized.name();
    TensorProto &scale = store(site.bias + "_scale", TensorProto::FLOAT, {n});
    fill(scale, scales);
    std::string name = names.fresh(site.bias + "_dequantized");
    weightNodes.push_back(node("DequantizeLinear", name, {integers, scale.name()}));
    setAxis(weightNodes.back(), 0);
    return name;
  }

  Scale scaleOfValue(const std::string &value) const {
    auto range = ranges.find(value);
    bool isUnsigned = options.activations == QuantizeOptions::Activations::UInt8;
    return range == ranges.end() ? Scale() : scaleOf(range->second.first, range->second.second, isUnsigned);
  }

  std::string quantizeActivation(const std::string &value) {
    std::string &name = activations[value];
    if (!name.empty())
      return name;
    Scale s = scaleOfValue(value);
    TensorProto &scale = store(value + "_scale", TensorProto::FLOAT, {});
    fill(scale, std::vector<float>{s.scale});
    std::string factor = scale.name();
    bool isUnsigned = options.activations == QuantizeOptions::Activations::UInt8;
    TensorProto &zero = store(value + "_zero_point", isUnsigned ? TensorProto::UINT8 : TensorProto::INT8, {});
    fill(zero, std::vector<int8_t>{int8_t(s.zero)});
    std::string offset = zero.name(), numbers = names.fresh(value + "_quantized");
    name = names.fresh(value + "_dequantized");
    *graph.add_node() = node("QuantizeLinear", numbers, {value, factor, offset});
    *graph.add_node() = node("DequantizeLinear", name, {numbers, factor, offset});
    return name;
  }

  /// Float weights that nobody reads any more, with the graph inputs of their names.
  void dropUnread() {
    llvm::StringSet<> read;
    std::function<void(const GraphProto &)> collect = [&](const GraphProto &g) {
      for (const auto &node : g.node()) {
        for (const auto &input : node.input())
          read.insert(input);
        for (const auto &attribute : node.attribute())
          if (attribute.has_g())
            collect(attribute.g());
      }
      for (const auto &output : g.output())
        read.insert(output.name());
    };
    collect(graph);
    llvm::StringSet<> dropped;
    for (const auto &[key, weight] : weights)
      if (!read.contains(key.first))
        dropped.insert(key.first);
    auto isDropped = [&](const auto &entry) { return dropped.contains(entry.name()); };
    auto erase = [](auto &list, auto predicate) {
      list.erase(std::remove_if(list.begin(), list.end(), predicate), list.end());
    };
    erase(*graph.mutable_initializer(), isDropped);
    erase(*graph.mutable_input(), isDropped);
    erase(*graph.mutable_node(), [&](const NodeProto &node) {
      return node.op_type() == "Constant" && node.output_size() == 1 && dropped.contains(node.output(0));
    });
  }

  GraphProto &graph;
  const QuantizeOptions &options;
  const ValueRanges &ranges;
  ExternalFiles &files;
  MLIRContext *context;
  StringRef file;
  ImportErrors &errors;
  QuantizeSummary &summary;
  FreshNames names;
  std::map<std::pair<std::string, int64_t>, Weight> weights;
  std::map<std::string, std::string> activations; ///< value → what nodes read instead
  std::vector<NodeProto> weightNodes;
};

} // namespace

FailureOr<std::vector<std::string>> valuesToMeasure(StringRef path, const QuantizeOptions &options, MLIRContext *,
                                                    ImportErrors &errors) {
  ModelProto model;
  if (failed(readModel(path, model, memoryLimit({}), errors)))
    return failure();
  Survey survey(model, options);
  if (survey.sites.empty()) {
    errors.add(ImportErrors::Unsupported,
               llvm::sys::path::filename(path) +
                   ": has no MatMul, Gemm, Conv or ConvTranspose with a stored float32 weight" +
                   (survey.kept ? " that is not kept" : "") + ", so there is nothing to quantize");
    return failure();
  }
  std::set<std::string> values;
  if (options.activations != QuantizeOptions::Activations::Float)
    for (const Site &site : survey.sites)
      values.insert(site.activation);
  return std::vector<std::string>(values.begin(), values.end());
}

LogicalResult writeQuantized(StringRef path, StringRef out, const QuantizeOptions &options, const ValueRanges &ranges,
                             MLIRContext *context, ImportErrors &errors, QuantizeSummary &summary) {
  std::string file = llvm::sys::path::filename(path).str();
  ModelProto model;
  if (failed(readModel(path, model, memoryLimit({}), errors)))
    return failure();
  for (const auto &import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      summary.opsetBefore = import.version();
  if (failed(raiseOpset(model, file, errors)))
    return failure();
  summary.opset = std::max<int64_t>(summary.opsetBefore, kQuantizedOpset);
  ExternalFiles files(llvm::sys::path::parent_path(path).str());
  {
    Survey survey(model, options);
    summary.kept = survey.kept;
    for (auto &[why, nodes] : survey.reasons) {
      std::string text = why.str() + ": ";
      for (const std::string &name : ArrayRef(nodes).take_front(8))
        text += (&name == nodes.data() ? "" : ", ") + quote(name);
      summary.why.push_back(text + (nodes.size() > 8 ? " and " + std::to_string(nodes.size() - 8) + " more" : ""));
    }
    Writer(model, options, ranges, files, context, file, errors, summary).run(survey);
  }
  if (!errors.empty())
    return failure();
  int code = 0;
  if (std::string wrong = writeModel(model, files, out.str(), context, code); !wrong.empty()) {
    errors.add(ImportErrors::Bad, wrong);
    errors.exitCode = code;
    return failure();
  }
  return success();
}

} // namespace mlir::llcc
