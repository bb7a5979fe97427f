// The model's own training part: flags that were not given, and first values that a graph computes.
#include "compiler/driver/TrainingInfo.h"
#include "compiler/pipeline/TrainingInfo.h"
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include "runtime/plan/Artifact.h"
#include <algorithm>
#include <cstdio>

namespace llcc {

/// Runs the initialization graph once.
static int initialize(const Initialization &initialization, CommandLine &line, const std::string &folder) {
  RunRequest request;
  request.model = folder + "/initialization.onnx";
  request.artifact = folder + "/initialization.llx";
  request.command = line.compile.command;
  rt::writeFile(request.model, initialization.model.data(), initialization.model.size());
  request.seed = line.compile.seed;
  RunProgram program;
  if (int code = prepareRun(request, program))
    return code;
  if (program.compiled)
    LoadedRun(request.artifact).execute(program);
  for (const auto &[name, output] : initialization.values) {
    const RunTensor *found = nullptr;
    for (const RunTensor &t : program.outputs)
      if (t.array.name == output)
        found = &t;
    if (!found)
      throw rt::Failure{65, line.compile.model + ": its training information initializes \"" + name + "\" with \"" +
                                output + "\", which is no output of the initialization graph"};
    line.compile.initial[name] = found->array.bytes;
  }
  fprintf(stderr,
          "%zu initializers begin with what the model's initialization graph computes (seed %llu); --keep-weights "
          "trains on\n",
          initialization.values.size(), (unsigned long long)line.compile.seed);
  return 0;
}

int takeTrainingInfo(CommandLine &line, const std::function<const std::string &()> &folder) {
  Initialization initialization;
  if (int code = readTraining(line.compile, line.given, initialization))
    return code;
  if (line.train.label.empty() && !line.given.label && line.compile.label != "label")
    line.train.label = line.compile.label;
  if (initialization.model.empty() || line.keepWeights || line.command == CommandLine::Command::Check)
    return 0;
  return initialize(initialization, line, folder());
}

void measureLabels(CommandLine &line) {
  CompileOptions &o = line.compile;
  if (o.labels != "auto" || (o.loss != "cross_entropy" && o.loss != "nll") || rt::isFolder(line.train.data))
    return;
  const std::string &name = line.train.label.empty() ? o.label : line.train.label, end = ".safetensors";
  const std::string &data = line.train.data;
  try {
    std::vector<int64_t> dims;
    if (data.size() > end.size() && data.compare(data.size() - end.size(), end.size(), end) == 0)
      dims = rt::readSafeTensors(data)[name].shape.dims;
    else
      dims = rt::readRawNpz(data, name)[name].dims;
    for (size_t d = 1; d < dims.size(); ++d)
      o.labelSize = std::max<int64_t>(1, o.labelSize) * dims[d];
  } catch (const rt::Failure &) {
  }
}

std::function<int()> trainingWriter(const CommandLine &line) {
  rt::Artifact artifact;
  rt::Plan plan;
  std::string error = artifact.open(line.train.artifact);
  std::string_view bytes = artifact.section("plan");
  if (error.empty())
    error = rt::parse(bytes.data(), bytes.size(), plan);
  if (!error.empty())
    throw rt::Failure{70, line.train.artifact + ": " + error};
  std::vector<std::string> trained;
  size_t copies = 0;
  for (const rt::Variable &v : plan.variables) {
    if (v.role != rt::Variable::Role::Param || !v.trainable)
      continue;
    trained.push_back(v.name);
    copies += v.copies.size();
  }
  if (plan.loss == "nll_probabilities" && line.compile.loss != "cross_entropy")
    throw rt::Failure{69, "--training-info has no words for the loss \"" + line.compile.loss + "\" of probabilities"};
  return [=, &line] {
    int code = saveTraining(line.compile, plan.loss, line.train.save, trained, copies);
    if (code == 0)
      fprintf(stderr, "wrote %s, with its training information\n", line.train.save.c_str());
    return code;
  };
}

} // namespace llcc
