// What a model says about its own training, in place of flags that were not given.
#include "compiler/pipeline/TrainingInfo.h"
#include "frontends/onnx/TrainingInfo.h"
#include "frontends/onnx/export/WriteTrainingInfo.h"
#include "passes/train/Optimizer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::llcc;

int ::llcc::readTraining(CompileOptions &options, const GivenFlags &given, Initialization &initialization) {
  if (given.loss && given.optimizer)
    return ExitOk; // the model's own is not used; it may be one that cannot be read
  ImportErrors errors;
  auto found = readTrainingInfo(options.model, options.importMemory, errors);
  if (failed(found)) {
    for (const std::string &message : errors.messages)
      llvm::errs() << message << "\n";
    return errors.exitCode ? errors.exitCode : int(ExitBug);
  }
  if (!*found)
    return ExitOk;
  const TrainingRecipe &recipe = **found;
  std::string file = llvm::sys::path::filename(options.model).str();
  for (const std::string &warning : recipe.warnings)
    llvm::errs() << "warning: " << warning << "\n";
  std::vector<std::string> taken, overruled;
  if (given.loss) {
    overruled.push_back("--loss=" + options.loss);
  } else {
    options.loss = recipe.loss;
    taken.push_back("loss " + (recipe.loss == "output" ? "\"" + recipe.lossValue + "\"" : recipe.loss));
    if (recipe.inAlgorithm)
      options.algorithmLoss = recipe.lossValue;
    else if (!given.output)
      options.output = recipe.output;
    if (given.output && recipe.inAlgorithm)
      overruled.push_back("--output is of no use here: the loss");
    if (!given.label && !recipe.label.empty())
      options.label = recipe.label;
    if (!given.ignoreIndex)
      options.ignoreIndex = recipe.ignoreIndex;
  }
  if (given.optimizer) {
    overruled.push_back("--optimizer=" + options.optimizer);
  } else {
    options.optimizer = recipe.optimizer;
    taken.push_back("optimizer " + recipe.optimizer);
  }
  if (given.parameters) {
    overruled.push_back("the flags that choose parameters");
  } else {
    options.trainOnly.insert(recipe.trained.begin(), recipe.trained.end());
    for (const auto &[original, copy] : recipe.ties) {
      options.trainOnly.insert(copy);
      options.tie.push_back(original + "," + copy);
    }
    taken.push_back(std::to_string(recipe.trained.size()) + " parameters");
  }
  llvm::errs() << file << ": takes from its training information: " << llvm::join(taken, ", ");
  if (!recipe.label.empty() && !given.loss)
    llvm::errs() << ", labels in \"" << options.label << "\"";
  llvm::errs() << (overruled.empty() ? "" : "; " + llvm::join(overruled, " and ") + " wins over what it says") << "\n";
  initialization.model = recipe.initialization;
  initialization.values = recipe.initial;
  return ExitOk;
}

int ::llcc::saveTraining(const CompileOptions &options, const std::string &measure, const std::string &model,
                         const std::vector<std::string> &trained, size_t copies) {
  std::string wrong;
  std::optional<Optimizer> optimizer = parseOptimizer(options.optimizer, wrong);
  if (!optimizer) {
    llvm::errs() << "llcc: " << wrong << "\n";
    return ExitUsage;
  }
  TrainingDescription training;
  training.loss = options.loss;
  training.label = options.label;
  training.output = options.output;
  training.fromProbabilities = measure == "nll_probabilities";
  training.ignoreIndex = options.ignoreIndex;
  training.optimizer = optimizer->kind;
  training.lr = optimizer->lr;
  for (auto [key, value] : optimizer->hyper)
    training.hyper[key.str()] = value;
  training.trained = trained;
  training.copies = copies;
  std::vector<std::string> lost;
  if (optimizer->schedule != "constant" || optimizer->warmup)
    lost.push_back("the schedule of the learning rate");
  if (options.clip > 0)
    lost.push_back("--clip");
  if ((optimizer->kind == "adam" || optimizer->kind == "adamw") && !training.hyper.count("epsilon_hat"))
    lost.push_back("eps of Adam where PyTorch has it (ONNX adds it before the correction of the bias)");
  ImportErrors errors;
  if (failed(writeTrainingInfo(model, training, errors))) {
    for (const std::string &message : errors.messages)
      llvm::errs() << message << "\n";
    return errors.exitCode;
  }
  for (const std::string &what : lost)
    llvm::errs() << "warning: training information has no words for " << what << "\n";
  return ExitOk;
}
