// Sessions through the C interface: hand-written plans train, infer, save, stop and fail as promised.
#include "runtime/llcc_rt.h"
#include "test/runtime/Check.h"
#include "test/runtime/Regression.h"
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

using namespace llcc::rt;

static std::string folder;

static std::string read(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

static std::string write(const Plan &plan, const Sizes &s) {
  std::vector<std::string> violations = verify(plan);
  for (const std::string &violation : violations)
    CHECK(false, "plan is unsound: %s", violation.c_str());
  std::string path = folder + "/regression.llx";
  std::string error = writeArtifact(
      path, {{"plan", serialize(plan)}, {"code.cpu", read(folder + "/kernels.so")}, {"model.onnx", modelBytes(s)}});
  CHECK(error.empty(), "%s", error.c_str());
  return path;
}

struct Run {
  llcc_rt_module *module = nullptr;
  llcc_rt_session *session = nullptr;
  explicit Run(const std::string &path, uint32_t timeout = 0, uint64_t limit = 0) {
    code = llcc_rt_module_load(path.c_str(), &module);
    llcc_rt_options options{sizeof options, 2, limit, timeout, nullptr};
    if (!code)
      code = llcc_rt_session_create(module, &options, &session);
    error = code ? llcc_rt_last_error() : "";
  }
  ~Run() {
    llcc_rt_session_free(session);
    llcc_rt_module_free(module);
  }
  int code;
  std::string error;
};

/// One batch, and what plain loops in double make of it.
struct Data {
  Sizes s;
  std::vector<float> x, t;
  std::vector<double> w, gradient;
  double loss = 0;
  explicit Data(const Sizes &s) : s(s), x(size_t(s.batch * s.features)), t(size_t(s.batch * s.targets)) {
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float((i * 7 + 3) % 11) / 8 - 0.5f;
    for (size_t i = 0; i < t.size(); ++i)
      t[i] = float((i * 5 + 1) % 13) / 4;
    for (int64_t i = 0; i < s.features * s.targets; ++i)
      w.push_back(double(float(i + 1) / 10));
  }
  std::vector<double> forward() const {
    std::vector<double> y(t.size(), 0);
    for (int64_t i = 0; i < s.batch; ++i)
      for (int64_t j = 0; j < s.targets; ++j)
        for (int64_t k = 0; k < s.features; ++k)
          y[size_t(i * s.targets + j)] += double(x[size_t(i * s.features + k)]) * w[size_t(k * s.targets + j)];
    return y;
  }
  void step(double lr) {
    std::vector<double> y = forward();
    loss = 0;
    gradient.assign(w.size(), 0);
    for (int64_t i = 0; i < s.batch; ++i)
      for (int64_t j = 0; j < s.targets; ++j) {
        double e = y[size_t(i * s.targets + j)] - double(t[size_t(i * s.targets + j)]);
        loss += e * e / double(t.size());
        for (int64_t k = 0; k < s.features; ++k)
          gradient[size_t(k * s.targets + j)] += 2 * e / double(t.size()) * double(x[size_t(i * s.features + k)]);
      }
    for (size_t i = 0; i < w.size(); ++i)
      w[i] -= lr * gradient[i];
  }
  llcc_rt_tensor inputs[2];
  int64_t dims[4];
  const llcc_rt_tensor *tensors() {
    dims[0] = dims[2] = s.batch;
    dims[1] = s.features;
    dims[3] = s.targets;
    inputs[0] = {"x", LLCC_RT_F32, 2, dims, x.data(), x.size() * 4};
    inputs[1] = {"t", LLCC_RT_F32, 2, dims + 2, t.data(), t.size() * 4};
    return inputs;
  }
};

/// Largest difference, relative to the largest value where that is above 1.
static double distance(const std::vector<float> &a, const std::vector<double> &b) {
  double most = 0, scale = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::fmax(most, std::fabs(double(a[i]) - b[i]));
    scale = std::fmax(scale, std::fabs(b[i]));
  }
  return most / scale;
}

/// Trains three steps against plain loops, then infers, and compares all.
static void trains(const char *name, const Plan &plan, const Sizes &s) {
  Run run(write(plan, s));
  CHECK(run.code == 0, "%s: %s", name, run.error.c_str());
  if (run.code)
    return;
  Data data(s);
  std::vector<float> gradient(data.w.size(), -1), w(data.w.size());
  llcc_rt_tensor wanted{"w", LLCC_RT_F32, 0, nullptr, gradient.data(), gradient.size() * 4};
  for (int step = 1; step <= 3; ++step) {
    llcc_rt_step_result result{sizeof result, 0, 0, 0, 0};
    int code = llcc_rt_train_step_gradients(run.session, data.tensors(), 2, 0.1, &result, &wanted, 1);
    CHECK(code == 0, "%s: %s", name, llcc_rt_last_error());
    data.step(0.1);
    CHECK(result.step == step && std::isnan(result.grad_norm), "%s: step %d", name, int(result.step));
    CHECK(std::fabs(result.loss - data.loss) < 1e-5 * data.loss, "%s: loss %.9g, needs %.9g", name, result.loss,
          data.loss);
    CHECK(distance(gradient, data.gradient) < 1e-5, "%s: gradient is off by %g", name,
          distance(gradient, data.gradient));
    CHECK(llcc_rt_get(run.session, "w", w.data(), w.size() * 4) == 0, "%s", llcc_rt_last_error());
    CHECK(distance(w, data.w) < 1e-5, "%s: weights are off by %g", name, distance(w, data.w));
  }
  // More rows than a run of the inference program has, and a last run that is not full.
  std::vector<float> y(data.t.size());
  data.tensors();
  for (int64_t rows : {s.batch, int64_t(1), s.batch / s.microbatches}) {
    data.dims[0] = rows;
    llcc_rt_tensor x = data.inputs[0], out{"y", LLCC_RT_F32, 0, nullptr, y.data(), size_t(rows * s.targets) * 4};
    x.bytes = size_t(rows * s.features) * 4;
    CHECK(llcc_rt_infer(run.session, &x, 1, rows, &out, 1) == 0, "%s: %s", name, llcc_rt_last_error());
    std::vector<double> expected = data.forward();
    expected.resize(size_t(rows * s.targets));
    CHECK(distance({y.begin(), y.begin() + rows * s.targets}, expected) < 1e-5, "%s: inference of %d rows", name,
          int(rows));
  }
  // What is set is what is got, whole, on any layout; inference sees it.
  std::vector<float> ones(w.size(), 1), back(w.size());
  CHECK(llcc_rt_set(run.session, "w", ones.data(), ones.size() * 4) == 0, "%s", llcc_rt_last_error());
  CHECK(llcc_rt_get(run.session, "w", back.data(), back.size() * 4) == 0 && back == ones, "%s: set and get differ",
        name);
  data.w.assign(w.size(), 1);
  data.tensors();
  llcc_rt_tensor out{"y", LLCC_RT_F32, 0, nullptr, y.data(), y.size() * 4};
  CHECK(llcc_rt_infer(run.session, data.inputs, 2, s.batch, &out, 1) == 0, "%s: %s", name, llcc_rt_last_error());
  CHECK(distance(y, data.forward()) < 1e-5, "%s: inference after set", name);
}

static void everyStrategyComputesTheSame() {
  Sizes s, micro{12, 5, 3, 3}, large{64, 300, 200, 2}, odd{1003, 37, 3, 1};
  trains("single", regression(s, Layout::None, 1), s);
  trains("single, 3 microbatches", regression(micro, Layout::None, 1), micro);
  trains("single, two threads", regression(large, Layout::None, 1), large);
  trains("single, two threads copy an input that ends inside a line", regression(odd, Layout::None, 1), odd);
  for (uint32_t devices : {2u, 4u, 25u}) // 12 and 4 rows over 25 devices: most hold padding only
    for (const Sizes &sizes : {s, micro}) {
      trains("data", regression(sizes, Layout::Data, devices), sizes);
      trains("tensor", regression(sizes, Layout::Tensor, devices), sizes);
      trains("zero3", regression(sizes, Layout::Zero3, devices), sizes);
    }
  trains("pipeline", pipelined(s, 1), s);
  trains("pipeline, 3 microbatches, 2 of data", pipelined(micro, 2), micro);
  trains("pipeline, 24 devices", pipelined(micro, 12), micro);
}

static void twoRunsGiveTheSameBits() {
  Sizes s{12, 5, 3, 3};
  std::string path = write(regression(s, Layout::Data, 4), s);
  std::vector<float> w[2];
  for (auto &weights : w) {
    Run run(path);
    Data data(s);
    weights.resize(data.w.size());
    for (int step = 0; step < 20; ++step)
      CHECK(llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr) == 0, "%s", llcc_rt_last_error());
    llcc_rt_get(run.session, "w", weights.data(), weights.size() * 4);
  }
  CHECK(w[0] == w[1], "two runs of one plan differ");
}

static void lossThatIsNotFiniteStopsBeforeTheUpdate(const char *name, const Plan &plan, const Sizes &s) {
  Run run(write(plan, s));
  CHECK(run.code == 0, "%s: %s", name, run.error.c_str());
  Data data(s);
  std::vector<float> before(data.w.size()), after(data.w.size());
  CHECK(llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr) == 0, "%s: %s", name, llcc_rt_last_error());
  llcc_rt_get(run.session, "w", before.data(), before.size() * 4);
  float kept = data.x.back();
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    data.x.back() = bad; // in the last row: the last device, the last microbatch
    int code = llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr);
    CHECK(code == 65, "%s: code %d", name, code);
    CHECK(contains(llcc_rt_last_error(), "step 2: the loss is "), "%s: %s", name, llcc_rt_last_error());
    llcc_rt_get(run.session, "w", after.data(), after.size() * 4);
    CHECK(before == after, "%s: weights changed", name);
  }
  data.x.back() = kept; // the session goes on
  llcc_rt_step_result result{sizeof result, 0, 0, 0, 0};
  CHECK(llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, &result) == 0 && result.step == 2, "%s: %s", name,
        llcc_rt_last_error());
}

static void badInputIsRefused() {
  Sizes s;
  Plan plan = regression(s, Layout::Data, 2);
  plan.inputs.push_back({"ids", {DType::I64, {12}}, {}});
  plan.inputs.back().classes = 10;
  Run run(write(plan, s));
  Data data(s);
  data.tensors();
  std::vector<int64_t> ids(12, 9);
  int64_t twelve = 12;
  llcc_rt_tensor all[3] = {data.inputs[0], data.inputs[1], {"ids", LLCC_RT_I64, 1, &twelve, ids.data(), 96}};
  auto refused = [&](const char *text) {
    int code = llcc_rt_train_step(run.session, all, 3, 0.1, nullptr);
    CHECK((code == 65 || code == 64) && contains(llcc_rt_last_error(), text), "code %d: %s, needs %s", code,
          llcc_rt_last_error(), text);
  };
  CHECK(llcc_rt_train_step(run.session, all, 3, 0.1, nullptr) == 0, "%s", llcc_rt_last_error());
  ids[7] = 10;
  refused("input \"ids\" holds 10 at element 7, needs 0 to 9");
  ids[7] = -100; // ignored
  CHECK(llcc_rt_train_step(run.session, all, 3, 0.1, nullptr) == 0, "%s", llcc_rt_last_error());
  all[2].dtype = LLCC_RT_F64;
  refused("input \"ids\" is f64[12], needs i64[12]");
  all[2].dtype = LLCC_RT_I64;
  data.dims[0] = 11;
  refused("input \"x\" is f32[11x5], needs f32[12x5]");
  data.dims[0] = 12;
  all[0].bytes -= 4;
  refused("input \"x\" has 236 bytes, f32[12x5] needs 240");
  all[0].bytes += 4;
  all[0].name = "z";
  refused("model has no input \"z\", it has \"x\", \"t\", \"ids\"");
  all[0] = all[1];
  refused("input \"x\" is missing");
  CHECK(llcc_rt_trace_save(run.session, "t.json") == 64 &&
            contains(llcc_rt_last_error(), "there is no trace to save: llcc_rt_trace_begin was not called"),
        "%s", llcc_rt_last_error());
}

static void savedFilesHoldTheTrainedWeights() {
  Sizes s;
  for (uint32_t devices : {1u, 4u}) {
    Run run(write(regression(s, devices == 1 ? Layout::None : Layout::Zero3, devices), s));
    Data data(s);
    CHECK(llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr) == 0, "%s", llcc_rt_last_error());
    std::vector<float> w(data.w.size()), again(data.w.size());
    llcc_rt_get(run.session, "w", w.data(), w.size() * 4);
    std::string onnx = folder + "/trained.onnx", llx = folder + "/trained.llx";
    CHECK(llcc_rt_save(run.session, onnx.c_str()) == 0, "%s", llcc_rt_last_error());
    std::string expected =
        std::string(16, 'h') + std::string(reinterpret_cast<char *>(w.data()), w.size() * 4) + "tail!";
    CHECK(read(onnx) == expected, "model bytes differ");
    CHECK(llcc_rt_save(run.session, llx.c_str()) == 0, "%s", llcc_rt_last_error());
    Run other(llx);
    CHECK(other.code == 0, "%s", other.error.c_str());
    llcc_rt_get(other.session, "w", again.data(), again.size() * 4);
    CHECK(w == again, "artifact does not hold the trained weights");
    int code = llcc_rt_save(run.session, (folder + "/no/such/folder.onnx").c_str());
    CHECK(code == 73 &&
              contains(llcc_rt_last_error(), "/no/such/folder.onnx: cannot create: No such file or directory"),
          "code %d: %s", code, llcc_rt_last_error());
  }
}

static void externalDataStaysInTheFolder() {
  Sizes s;
  Plan plan = regression(s, Layout::None, 1);
  plan.variables[0].section = "file:weights/w.bin";
  for (const char *name : {"weights/w.bin", "../w.bin", "/tmp/w.bin", "a/../../w.bin"}) {
    plan.variables[0].section = std::string("file:") + name;
    std::string path = folder + "/external.llx";
    writeArtifact(path, {{"plan", serialize(plan)},
                         {"code.cpu", read(folder + "/kernels.so")},
                         {"model.onnx", "model"},
                         {plan.variables[0].section, modelBytes(s)}});
    Run run(path);
    CHECK(run.code == 0, "%s", run.error.c_str());
    int code = llcc_rt_save(run.session, (folder + "/out.onnx").c_str());
    if (std::string(name) == "weights/w.bin")
      CHECK(code == 0 && read(folder + "/weights/w.bin") == modelBytes(s) && read(folder + "/out.onnx") == "model",
            "%s", llcc_rt_last_error());
    else
      CHECK(code == 65 && contains(llcc_rt_last_error(), "which leaves the folder of the model"), "%s: code %d: %s",
            name, code, llcc_rt_last_error());
  }
}

static void oneFailureReleasesAll() {
  Sizes s;
  for (bool pipeline : {false, true}) {
    setenv("LLCC_FAULT", "fail@device1:step2", 1);
    Run run(write(pipeline ? pipelined(s, 2) : regression(s, Layout::Data, 4), s));
    Data data(s);
    CHECK(llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr) == 0, "%s", llcc_rt_last_error());
    auto start = std::chrono::steady_clock::now();
    int code = llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr);
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    CHECK(code == 69 && contains(llcc_rt_last_error(), "device 1 failed at step 2"), "code %d: %s", code,
          llcc_rt_last_error());
    CHECK(seconds < 2, "took %g s", seconds);
    code = llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr);
    CHECK(code == 69 && contains(llcc_rt_last_error(), "make a new session from the last checkpoint"), "code %d: %s",
          code, llcc_rt_last_error());
    unsetenv("LLCC_FAULT");
  }
}

static void aLatePeerIsNamed() {
  Sizes s;
  Plan plan = regression(s, Layout::Data, 4);
  plan.kernels.push_back({"k_slow", 0, 0, {}, {}, ""});
  Instr slow;
  slow.op = Op::Launch;
  slow.kernel = "k_slow";
  slow.node = "sleeper";
  slow.ints = {1, 1};
  auto &instrs = plan.programs[0].instrs;
  instrs.insert(instrs.begin() + 5, slow);
  std::string text, path = write(plan, s);
  {
    Run run(path, 500);
    Data data(s);
    int code = llcc_rt_train_step(run.session, data.tensors(), 2, 0.1, nullptr);
    text = llcc_rt_last_error();
    CHECK(code == 69 &&
              contains(text, "waited 500 ms for device 1, which is at instruction 5 (launch k_slow, node \"sleeper\")"),
          "code %d: %s", code, text.c_str());
    CHECK(contains(text, "(all_reduce, node \"reduce\")"), "%s", text.c_str());
    CHECK(contains(text, "does not come back, the session is over"), "%s", text.c_str());
  }
  // The sleeper wakes when session and module are freed: what it uses must still be there.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
}

static void memoryLimitIsKept() {
  Sizes s;
  Plan plan = regression(s, Layout::Data, 2);
  Run run(write(plan, s), 0, plan.programs[0].arenaBytes - 1);
  CHECK(run.code == 78 && contains(run.error, "training needs " + std::to_string(plan.programs[0].arenaBytes) +
                                                  " bytes a device, the limit is "),
        "%s", run.error.c_str());
  Run fits(write(plan, s), 0, plan.programs[0].arenaBytes);
  CHECK(fits.code == 0, "%s", fits.error.c_str());
}

static void brokenArtifactsAreRefused() {
  Sizes s;
  Plan plan = regression(s, Layout::None, 1);
  std::string path = folder + "/broken.llx", code = read(folder + "/kernels.so");
  auto refused = [&](const std::vector<Section> &sections, int expected, const std::string &text) {
    writeArtifact(path, sections);
    Run run(path);
    CHECK(run.code == expected && run.error == path + ": " + text, "code %d: %s, needs %s", run.code, run.error.c_str(),
          text.c_str());
  };
  refused({{"model.onnx", modelBytes(s)}}, 65, "has no section \"plan\"; compile the model again");
  refused({{"plan", serialize(plan)}, {"model.onnx", modelBytes(s)}}, 65,
          "has kernels but no section \"code.cpu\"; compile the model again");
  refused({{"plan", serialize(plan)}, {"code.cpu", code}, {"model.onnx", "short"}}, 65,
          "parameter \"w\" is said to be 60 bytes at 16 of section \"model.onnx\", which has 5 bytes");
  Plan other = plan;
  other.kernels.push_back({"k_missing", 0, 0, {}, {}, ""});
  refused({{"plan", serialize(other)}, {"code.cpu", code}, {"model.onnx", modelBytes(s)}}, 65,
          "kernel \"k_missing\" is not in section \"code.cpu\"; compile the model again");
  other = plan;
  other.target = "tpu:1";
  refused({{"plan", serialize(other)}, {"code.cpu", code}, {"model.onnx", modelBytes(s)}}, 69,
          "is compiled for tpu:1, this build runs cpu, cuda and cudasim artifacts");
  other = plan;
  other.programs[0].buffers[0].offset = 8;
  refused({{"plan", serialize(other)}, {"code.cpu", code}, {"model.onnx", modelBytes(s)}}, 65,
          "step program of stage 0: buffer 0 starts at byte 8, needs a multiple of 64");
  llcc_rt_module *module = nullptr;
  CHECK(llcc_rt_module_load((folder + "/none.llx").c_str(), &module) == 66, "%s", llcc_rt_last_error());
}

int main(int argc, char **argv) {
  folder = argc > 1 ? argv[1] : ".";
  everyStrategyComputesTheSame();
  twoRunsGiveTheSameBits();
  Sizes s, micro{12, 5, 3, 3};
  lossThatIsNotFiniteStopsBeforeTheUpdate("single", regression(s, Layout::None, 1), s);
  lossThatIsNotFiniteStopsBeforeTheUpdate("data", regression(micro, Layout::Data, 4), micro);
  lossThatIsNotFiniteStopsBeforeTheUpdate("zero3", regression(micro, Layout::Zero3, 25), micro);
  lossThatIsNotFiniteStopsBeforeTheUpdate("pipeline", pipelined(micro, 3), micro);
  badInputIsRefused();
  savedFilesHoldTheTrainedWeights();
  externalDataStaysInTheFolder();
  oneFailureReleasesAll();
  memoryLimitIsKept();
  brokenArtifactsAreRefused();
  aLatePeerIsNamed();
  return finished("test-session");
}
