// test-compare-artifacts ONE.llx MANY.llx TOLERANCE: trains both from the same weights on the same batches through the
// C interface, and compares losses, gradients, weights and states of each step, and the outputs of inference.
#include "runtime/llcc_rt.h"
#include "runtime/plan/Artifact.h"
#include "test/runtime/Check.h"
#include <cstdlib>
#include <cstring>

using namespace llcc::rt;

static double number(uint64_t i) { return double((i * 2654435761u + 12345) % 10007) / 5003.5 - 1; }

/// Elements as doubles, for comparison.
static std::vector<double> doubles(const std::string &bytes, DType type) {
  std::vector<double> values;
  for (size_t i = 0; i < bytes.size() / sizeOf(type); ++i) {
    float narrow = 0;
    double wide = 0;
    if (type == DType::F32)
      std::memcpy(&narrow, &bytes[i * 4], 4), wide = double(narrow);
    else if (type == DType::F64)
      std::memcpy(&wide, &bytes[i * 8], 8);
    values.push_back(wide);
  }
  return values;
}

static std::string filled(const Shape &shape, uint64_t salt, int64_t classes, double scale) {
  std::string bytes(shape.bytes(), 0);
  for (uint64_t i = 0; i < shape.elements(); ++i) {
    double value = number(i + salt * 7919) * scale;
    float narrow = float(value);
    int64_t whole = classes > 0 ? int64_t((i * 31 + salt) % uint64_t(classes)) : 0;
    switch (shape.type) {
    case DType::F32:
      std::memcpy(&bytes[i * 4], &narrow, 4);
      break;
    case DType::F64:
      std::memcpy(&bytes[i * 8], &value, 8);
      break;
    default: // little-endian: the low bytes come first
      std::memcpy(&bytes[i * sizeOf(shape.type)], &whole, sizeOf(shape.type));
    }
  }
  return bytes;
}

struct Runner {
  Artifact artifact;
  Plan plan;
  llcc_rt_module *module = nullptr;
  llcc_rt_session *session = nullptr;
  std::vector<std::string> values; ///< of the batch

  explicit Runner(const char *path) {
    std::string error = artifact.open(path);
    if (error.empty())
      error = parse(artifact.section("plan").data(), artifact.section("plan").size(), plan);
    llcc_rt_options options{sizeof options, 2, 0, 20000, nullptr};
    if (error.empty() && (llcc_rt_module_load(path, &module) || llcc_rt_session_create(module, &options, &session)))
      error = llcc_rt_last_error();
    if (!error.empty()) {
      std::printf("%s\n", error.c_str());
      std::exit(65);
    }
    for (size_t v = 0; v < plan.variables.size(); ++v)
      if (plan.variables[v].role == Variable::Role::Param) {
        std::string bytes = filled(plan.variables[v].shape, v + 1, -1, 0.3);
        need(llcc_rt_set(session, plan.variables[v].name.c_str(), bytes.data(), bytes.size()));
      }
  }
  ~Runner() {
    llcc_rt_session_free(session);
    llcc_rt_module_free(module);
  }
  static void need(int code) { CHECK(code == 0, "%s", llcc_rt_last_error()); }

  std::vector<llcc_rt_tensor> batch(uint64_t salt, std::vector<std::vector<int64_t>> &dims) {
    std::vector<llcc_rt_tensor> tensors;
    values.clear();
    values.reserve(plan.inputs.size());
    dims.reserve(plan.inputs.size());
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      Shape shape = plan.inputs[i].shape;
      if (plan.inputs[i].batched)
        shape.dims[0] = plan.batch;
      values.push_back(filled(shape, salt + i, plan.inputs[i].classes, 1));
      dims.push_back(shape.dims);
      tensors.push_back({plan.inputs[i].name.c_str(), static_cast<llcc_rt_dtype>(shape.type),
                         uint32_t(shape.dims.size()), dims.back().data(), values.back().data(), values.back().size()});
    }
    return tensors;
  }
  bool hasGradient(const std::string &name) const {
    for (const Program &program : plan.programs)
      for (const Instr &instr : program.instrs)
        if (instr.op == Op::Capture && instr.ints[0] == 1 && instr.name == name)
          return true;
    return false;
  }
  /// Loss, and by name gradients, weights and states after the step.
  double train(uint64_t salt, std::vector<std::pair<std::string, std::vector<double>>> &found) {
    std::vector<std::vector<int64_t>> dims;
    std::vector<llcc_rt_tensor> inputs = batch(salt, dims), gradients;
    std::vector<std::string> bytes(plan.variables.size());
    for (size_t v = 0; v < plan.variables.size(); ++v)
      if (hasGradient(plan.variables[v].name)) {
        bytes[v].assign(plan.variables[v].shape.bytes(), 0);
        gradients.push_back(
            {plan.variables[v].name.c_str(), LLCC_RT_F32, 0, nullptr, bytes[v].data(), bytes[v].size()});
      }
    llcc_rt_step_result result{sizeof result, 0, 0, 0, 0};
    need(llcc_rt_train_step_gradients(session, inputs.data(), inputs.size(), 0.05, &result, gradients.data(),
                                      gradients.size()));
    for (size_t v = 0; v < plan.variables.size(); ++v) {
      const Variable &variable = plan.variables[v];
      if (!bytes[v].empty())
        found.emplace_back("gradient of " + variable.name, doubles(bytes[v], variable.shape.type));
      std::string value(variable.shape.bytes(), 0);
      need(llcc_rt_get(session, variable.name.c_str(), value.data(), value.size()));
      found.emplace_back(variable.name, doubles(value, variable.shape.type));
    }
    if (!std::isnan(result.grad_norm))
      found.emplace_back("gradient norm", std::vector<double>{result.grad_norm});
    return result.loss;
  }
  void infer(std::vector<std::pair<std::string, std::vector<double>>> &found) {
    if (!plan.inferProgram())
      return;
    std::vector<std::vector<int64_t>> dims;
    std::vector<llcc_rt_tensor> inputs = batch(99, dims);
    const Output &output = plan.outputs[0];
    std::string bytes(output.shape.bytes(), 0);
    llcc_rt_tensor out{output.name.c_str(), LLCC_RT_F32, 0, nullptr, bytes.data(), bytes.size()};
    int64_t rows = 0;
    for (const Buffer &buffer : plan.inferProgram()->buffers)
      if (buffer.space == Buffer::Space::Input && plan.inputs[buffer.index].batched)
        rows = buffer.shape.dims[0];
    for (size_t i = 0; i < inputs.size(); ++i)
      if (plan.inputs[i].batched) {
        inputs[i].bytes = inputs[i].bytes / size_t(plan.batch) * size_t(rows);
        dims[i][0] = rows;
      }
    need(llcc_rt_infer(session, inputs.data(), inputs.size(), rows, &out, 1));
    found.emplace_back(output.name, doubles(bytes, output.shape.type));
  }
};

int main(int argc, char **argv) {
  if (argc != 4)
    return 64;
  double tolerance = std::atof(argv[3]), most = 0;
  Runner one(argv[1]), many(argv[2]);
  auto compare = [&](const char *when, const std::vector<std::pair<std::string, std::vector<double>>> &a,
                     const std::vector<std::pair<std::string, std::vector<double>>> &b) {
    for (const auto &[name, values] : a)
      for (const auto &[other, found] : b)
        if (name == other) {
          double scale = 1e-3, difference = values.size() == found.size() ? 0 : INFINITY;
          for (size_t i = 0; i < values.size() && i < found.size(); ++i) {
            scale = std::fmax(scale, std::fabs(values[i]));
            difference = std::fmax(difference, std::isfinite(found[i]) ? std::fabs(values[i] - found[i]) : INFINITY);
          }
          most = std::fmax(most, difference / scale);
          CHECK(difference <= tolerance * scale, "%s: %s differs by %g of %g", when, name.c_str(), difference, scale);
        }
  };
  for (int step = 1; step <= 3; ++step) {
    std::vector<std::pair<std::string, std::vector<double>>> a, b;
    double first = one.train(uint64_t(step), a), second = many.train(uint64_t(step), b);
    CHECK(std::isfinite(first) && std::fabs(first - second) <= tolerance * std::fabs(first), "step %d: loss %.9g, %.9g",
          step, first, second);
    std::string when = "step " + std::to_string(step);
    CHECK(a.size() == b.size(), "%zu and %zu values", a.size(), b.size());
    compare(when.c_str(), a, b);
  }
  std::vector<std::pair<std::string, std::vector<double>>> a, b;
  one.infer(a);
  many.infer(b);
  compare("inference", a, b);
  std::printf("%u devices agree, max relative difference %s\n", many.plan.devices(),
              most == 0          ? "0"
              : most < tolerance ? "small"
                                 : "large");
  return failures ? 1 : 0;
}
