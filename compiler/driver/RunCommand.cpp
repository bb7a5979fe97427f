// `llcc run`: arrays in, outputs and gradients out, by the compiled program.
#include "compiler/driver/RunCommand.h"
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include "runtime/llcc_rt.h"
#include <cstdio>
#include <memory>

namespace llcc {

static std::vector<NamedArray> readArrays(const std::string &path) {
  std::vector<NamedArray> arrays;
  if (!path.empty())
    for (auto &[name, raw] : rt::readRawNpz(path))
      arrays.push_back({name, raw.descr, std::move(raw.dims), std::move(raw.bytes)});
  return arrays;
}

static void writeArrays(const std::string &path, const std::vector<RunTensor> &tensors) {
  rt::RawArrays arrays;
  for (const RunTensor &t : tensors)
    arrays[t.array.name] = {t.array.descr, t.array.shape, t.array.bytes};
  rt::writeRawNpz(path, arrays);
}

static void check(int code) {
  if (code)
    throw rt::Failure{code, llcc_rt_last_error()};
}

static llcc_rt_tensor tensorOf(RunTensor &t) {
  return {t.internal.c_str(),   llcc_rt_dtype(t.type), uint32_t(t.array.shape.size()),
          t.array.shape.data(), t.array.bytes.data(),  t.array.bytes.size()};
}

struct LoadedRun::Impl {
  std::unique_ptr<llcc_rt_module, void (*)(llcc_rt_module *)> module{nullptr, llcc_rt_module_free};
  std::unique_ptr<llcc_rt_session, void (*)(llcc_rt_session *)> session{nullptr, llcc_rt_session_free};
};

LoadedRun::LoadedRun(const std::string &artifact) : impl(std::make_unique<Impl>()) {
  llcc_rt_module *loaded = nullptr;
  check(llcc_rt_module_load(artifact.c_str(), &loaded));
  impl->module.reset(loaded);
  llcc_rt_options options{};
  options.size = sizeof options;
  llcc_rt_session *created = nullptr;
  check(llcc_rt_session_create(loaded, &options, &created));
  impl->session.reset(created);
}

LoadedRun::~LoadedRun() = default;

void LoadedRun::execute(RunProgram &program) {
  std::vector<llcc_rt_tensor> inputs, results;
  for (RunTensor &t : program.inputs)
    inputs.push_back(tensorOf(t));
  for (auto *list : {&program.outputs, &program.gradients})
    for (RunTensor &t : *list)
      if (!t.known) {
        rt::Shape shape{t.type, t.array.shape};
        t.array.bytes.assign(shape.bytes(), '\0');
        results.push_back(tensorOf(t));
      }
  check(llcc_rt_infer(impl->session.get(), inputs.data(), inputs.size(), 1, results.data(), results.size()));
}

int runModel(const RunFiles &files, const std::string &artifact) try {
  rt::needWritable("--outputs", files.outputs);
  rt::needWritable("--gradients", files.gradients);
  RunRequest request;
  request.model = files.model;
  request.inputs = readArrays(files.inputs);
  request.cotangents = readArrays(files.cotangents);
  request.gradients = !files.gradients.empty();
  request.reference = files.device == "reference";
  request.artifact = artifact;
  request.dump = files.dump;
  request.command = files.command;
  RunProgram program;
  if (int code = prepareRun(request, program))
    return code;
  if (program.compiled)
    LoadedRun(artifact).execute(program);
  if (!files.outputs.empty())
    writeArrays(files.outputs, program.outputs);
  if (!files.gradients.empty())
    writeArrays(files.gradients, program.gradients);
  return ExitOk;
} catch (const rt::Failure &failure) {
  fprintf(stderr, "llcc run: %s\n", failure.text.c_str());
  return failure.code;
}

} // namespace llcc
