// The training loop: data in, steps, metrics, evaluation, checkpoints, trained model out.
#include "runtime/llrun/Train.h"
#include "runtime/checkpoint/Checkpoint.h"
#include "runtime/data/Failure.h"
#include "runtime/llrun/Evaluate.h"
#include "runtime/llrun/Metrics.h"
#include "runtime/llrun/Progress.h"
#include "runtime/llrun/Schedule.h"
#include "runtime/llrun/Signals.h"
#include "runtime/llrun/Team.h"
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace llcc::rt {

namespace {
/// One run of `llrun train`.
class Run {
public:
  Run(const TrainOptions &options, Team &team)
      : options(options), team(team), opened(options.artifact, options.certified) {}
  int go();

private:
  void prepare();
  void checkFiles();
  std::string facts() const;
  std::string memoryText();
  void resume();
  void trainStep(int64_t step);
  void saveModel();
  void saveGradients(const std::vector<llcc_rt_tensor> &inputs, double lr, llcc_rt_step_result &result);
  void measure(int64_t step);
  void checkpoint(int64_t step);
  [[noreturn]] void stopped(const Failure &failure, int64_t step);

  const TrainOptions &options;
  Team &team;
  Opened opened;
  std::unique_ptr<Feeder> data, held;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<Progress> progress;
  int64_t batch = 0, steps = 0, first = 1, checkpointed = -1;
  uint64_t evaluation = 0; ///< bytes of the inference program, where the run evaluates
  bool measures = false;   ///< there is held-out data, which rank 0 reads
  int stop = 0;            ///< the signal after which all ranks end
  double base = 0;
  std::string lastCheckpoint;
};
} // namespace

/// Better now than after an hour.
void Run::checkFiles() {
  if (!options.save.empty()) {
    auto ends = [&](const std::string &suffix) {
      return options.save.size() > suffix.size() && options.save.substr(options.save.size() - suffix.size()) == suffix;
    };
    if (!ends(".onnx") && !ends(".llx") && !ends(".safetensors"))
      throw Failure{64, "--save=" + options.save + ": needs a name that ends in .onnx, .llx or .safetensors"};
  }
  needWritable("--save", options.save);
  needWritable("--metrics", options.metrics);
  needWritable("--save-gradients", options.saveGradients);
  needWritable("--trace", options.trace);
  if (!options.checkpoint.empty())
    makeCheckpointFolder(options.checkpoint);
}

/// What must be the same on all ranks for them to compute one thing, and to meet at the same points.
std::string Run::facts() const {
  char hash[17];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)opened.artifact.hash());
  auto given = [](const std::string &text) { return text.empty() ? "not given" : "given"; };
  return "the artifact with hash=" + std::string(hash) + "\n" + data->facts() +
         "--seed=" + std::to_string(options.seed) + "\n--steps=" + std::to_string(steps) +
         "\n--lr=" + std::to_string(base) + "\n--no-shuffle=" + (options.shuffle ? "not given" : "given") +
         "\n--checkpoint-every=" + std::to_string(options.checkpointEvery) +
         "\n--checkpoint=" + given(options.checkpoint) + "\n--resume=" + given(options.resume) +
         "\n--save=" + given(options.save) + "\n--save-gradients=" + given(options.saveGradients) +
         "\n--trace=" + given(options.trace) + "\n--eval=" + (measures ? "given" : "not given") + "\n";
}

void Run::prepare() {
  const Plan &plan = opened.plan;
  batch = plan.batch;
  if (options.batch && options.batch != batch)
    throw Failure{64, "--batch=" + std::to_string(options.batch) + ": " + options.artifact +
                          " was compiled for batches of " + std::to_string(batch) +
                          "; compile again with --batch=" + std::to_string(options.batch)};
  if (!plan.stepProgram(0) || plan.variables.empty())
    throw Failure{65, options.artifact + ": has no training program"};
  for (const Variable &variable : plan.variables)
    if (variable.role == Variable::Role::Param && variable.section.empty() && options.resume.empty())
      throw Failure{64, options.artifact + ": is compiled with --no-weights, parameter \"" + variable.name +
                            "\" has no value; start with --resume=CHECKPOINT, or compile without --no-weights"};
  base = plan.learningRate;
  if (!options.lr.empty()) {
    char *end = nullptr;
    base = strtod(options.lr.c_str(), &end);
    if (*end || !std::isfinite(base) || base < 0)
      throw Failure{64, "--lr=" + options.lr + ": needs a number of at least 0"};
  }
  if (team.isRoot())
    checkFiles();
  data = std::make_unique<Feeder>(plan, readData(options.data), options.data, options.label, true);
  if (batch > data->samples())
    throw Failure{65, options.data + ": has " + std::to_string(data->samples()) + " samples, less than one batch of " +
                          std::to_string(batch)};
  if (options.shuffle)
    data->shuffle(options.seed);
  // The same folder of idx files holds the test set as well.
  measures = !options.eval.empty() || (isFolder(options.data) && !options.steps);
  if (!options.eval.empty() && team.isRoot())
    held = std::make_unique<Feeder>(plan, readData(options.eval, true), options.eval, options.label, true);
  else if (measures && team.isRoot())
    held = std::make_unique<Feeder>(plan, readData(options.data, true), options.data, options.label, true);
  steps = options.steps ? options.steps
                        : std::max<int64_t>(1, (options.epochs ? options.epochs : 1) * data->samples() / batch);
  if (held) {
    evaluation = plan.inferProgram() ? plan.inferProgram()->arenaBytes : 0;
    uint64_t first = plan.stepProgram(0)->arenaBytes; // device 0 is of stage 0
    if (first <= options.memory && first + evaluation > options.memory)
      throw Failure{78, "training needs " + std::to_string(first) + " bytes on device 0 and evaluation " +
                            std::to_string(evaluation) + " more, the limit is " + std::to_string(options.memory) +
                            "; leave --eval out and measure with llrun infer, or raise --memory"};
  }
  team.agree(facts());
  opened.start(options.threads, options.memory, options.timeout, team.world);
  check(llcc_rt_set_seed(opened.session, options.seed));
  if (!team.isAlone()) // a stage in the middle of a pipeline needs neither inputs nor labels
    data->keep(plan, fedInputs(plan, team.number()));
}

void Run::resume() {
  if (options.resume.empty())
    return;
  if (!team.isRoot()) {
    first = receiveCheckpoint(opened.session, opened.module) + 1;
    return;
  }
  std::string from = options.resume;
  if (from == "auto") {
    if (options.checkpoint.empty())
      throw Failure{64, "--resume=auto needs --checkpoint=DIR to look in"};
    from = newestCheckpoint(options.checkpoint);
    if (from.empty()) {
      fprintf(stderr, "no checkpoint in %s, starting anew\n", options.checkpoint.c_str());
      return check(llcc_rt_set_step(opened.session, 0));
    }
  }
  CheckpointFacts facts = loadCheckpoint(from, opened.session, opened.module);
  if (facts.batch != batch || (options.shuffle && facts.seed != options.seed) || facts.shuffle != options.shuffle)
    fprintf(stderr,
            "warning: %s was made with --batch=%lld --seed=%llu%s; the order of samples and random bits will differ\n",
            from.c_str(), (long long)facts.batch, (unsigned long long)facts.seed, facts.shuffle ? "" : " --no-shuffle");
  first = facts.step + 1;
  lastCheckpoint = from;
  fprintf(stderr, "resumed from %s, step %lld\n", from.c_str(), (long long)facts.step);
}

void Run::saveGradients(const std::vector<llcc_rt_tensor> &inputs, double lr, llcc_rt_step_result &result) {
  Arrays arrays;
  std::vector<llcc_rt_tensor> gradients;
  for (const Variable &variable : opened.plan.variables) {
    if (variable.role != Variable::Role::Param || !variable.trainable)
      continue;
    Array &array = arrays[variable.name];
    array.shape = {variable.shape.type, variable.dimsInFile()};
    array.bytes.resize(array.shape.bytes());
    gradients.push_back({variable.name.c_str(), llcc_rt_dtype(variable.shape.type),
                         uint32_t(variable.dimsInFile().size()), variable.dimsInFile().data(), array.bytes.data(),
                         array.bytes.size()});
  }
  check(llcc_rt_train_step_gradients(opened.session, inputs.data(), inputs.size(), lr, &result, gradients.data(),
                                     gradients.size()));
  if (!team.isRoot())
    return;
  std::string file = toSafeTensors(arrays);
  writeFile(options.saveGradients, file.data(), file.size());
}

/// A model, an artifact, or the trained parameters alone (adapters, say) as safetensors.
void Run::saveModel() {
  const std::string end = ".safetensors";
  const std::string &path = options.save;
  if (path.size() < end.size() || path.compare(path.size() - end.size(), end.size(), end) != 0)
    return check(llcc_rt_save(opened.session, path.c_str()));
  Arrays arrays;
  for (const Variable &variable : opened.plan.variables) {
    if (variable.role != Variable::Role::Param || !variable.trainable)
      continue;
    Array &array = arrays[variable.name];
    array.shape = {variable.shape.type, variable.dimsInFile()};
    array.bytes.resize(team.isRoot() ? array.shape.bytes() : 0);
    check(llcc_rt_get(opened.session, variable.name.c_str(), array.bytes.data(), array.shape.bytes()));
  }
  if (!team.isRoot())
    return;
  // Adapters alone say nothing without the weight that they belong to and their scale (alpha / r).
  std::map<std::string, std::string> facts = {{"format", "pt"}, {"model", opened.plan.model}};
  for (const Variable &variable : opened.plan.variables)
    if (!variable.mergeLeft.empty()) {
      char text[64];
      snprintf(text, sizeof text, "scale=%.9g,transposed=%d", variable.mergeScale, int(variable.mergeTransposed));
      facts["lora:" + variable.name] = text;
    }
  std::string file = toSafeTensors(arrays, facts);
  writeFile(path, file.data(), file.size());
}

void Run::trainStep(int64_t step) {
  auto start = std::chrono::steady_clock::now();
  const std::vector<llcc_rt_tensor> &inputs = data->batch((step - 1) * batch, batch);
  double lr = learningRate(opened.plan, base, step, opened.plan.totalSteps ? opened.plan.totalSteps : steps);
  llcc_rt_step_result result{};
  result.size = sizeof result;
  if (step == first && !options.saveGradients.empty())
    saveGradients(inputs, lr, result);
  else
    check(llcc_rt_train_step(opened.session, inputs.data(), inputs.size(), lr, &result));
  stop = result.stop;
  double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  metrics->step(step, result.loss, lr, result.grad_norm, double(batch) / took);
  progress->step(step, result.loss);
}

void Run::measure(int64_t step) {
  if (!measures)
    return;
  if (!team.isRoot()) // rank 0 measures, the others give their weights
    return check(llcc_rt_infer(opened.session, nullptr, 0, 1, nullptr, 0));
  int64_t epoch = step * batch / data->samples();
  Evaluation e = evaluate(opened, *held);
  char text[120];
  if (e.accuracy >= 0)
    snprintf(text, sizeof text, "epoch %lld  step %lld  eval loss %.5f  accuracy %.4f", (long long)epoch,
             (long long)step, e.loss, e.accuracy);
  else
    snprintf(text, sizeof text, "epoch %lld  step %lld  eval loss %.6g", (long long)epoch, (long long)step, e.loss);
  metrics->evaluation(step, epoch, e);
  progress->note(text);
}

void Run::checkpoint(int64_t step) {
  if (options.checkpoint.empty() || checkpointed == step)
    return;
  checkpointed = step;
  if (!team.isRoot())
    return giveCheckpoint(opened.session, opened.module);
  CheckpointFacts facts{step, batch, options.seed, options.shuffle, opened.plan.model, opened.plan.optimizer};
  lastCheckpoint = saveCheckpoint(options.checkpoint, opened.session, opened.module, facts);
}

void Run::stopped(const Failure &failure, int64_t step) {
  // The runtime's own sentence may name the step already.
  std::string at = "step " + std::to_string(step) + ": ";
  throw Failure{failure.code, "stopped at " + (failure.text.rfind(at, 0) ? at : "") + failure.text +
                                  (!team.isRoot()           ? ""
                                   : lastCheckpoint.empty() ? "; no checkpoint was kept (use --checkpoint=DIR)"
                                                            : "; the last good checkpoint is " + lastCheckpoint)};
}

// Everything that the run takes: what the plan places, the inference program beside it, what oneDNN keeps for itself.
std::string Run::memoryText() {
  int64_t device = 0, library = 0;
  check(llcc_rt_module_info(opened.module, "memory", &device));
  check(llcc_rt_session_info(opened.session, "library_memory", &library));
  std::string text = bytesText(uint64_t(device)) + " a device";
  if (evaluation)
    text += ", " + bytesText(evaluation) + " more on device 0 to evaluate";
  if (library)
    text += ", " + bytesText(uint64_t(library)) +
            (opened.plan.target.compare(0, 3, "cpu") == 0 ? " in oneDNN" : " for libraries and messages");
  return text;
}

int Run::go() {
  Signals signals;
  prepare();
  resume();
  metrics = std::make_unique<Metrics>(team.isRoot() ? options.metrics : "", first);
  const Plan &plan = opened.plan;
  const bool quiet = options.quiet || !team.isRoot();
  if (!quiet)
    fprintf(stderr, "%s: %u device%s%s, batch %lld%s, %lld samples, %lld steps, %s, %s\n", plan.model.c_str(),
            plan.devices(), plan.devices() == 1 ? "" : "s", team.isAlone() ? "" : ", a process each", (long long)batch,
            plan.microbatches > 1 ? (" in " + std::to_string(plan.microbatches) + " microbatches").c_str() : "",
            (long long)data->samples(), (long long)steps, plan.optimizer.c_str(), memoryText().c_str());
  progress = std::make_unique<Progress>(first, steps, batch, quiet);
  if (first > steps && team.isRoot())
    fprintf(stderr, "%s holds step %lld of %lld: nothing is left to train\n", lastCheckpoint.c_str(),
            (long long)first - 1, (long long)steps);
  if (!options.trace.empty())
    check(llcc_rt_trace_begin(opened.session));
  int64_t step = first, samples = data->samples();
  bool asked = false;
  for (; step <= steps && !stop; ++step) {
    try {
      // All ranks end after the same step, a later one; a process that is alone ends after this one.
      if (signals.came() && !asked && !team.isAlone())
        asked = !llcc_rt_request_stop(opened.session, signals.came());
      trainStep(step);
    } catch (const Failure &failure) {
      progress->leave();
      stopped(failure, step);
    }
    if (team.isAlone())
      stop = signals.came();
    bool epoch = step * batch / samples > (step - 1) * batch / samples;
    if (options.checkpointEvery ? step % options.checkpointEvery == 0 : epoch)
      checkpoint(step);
    if (epoch && step < steps && !stop)
      measure(step);
  }
  --step;
  if (step >= first) {
    progress->finish();
    if (!stop)
      measure(step);
    checkpoint(step);
  }
  if (!options.save.empty()) {
    saveModel();
    if (team.isRoot()) {
      if (!options.saved)
        fprintf(stderr, "wrote %s\n", options.save.c_str());
      else if (int code = options.saved())
        return code;
    }
  }
  if (!options.trace.empty())
    saveTrace(opened.session, options.trace, team.isRoot() && !options.quiet);
  if (!stop)
    return 0;
  if (team.isRoot())
    fprintf(stderr, "interrupted after step %lld%s%s\n", (long long)step,
            lastCheckpoint.empty() ? "" : "; go on with --resume=", lastCheckpoint.c_str());
  // A scheduler that takes the machine away may start the run again; a person has ended it.
  return stop == SIGTERM ? 75 : 128 + stop;
}

int train(const TrainOptions &options) {
  std::unique_ptr<Team> team;
  auto fail = [&](int code, const std::string &text) {
    if (team)
      return team->fail(code, text);
    fprintf(stderr, "%s: %s\n", options.program.c_str(), text.c_str());
    return code;
  };
  try {
    if (options.data.empty())
      throw Failure{64, "needs --data=FILE.npz, or a folder with MNIST's idx files"};
    team = std::make_unique<Team>(options.program, options.network, options.timeout);
    // Its end comes before the team's: ranks that are told of a failure find the session alive.
    Run run(options, *team);
    try {
      if (options.opened)
        options.opened();
      int code = run.go();
      team->finish();
      return code;
    } catch (const Failure &failure) {
      return fail(failure.code, failure.text);
    }
  } catch (const Failure &failure) {
    return fail(failure.code, failure.text);
  } catch (const std::bad_alloc &) {
    return fail(71, "out of memory on this machine");
  }
}

} // namespace llcc::rt
