// A training as nodes. What comes out is what frontends/onnx/TrainingInfo reads back.
#include "frontends/onnx/export/WriteTrainingInfo.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/Weights.h"
#include "frontends/onnx/export/Names.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::llcc {
using namespace frontend;
using ::onnx::AttributeProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

namespace {

constexpr const char *kDomain = "ai.onnx.preview.training";

class AlgorithmWriter {
public:
  AlgorithmWriter(::onnx::ModelProto &model, const TrainingDescription &training, StringRef file, ImportErrors &errors)
      : model(model), graph(model.graph()), training(training), file(file), errors(errors), names(model),
        info(*model.add_training_info()), algorithm(*info.mutable_algorithm()) {
    algorithm.set_name("training");
  }

  void run() {
    for (const auto &output : graph.output())
      if (!output_ && (training.output.empty() || output.name() == training.output))
        output_ = &output;
    if (!output_)
      return refuse("has no output " + quote(training.output));
    std::string loss = writeLoss();
    if (loss.empty())
      return;
    writeGradients(loss);
    writeUpdates();
    auto *result = algorithm.add_output();
    result->set_name(loss);
    result->mutable_type()->mutable_tensor_type()->set_elem_type(elementType());
    result->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (auto &import : *model.mutable_opset_import())
      if (import.domain() == kDomain)
        return;
    auto *import = model.add_opset_import();
    import->set_domain(kDomain);
    import->set_version(1);
  }

private:
  void refuse(const Twine &what) { errors.add(ImportErrors::Unsupported, file + ": --training-info: " + what); }

  int32_t elementType() const { return output_->type().tensor_type().elem_type(); }
  int rank() const {
    return output_->type().tensor_type().has_shape() ? output_->type().tensor_type().shape().dim_size() : -1;
  }

  NodeProto &node(const char *op, ArrayRef<std::string> inputs, ArrayRef<std::string> outputs,
                  const char *domain = "") {
    NodeProto &made = *algorithm.add_node();
    made.set_op_type(op);
    made.set_domain(domain);
    made.set_name(names.fresh(std::string("training/") + op));
    for (const std::string &input : inputs)
      made.add_input(input);
    for (const std::string &output : outputs)
      made.add_output(output);
    return made;
  }
  std::string value(const char *op, ArrayRef<std::string> inputs) {
    std::string name = names.fresh(std::string("training/") + op + "_output");
    node(op, inputs, {name});
    return name;
  }
  static AttributeProto &attribute(NodeProto &node, StringRef name, AttributeProto::AttributeType type) {
    AttributeProto &made = *node.add_attribute();
    made.set_name(name.str());
    made.set_type(type);
    return made;
  }
  static void setInt(NodeProto &node, StringRef name, int64_t value) {
    attribute(node, name, AttributeProto::INT).set_i(value);
  }
  static void setReal(NodeProto &node, StringRef name, double value) {
    attribute(node, name, AttributeProto::FLOAT).set_f(float(value));
  }
  std::string scalar(StringRef name, TensorProto::DataType type, double number) {
    TensorProto &tensor = *algorithm.add_initializer();
    tensor.set_name(names.fresh(name.str()));
    tensor.set_data_type(type);
    if (type == TensorProto::INT64)
      tensor.add_int64_data(int64_t(number));
    else if (type == TensorProto::DOUBLE)
      tensor.add_double_data(number);
    else
      tensor.add_float_data(float(number));
    return tensor.name();
  }
  void bind(const std::string &key, const std::string &now) {
    auto *pair = info.add_update_binding();
    pair->set_key(key);
    pair->set_value(now);
  }

  /// The label as an input of the algorithm: classes without the output's class dimension, or the output's shape.
  void addLabel(bool classes) {
    auto *input = algorithm.add_input();
    input->set_name(training.label);
    auto *type = input->mutable_type()->mutable_tensor_type();
    type->set_elem_type(classes ? int32_t(TensorProto::INT64) : elementType());
    auto *shape = type->mutable_shape();
    *shape = output_->type().tensor_type().shape();
    if (classes && shape->dim_size() > 1)
      shape->mutable_dim()->DeleteSubrange(shape->dim_size() == 3 ? 2 : 1, 1);
  }

  std::string writeLoss() {
    const std::string &x = output_->name(), &z = training.label, &kind = training.loss;
    if (kind == "output")
      return x;
    auto mean = [&](const std::string &of) {
      std::string name = names.fresh("loss");
      setInt(node("ReduceMean", {of}, {name}), "keepdims", 0);
      return name;
    };
    bool classes = kind == "cross_entropy" || kind == "nll";
    if (!z.empty())
      for (const auto &input : graph.input())
        if (input.name() == z) {
          refuse("the label " + quote(z) + " is also an input of the graph; give the label another name with --label");
          return {};
        }
    addLabel(classes);
    if (classes) {
      std::string scores = training.fromProbabilities ? value("Log", {x}) : x;
      if (rank() == 3) { // ONNX's classes are dimension 1
        std::string turned = names.fresh("training/Transpose_output");
        auto &perm = attribute(node("Transpose", {scores}, {turned}), "perm", AttributeProto::INTS);
        for (int64_t d : {0, 2, 1})
          perm.add_ints(d);
        scores = turned;
      }
      std::string name = names.fresh("loss");
      bool logits = kind == "cross_entropy" && !training.fromProbabilities;
      NodeProto &made = node(logits ? "SoftmaxCrossEntropyLoss" : "NegativeLogLikelihoodLoss", {scores, z}, {name});
      auto &reduction = attribute(made, "reduction", AttributeProto::STRING);
      reduction.set_s("mean");
      setInt(made, "ignore_index", training.ignoreIndex);
      return name;
    }
    if (kind == "mse") {
      std::string difference = value("Sub", {x, z});
      return mean(value("Mul", {difference, difference}));
    }
    if (kind == "l1")
      return mean(value("Abs", {value("Sub", {x, z})}));
    if (kind == "bce_logits")
      return mean(value("Sub", {value("Softplus", {x}), value("Mul", {x, z})}));
    if (kind == "bce") {
      std::string one = scalar("training/one", TensorProto::DataType(elementType()), 1);
      std::string hit = value("Mul", {z, value("Log", {x})});
      std::string miss = value("Mul", {value("Sub", {one, z}), value("Log", {value("Sub", {one, x})})});
      return mean(value("Neg", {value("Add", {hit, miss})}));
    }
    refuse("has no words for the loss " + quote(kind));
    return {};
  }

  void writeGradients(const std::string &loss) {
    std::vector<std::string> inputs = training.trained, outputs, others;
    for (const std::string &name : training.trained) {
      gradients.push_back(names.fresh(name + "_gradient"));
      outputs.push_back(gradients.back());
    }
    llvm::StringMap<bool> stored;
    for (const auto &tensor : graph.initializer())
      stored[tensor.name()] = true;
    for (const auto &input : graph.input())
      if (!stored.count(input.name()))
        others.push_back(input.name());
    for (const auto &input : algorithm.input())
      others.push_back(input.name());
    inputs.insert(inputs.end(), others.begin(), others.end());
    NodeProto &made = node("Gradient", inputs, outputs, kDomain);
    AttributeProto &xs = attribute(made, "xs", AttributeProto::STRINGS);
    for (const std::string &name : training.trained)
      xs.add_strings(name);
    AttributeProto &zs = attribute(made, "zs", AttributeProto::STRINGS);
    for (const std::string &name : others)
      zs.add_strings(name);
    attribute(made, "y", AttributeProto::STRING).set_s(loss);
  }

  double hyper(const char *name, double otherwise = 0) const {
    auto found = training.hyper.find(name);
    return found == training.hyper.end() ? otherwise : found->second;
  }

  /// A state for each trained parameter, of its type and shape, zero.
  std::vector<std::string> states(const char *kind) {
    std::vector<std::string> list;
    for (const std::string &name : training.trained)
      for (const auto &tensor : graph.initializer()) {
        if (tensor.name() != name)
          continue;
        TensorProto &state = *algorithm.add_initializer();
        state.set_name(names.fresh(name + "_" + kind));
        state.set_data_type(tensor.data_type());
        *state.mutable_dims() = tensor.dims();
        size_t bytes = tensor.data_type() == TensorProto::DOUBLE ? 8 : 4;
        for (int64_t n : tensor.dims())
          bytes *= size_t(n);
        state.set_raw_data(std::string(bytes, '\0'));
        list.push_back(state.name());
        break;
      }
    return list;
  }

  void writeUpdates() {
    auto type = TensorProto::DataType(elementType() == TensorProto::DOUBLE ? TensorProto::DOUBLE : TensorProto::FLOAT);
    std::string rate = scalar("learning_rate", type, training.lr);
    std::vector<std::string> results;
    for (const std::string &name : training.trained)
      results.push_back(names.fresh(name + "_new"));
    const std::string &kind = training.optimizer;
    double decay = hyper("weight_decay");
    if (kind == "sgd" && decay == 0) {
      for (auto [i, name] : llvm::enumerate(training.trained))
        node("Sub", {name, value("Mul", {rate, gradients[i]})}, {results[i]});
      return bindParameters(results);
    }
    bool adam = kind == "adam" || kind == "adamw";
    // Adam's corrections begin with the first step, so T is 1 there.
    std::string count = scalar("step", TensorProto::INT64, hyper("count", adam ? 1 : 0)),
                next = names.fresh("step_new");
    node("Add", {count, scalar("training/one", TensorProto::INT64, 1)}, {next});
    bind(count, next);
    std::vector<std::vector<std::string>> before;
    for (const char *state : adam ? std::vector<const char *>{"m", "v"}
                                  : std::vector<const char *>{kind == "adagrad" ? "squares" : "velocity"})
      before.push_back(states(state));
    std::vector<std::string> inputs = {rate, count}, outputs = results;
    inputs.insert(inputs.end(), training.trained.begin(), training.trained.end());
    inputs.insert(inputs.end(), gradients.begin(), gradients.end());
    for (const auto &list : before)
      for (const std::string &state : list) {
        inputs.push_back(state);
        outputs.push_back(names.fresh(state + "_new"));
        bind(state, outputs.back());
      }
    NodeProto &made = node(adam ? "Adam" : kind == "adagrad" ? "Adagrad" : "Momentum", inputs, outputs, kDomain);
    setReal(made, "norm_coefficient", kind == "adamw" ? 0 : decay);
    if (adam) {
      setReal(made, "alpha", hyper("beta1"));
      setReal(made, "beta", hyper("beta2"));
      setReal(made, "epsilon", hyper("epsilon_hat", hyper("epsilon")));
      setReal(made, "norm_coefficient_post", kind == "adamw" ? training.lr * decay : hyper("shrink"));
    } else if (kind == "adagrad") {
      setReal(made, "epsilon", hyper("epsilon"));
      setReal(made, "decay_factor", hyper("decay"));
    } else {
      setReal(made, "alpha", hyper("momentum"));
      setReal(made, "beta", 1 - hyper("dampening"));
      attribute(made, "mode", AttributeProto::STRING).set_s(hyper("nesterov") != 0 ? "nesterov" : "standard");
    }
    bindParameters(results);
  }

  void bindParameters(ArrayRef<std::string> results) {
    for (auto [name, result] : llvm::zip(training.trained, results))
      bind(name, result);
    bindCopies(results);
  }

  /// Two-dimensional: rows and columns exchanged.
  static std::string transposed(const TensorProto &t) {
    size_t rows = size_t(t.dims(0)), columns = size_t(t.dims(1)), width = t.raw_data().size() / (rows * columns);
    std::string turned(t.raw_data().size(), '\0');
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j)
        memcpy(&turned[(j * rows + i) * width], &t.raw_data()[(i * columns + j) * width], width);
    return turned;
  }

  /// Copies that the exporter made of a trained initializer follow it. They were written with the same numbers.
  void bindCopies(ArrayRef<std::string> results) {
    size_t found = 0;
    llvm::StringMap<const TensorProto *> stored;
    for (const auto &tensor : graph.initializer())
      stored[tensor.name()] = &tensor;
    for (const auto &tensor : graph.initializer()) {
      if (!training.copies || llvm::is_contained(training.trained, tensor.name()) || tensor.raw_data().empty())
        continue;
      for (auto [name, result] : llvm::zip(training.trained, results)) {
        const TensorProto *own = stored.lookup(name);
        if (!own || own->data_type() != tensor.data_type() || own->raw_data().size() != tensor.raw_data().size())
          continue;
        bool equal = llvm::equal(own->dims(), tensor.dims()) && own->raw_data() == tensor.raw_data();
        bool turned = !equal && own->dims_size() == 2 && tensor.dims_size() == 2 && own->dims(0) == tensor.dims(1) &&
                      own->dims(1) == tensor.dims(0) && transposed(*own) == tensor.raw_data();
        if (!equal && !turned)
          continue;
        bind(tensor.name(), value(turned ? "Transpose" : "Identity", {result}));
        ++found;
        break;
      }
    }
    if (found != training.copies)
      refuse("the model holds " + Twine(training.copies) + " copies of trained initializers, of which " + Twine(found) +
             " were found; --untie them, or store the weights inside of the model");
  }

  ::onnx::ModelProto &model;
  const ::onnx::GraphProto &graph;
  const TrainingDescription &training;
  StringRef file;
  ImportErrors &errors;
  FreshNames names;
  ::onnx::TrainingInfoProto &info;
  ::onnx::GraphProto &algorithm;
  const ::onnx::ValueInfoProto *output_ = nullptr;
  std::vector<std::string> gradients;
};

} // namespace

LogicalResult writeTrainingInfo(StringRef path, const TrainingDescription &training, ImportErrors &errors) {
  ::onnx::ModelProto model;
  std::string file = llvm::sys::path::filename(path).str();
  if (failed(readModel(path, model, memoryLimit({}), errors)))
    return failure();
  int64_t opset = 0;
  for (const auto &import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      opset = import.version();
  bool classes = training.loss == "cross_entropy" || training.loss == "nll";
  if (classes && opset < 12) {
    errors.add(ImportErrors::Unsupported, file + ": --training-info: the loss " + quote(training.loss) +
                                              " is an operator from opset 12 on, the model has opset " + Twine(opset));
    return failure();
  }
  model.clear_training_info();
  AlgorithmWriter(model, training, file, errors).run();
  if (!errors.empty())
    return failure();
  model.set_ir_version(std::max<int64_t>(model.ir_version(), 7)); // the first with training information
  std::string bytes = serializeModel(model), temporary = (path + ".training").str();
  std::error_code code;
  {
    llvm::raw_fd_ostream out(temporary, code);
    out << bytes;
    out.close();
    code = code ? code : out.error();
    out.clear_error();
  }
  if (!code)
    code = llvm::sys::fs::rename(temporary, path);
  if (!code)
    return success();
  (void)llvm::sys::fs::remove(temporary);
  errors.add(ImportErrors::Bad, path + ": cannot write: " + code.message());
  errors.exitCode = 73;
  return failure();
}

} // namespace mlir::llcc
