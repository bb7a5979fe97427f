// TrainingInfoProto → a recipe. The algorithm is recognised, not interpreted: so it trains under every strategy, with
// state that checkpoints know, and what cannot be recognised is refused instead of being computed slowly.
#include "frontends/onnx/TrainingInfo.h"
#include "frontends/onnx/Algorithm.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/Weights.h"
#include "frontends/onnx/Wire.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

namespace mlir::llcc {
using namespace frontend;
using ::onnx::GraphProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

namespace {

constexpr const char *kDomain = "ai.onnx.preview.training";

std::string number(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", value);
  return text;
}

const ::onnx::AttributeProto *attribute(const NodeProto &node, StringRef name) {
  for (const auto &a : node.attribute())
    if (a.name() == name)
      return &a;
  return nullptr;
}
double realOf(const NodeProto &node, StringRef name, double otherwise) {
  const auto *a = attribute(node, name);
  return a ? double(a->f()) : otherwise;
}

/// One value of a stored scalar.
std::optional<double> scalarOf(const TensorProto &t) {
  auto raw = [&](auto like) -> std::optional<double> {
    if (t.raw_data().size() != sizeof like)
      return std::nullopt;
    memcpy(&like, t.raw_data().data(), sizeof like);
    return double(like);
  };
  switch (t.data_type()) {
  case TensorProto::FLOAT:
    return t.float_data_size() == 1 ? t.float_data(0) : raw(float());
  case TensorProto::DOUBLE:
    return t.double_data_size() == 1 ? t.double_data(0) : raw(double());
  case TensorProto::INT64:
    return t.int64_data_size() == 1 ? std::optional<double>(double(t.int64_data(0))) : raw(int64_t());
  default:
    return std::nullopt;
  }
}

/// Some byte of the tensor is not zero (typed fields and raw data alike).
bool isNotZero(const TensorProto &t) {
  return llvm::any_of(t.raw_data(), [](char c) { return c; }) ||
         llvm::any_of(t.float_data(), [](float f) { return f; }) ||
         llvm::any_of(t.double_data(), [](double d) { return d; }) || !t.external_data().empty();
}

/// What one update node does with one parameter.
struct Update {
  const NodeProto *node = nullptr;
  std::string gradient, rate, count;                       ///< count is empty where it has none
  std::vector<std::pair<std::string, std::string>> states; ///< read and written values
  std::string rule;                                        ///< everything but rate and count, as --optimizer says it
};

class Reader {
public:
  Reader(const ::onnx::ModelProto &model, StringRef file, ImportErrors &errors)
      : graph(model.graph()), info(model.training_info(0)), algorithm(info.algorithm()), file(file), errors(errors) {
    for (const auto *g : {&graph, &algorithm}) {
      for (const auto &tensor : g->initializer())
        stored[tensor.name()] = &tensor;
      for (const auto &node : g->node())
        for (const auto &output : node.output())
          producer[output] = &node;
    }
    for (const auto &node : algorithm.node())
      for (const auto &output : node.output())
        ownValues.insert(output);
    for (const auto &node : algorithm.node())
      if (node.op_type() == "Constant" && node.output_size() == 1)
        if (const auto *value = attribute(node, "value"))
          stored[node.output(0)] = &value->t();
    for (const auto &pair : info.update_binding())
      bindings[pair.key()] = pair.value();
  }

  TrainingRecipe read() {
    readGradients();
    if (errors.empty())
      readUpdates();
    if (errors.empty())
      readLoss();
    return std::move(recipe);
  }

private:
  void refuse(const Twine &what) {
    errors.add(ImportErrors::Unsupported, file + ": its training algorithm " + what +
                                              "; give --loss and --optimizer, which then are used instead of it");
  }

  void readGradients() {
    for (const auto &node : algorithm.node()) {
      if (node.op_type() != "Gradient" || node.domain() != kDomain)
        continue;
      const auto *xs = attribute(node, "xs"), *y = attribute(node, "y");
      if (!xs || !y || xs->strings_size() != node.output_size()) {
        refuse("has " + nodeLabel(node) + " without the attributes xs (a name for each output) and y");
        return;
      }
      if (!recipe.lossValue.empty() && recipe.lossValue != y->s())
        refuse("differentiates two values, " + quote(recipe.lossValue) + " and " + quote(y->s()));
      recipe.lossValue = y->s();
      for (int i = 0; i < xs->strings_size(); ++i) {
        if (i >= node.input_size() || node.input(i) != xs->strings(i))
          refuse("evaluates the gradient by " + quote(xs->strings(i)) + " at another value (" + nodeLabel(node) + ")");
        gradientOf[node.output(i)] = xs->strings(i);
      }
    }
    if (recipe.lossValue.empty() && errors.empty())
      refuse("has no Gradient node, so that it says no loss");
  }

  /// The number that a name stands for, through Identity and Cast.
  std::optional<double> constantOf(std::string name) {
    for (int turns = 0; turns < 8; ++turns) {
      if (auto *tensor = stored.lookup(name))
        return bindings.count(name) ? std::nullopt : scalarOf(*tensor);
      const NodeProto *node = producer.lookup(name);
      if (!node || (node->op_type() != "Identity" && node->op_type() != "Cast") || node->input_size() != 1)
        return std::nullopt;
      name = node->input(0);
    }
    return std::nullopt;
  }

  /// How `value`, the new value of `key`, is computed; nothing where no rule that is known makes it.
  std::optional<Update> updateOf(const std::string &key, const std::string &value) {
    const NodeProto *node = producer.lookup(value);
    if (!node)
      return std::nullopt;
    Update u;
    u.node = node;
    StringRef op = node->op_type();
    if (node->domain() == kDomain && (op == "Momentum" || op == "Adagrad" || op == "Adam")) {
      int kinds = op == "Adam" ? 4 : 3, n = (node->input_size() - 2) / kinds, i = 0;
      if (node->input_size() < 2 + kinds || node->output_size() != n * (kinds - 1))
        return std::nullopt;
      while (i < n && node->output(i) != value)
        ++i;
      if (i == n || node->input(2 + i) != key)
        return std::nullopt;
      u.rate = node->input(0);
      u.count = node->input(1);
      u.gradient = node->input(2 + n + i);
      for (int k = 2; k < kinds; ++k)
        u.states.push_back({node->input(2 + k * n + i), node->output((k - 1) * n + i)});
      double decay = realOf(*node, "norm_coefficient", 0);
      if (op == "Adam") {
        u.rule = "beta1=" + number(realOf(*node, "alpha", double(0.9f))) +
                 ",beta2=" + number(realOf(*node, "beta", double(0.999f))) +
                 ",eps_hat=" + number(realOf(*node, "epsilon", double(1e-6f))) +
                 ",shrink=" + number(realOf(*node, "norm_coefficient_post", 0));
      } else if (op == "Adagrad") {
        u.rule = "eps=" + number(realOf(*node, "epsilon", double(1e-6f))) +
                 ",lr_decay=" + number(realOf(*node, "decay_factor", 0));
      } else {
        const auto *mode = attribute(*node, "mode");
        bool nesterov = mode && mode->s() == "nesterov";
        u.rule = "momentum=" + number(realOf(*node, "alpha", 0)) +
                 ",dampening=" + number(1 - realOf(*node, "beta", 1)) + ",nesterov=" + (nesterov ? "1" : "0");
      }
      u.rule = op.lower() + "|" + u.rule + ",weight_decay=" + number(decay);
      return u;
    }
    if (op != "Sub" || node->input_size() != 2 || node->input(0) != key)
      return std::nullopt;
    const NodeProto *product = producer.lookup(node->input(1));
    if (!product || product->op_type() != "Mul" || product->input_size() != 2)
      return std::nullopt;
    int which = gradientOf.count(product->input(0)) ? 0 : 1;
    u.gradient = product->input(which);
    u.rate = product->input(1 - which);
    u.rule = "sgd|";
    return u;
  }

  void readUpdates() {
    std::map<std::string, Update> updates;
    llvm::StringSet<> states;
    for (const auto &[key, value] : bindings)
      if (auto u = updateOf(key, value); u && gradientOf.count(u->gradient) && gradientOf.lookup(u->gradient) == key) {
        for (const auto &[before, after] : u->states) {
          states.insert(before);
          auto bound = bindings.find(before);
          if (bound == bindings.end() || bound->second != after)
            refuse("does not keep the state " + quote(before) + " of " + quote(key));
          if (auto *tensor = stored.lookup(before); tensor && isNotZero(*tensor))
            recipe.warnings.push_back(
                (file + ": the optimizer's state " + quote(before) + " begins with zeros, not with the file's values")
                    .str());
        }
        updates[key] = *u;
      }
    if (updates.empty())
      return refuse(
          "updates no initializer by its gradient in a way that is known (Momentum, Adagrad, Adam, X - R * G)");
    const Update &first = updates.begin()->second;
    for (const auto &[key, u] : updates) {
      recipe.trained.push_back(key);
      if (u.rule != first.rule || u.rate != first.rate || u.count != first.count)
        refuse("updates " + quote(key) + " by another rule, rate or count than " + quote(recipe.trained.front()));
    }
    std::optional<double> rate = constantOf(first.rate);
    if (!rate)
      refuse("computes its rate " + quote(first.rate) + ", which must be a stored number");
    auto [kind, rule] = StringRef(first.rule).split('|');
    recipe.optimizer = kind.str() + ",lr=" + number(rate.value_or(0)) + (rule.empty() ? "" : "," + rule.str());
    if (!first.count.empty())
      readCount(first.count);
    for (const auto &[key, value] : bindings) {
      const NodeProto *node = producer.lookup(value);
      bool statistic = node && node->op_type() == "BatchNormalization"; // the graph's own, written back anyway
      if (node && (node->op_type() == "Transpose" || node->op_type() == "Identity") && node->input_size() == 1) {
        // A copy of a parameter: the two are tied.
        auto original = llvm::find_if(bindings, [&](auto &entry) { return entry.second == node->input(0); });
        if (original != bindings.end() && updates.count(original->first)) {
          recipe.ties.push_back({original->first, key});
          continue;
        }
      }
      if (!updates.count(key) && !states.contains(key) && key != first.count && !statistic)
        refuse("changes " + quote(key) + " in a way that is not known");
    }
  }

  /// T: a stored number that grows by one each step.
  void readCount(const std::string &name) {
    auto bound = bindings.find(name);
    auto *tensor = stored.lookup(name);
    std::optional<double> begin = tensor ? scalarOf(*tensor) : std::nullopt;
    const NodeProto *node = bound == bindings.end() ? nullptr : producer.lookup(bound->second);
    bool grows = node && node->op_type() == "Add" && node->input_size() == 2 &&
                 ((node->input(0) == name && constantOf(node->input(1)) == 1.0) ||
                  (node->input(1) == name && constantOf(node->input(0)) == 1.0));
    if (!begin || !grows)
      return refuse("counts its steps in " + quote(name) + ", which must be a stored number that grows by 1");
    recipe.optimizer += ",count=" + number(*begin);
  }

  bool isGraphOutput(const std::string &name) const {
    return llvm::any_of(graph.output(), [&](const auto &o) { return o.name() == name; });
  }
  bool isAlgorithmInput(const std::string &name) const {
    return llvm::any_of(algorithm.input(), [&](const auto &i) { return i.name() == name; });
  }
  int rankOf(const std::string &name) const {
    for (const auto &o : graph.output())
      if (o.name() == name && o.type().tensor_type().has_shape())
        return o.type().tensor_type().shape().dim_size();
    return -1;
  }

  /// Losses that have a name here are told by it, so that evaluation knows them too and serving needs no labels.
  bool readNamedLoss(const NodeProto &node) {
    auto take = [&](const char *name, const std::string &output, const std::string &label) {
      if (!isGraphOutput(output) || !isAlgorithmInput(label))
        return false;
      recipe.loss = name;
      recipe.output = output;
      recipe.label = label;
      return true;
    };
    StringRef op = node.op_type();
    const auto *reduction = attribute(node, "reduction");
    std::string scores = node.input_size() ? node.input(0) : "";
    bool turned = false, softmax = false; // [N, T, C] as [N, C, T]; the logarithm of a softmax
    if (const NodeProto *before = producer.lookup(scores);
        before && before->op_type() == "Transpose" && before->input_size() == 1)
      if (const auto *perm = attribute(*before, "perm");
          perm && llvm::equal(perm->ints(), std::initializer_list<int64_t>{0, 2, 1})) {
        turned = true;
        scores = before->input(0);
      }
    if (const NodeProto *before = producer.lookup(scores);
        before && before->op_type() == "Log" && before->input_size() == 1)
      if (const NodeProto *end = producer.lookup(before->input(0)); end && end->op_type() == "Softmax") {
        softmax = true;
        scores = before->input(0);
      }
    if (op == "SoftmaxCrossEntropyLoss" || op == "NegativeLogLikelihoodLoss") {
      bool weighted = node.input_size() > 2 && !node.input(2).empty();
      // Of three dimensions llcc's classes are the last ones, ONNX's the second.
      if (weighted || node.input_size() < 2 || (reduction && reduction->s() != "mean") || rankOf(scores) < 2 ||
          turned != (rankOf(scores) == 3) || (softmax && op == "SoftmaxCrossEntropyLoss"))
        return false;
      if (!take(op == "SoftmaxCrossEntropyLoss" || softmax ? "cross_entropy" : "nll", scores, node.input(1)))
        return false;
      if (const auto *ignore = attribute(node, "ignore_index"))
        recipe.ignoreIndex = ignore->i();
      return true;
    }
    if (op != "ReduceMean" || attribute(node, "axes") || node.input_size() != 1)
      return false;
    const NodeProto *square = producer.lookup(node.input(0));
    if (!square || square->input_size() < 1)
      return false;
    bool isSquare = (square->op_type() == "Mul" && square->input_size() == 2 && square->input(0) == square->input(1)) ||
                    (square->op_type() == "Pow" && square->input_size() == 2 && constantOf(square->input(1)) == 2.0);
    if (!isSquare && square->op_type() != "Abs")
      return false;
    const NodeProto *difference = producer.lookup(square->input(0));
    if (!difference || difference->op_type() != "Sub" || difference->input_size() != 2)
      return false;
    const char *name = isSquare ? "mse" : "l1";
    return take(name, difference->input(0), difference->input(1)) ||
           take(name, difference->input(1), difference->input(0));
  }

  void readLoss() {
    recipe.inAlgorithm = ownValues.contains(recipe.lossValue);
    const NodeProto *node = producer.lookup(recipe.lossValue);
    if (!node)
      return refuse("differentiates " + quote(recipe.lossValue) + ", which no node computes");
    if (recipe.inAlgorithm && readNamedLoss(*node)) {
      recipe.inAlgorithm = false;
      return;
    }
    recipe.loss = "output";
    if (!recipe.inAlgorithm && !isGraphOutput(recipe.lossValue))
      return refuse("differentiates " + quote(recipe.lossValue) + ", which is inside of the graph; make it an output");
    recipe.output = recipe.lossValue;
  }

  const GraphProto &graph;
  const ::onnx::TrainingInfoProto &info;
  const GraphProto &algorithm;
  StringRef file;
  ImportErrors &errors;
  TrainingRecipe recipe;
  llvm::StringMap<const TensorProto *> stored;
  llvm::StringMap<const NodeProto *> producer;
  llvm::StringSet<> ownValues;
  llvm::StringMap<std::string> gradientOf;
  std::map<std::string, std::string> bindings;
};

} // namespace

/// Looks at the fields of the model alone: most files have no such part, and need not be read a second time.
static bool hasTrainingInfo(StringRef path) {
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(path, status) || status.type() != llvm::sys::fs::file_type::regular_file)
    return false;
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return false;
  WireReader reader((*buffer)->getBuffer());
  for (WireField field; reader.next(field);)
    if (field.number == 20 && field.type == WireField::Bytes) // ModelProto.training_info
      return true;
  return false;
}

FailureOr<std::optional<TrainingRecipe>> readTrainingInfo(StringRef path, uint64_t maxMemory, ImportErrors &errors) {
  ::onnx::ModelProto model;
  std::string file = llvm::sys::path::filename(path).str();
  ImportOptions limits;
  limits.maxMemory = maxMemory;
  ImportErrors unread; // said by the import
  if (!hasTrainingInfo(path) || failed(readModel(path, model, memoryLimit(limits), unread)) ||
      model.training_info_size() == 0)
    return std::optional<TrainingRecipe>();
  TrainingRecipe recipe = Reader(model, file, errors).read();
  if (!errors.empty())
    return failure();
  const auto &info = model.training_info(0);
  if (model.training_info_size() > 1)
    recipe.warnings.push_back(file + ": has " + std::to_string(model.training_info_size()) +
                              " training algorithms, the first one is used");
  if (info.initialization().node_size() && info.initialization_binding_size()) {
    ::onnx::ModelProto first;
    first.set_ir_version(model.ir_version());
    *first.mutable_opset_import() = model.opset_import();
    *first.mutable_functions() = model.functions();
    *first.mutable_graph() = info.initialization();
    first.mutable_graph()->set_name("initialization");
    recipe.initialization = serializeModel(first);
    for (const auto &pair : info.initialization_binding())
      recipe.initial[pair.key()] = pair.value();
  }
  return std::optional<TrainingRecipe>(std::move(recipe));
}

} // namespace mlir::llcc
