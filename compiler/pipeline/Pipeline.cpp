// The five stages, in the order in which a reader would tell them.
#include "compiler/pipeline/Pipeline.h"
#include "compiler/codegen/Codegen.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "compiler/pipeline/AnnotateModel.h"
#include "compiler/pipeline/CheckReport.h"
#include "compiler/pipeline/ClusterFile.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/Explain.h"
#include "compiler/pipeline/FitMemory.h"
#include "compiler/pipeline/Mesh.h"
#include "compiler/pipeline/PlanHtml.h"
#include "compiler/pipeline/Roofline.h"
#include "compiler/pipeline/SearchPlans.h"
#include "compiler/pipeline/SimulationReport.h"
#include "frontends/onnx/Import.h"
#include "passes/lower/Passes.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Recompute.h"
#include "passes/train/Optimizer.h"
#include "passes/train/Passes.h"
#include "passes/verify/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include <chrono>
#include <map>

using namespace mlir;
using namespace mlir::llcc;
using ::llcc::CompileOptions;
using ::llcc::MeshAxes;
using ::llcc::Stage;

static const char *const kStageNames[] = {"import", "train", "shard", "lower", "emit"};

namespace {
/// One compilation: the module on its way, and what the stages pass on beside it.
class Compilation {
public:
  Compilation(const CompileOptions &options)
      : options(options), said(options.said ? *options.said : ignored),
        diagnostics(&context, options.model, options.said ? &said : nullptr) {
    // Passes run on one module; threads would only cost start-up time.
    context.disableMultithreading();
    context.printOpOnDiagnostic(false);
    DialectRegistry registry;
    registry.insert<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
    context.appendDialectRegistry(registry);
  }
  int run();
  /// --strategy=auto: plays plans and gives the options of the best one.
  int search(CompileOptions &chosen);
  /// --strategy=hybrid without --mesh: the same for the mesh alone.
  int searchMesh(CompileOptions &chosen);
  ::llcc::StepMemory *measured = nullptr; ///< filled instead of writing an artifact
  DevicePlan *planned = nullptr;          ///< the same

private:
  raw_ostream &out() { return options.said ? static_cast<raw_ostream &>(said) : llvm::errs(); }
  int fail(int code, const Twine &text) {
    out() << "llcc: " << text << "\n";
    return code;
  }
  void measureMemory();
  int import(int64_t microbatches, std::string *why = nullptr);
  int importParts();
  int chooseMeshAxes();
  int keepBatchWhole();
  bool hasF16();
  void addTrain(PassManager &pm, int64_t microbatches);
  void addPlacement(PassManager &pm);
  void addSchedule(PassManager &pm);
  void addShard(PassManager &pm);
  int simulate();
  void explainTimes();
  int readClusters();
  int train(int64_t microbatches);
  int beginSearch(::llcc::PlanSearch &wanted);
  void evaluate(::llcc::PlanTrial &trial, std::map<int64_t, OwningOpRef<ModuleOp>> &trained);
  void addLower(PassManager &pm);
  int tryPasses(Stage stage, llvm::function_ref<void(PassManager &)> add);
  int runPasses(Stage stage, llvm::function_ref<void(PassManager &)> add);
  int recomputeToFit();
  int drawPlan();
  int afterStage(Stage stage);
  int checkMemory();
  int emit();

  CompileOptions options; ///< --strategy=auto tries others
  std::string ignored;
  llvm::raw_string_ostream said;
  MLIRContext context;
  UserDiagnostics diagnostics;
  ImportedModel imported;
  OwningOpRef<ModuleOp> module;
  MeshAxes mesh;
  PlanPage page;     ///< of --plan-html
  Cluster cluster;   ///< of --simulate, --cluster or the target
  int64_t batch = 0; ///< of a step
  int64_t microbatches = 1;
  bool warned = false;
  uint64_t ignoredBytes = 0;
  bool done = false; ///< --stop-after was reached
};
} // namespace

ImportOptions mlir::llcc::importOptionsOf(const CompileOptions &options) {
  ImportOptions wanted;
  wanted.dims = options.dims;
  wanted.bind = options.bind;
  wanted.batch = options.batch;
  wanted.train = options.train;
  wanted.freeze = options.freeze;
  wanted.output = options.algorithmLoss.empty() ? options.output : options.algorithmLoss;
  wanted.batchNorm = options.batchNorm == "train"    ? ImportOptions::BatchNorm::Train
                     : options.batchNorm == "frozen" ? ImportOptions::BatchNorm::Frozen
                                                     : ImportOptions::BatchNorm::File;
  wanted.unbiasedVariance = options.batchNormVariance == "torch";
  std::string wrong; // said before any work
  for (const std::string &text : options.dropout)
    if (auto dropout = parseDropout(text, wrong))
      wanted.dropout.push_back(*dropout);
  wanted.tie = options.tie;
  wanted.untie = options.untie;
  wanted.lora = options.lora;
  wanted.algorithmLoss = options.algorithmLoss;
  wanted.trainOnly = options.trainOnly;
  wanted.initial = options.initial;
  wanted.seed = options.seed;
  wanted.maxMemory = options.importMemory;
  wanted.outside = options.outside;
  wanted.maxSeconds = options.importSeconds;
  wanted.withoutWeights = options.noWeights || !options.simulate.empty();
  return wanted;
}

/// With `why` a failure is not said but returned there.
int Compilation::import(int64_t parts, std::string *why) {
  ImportOptions wanted = importOptionsOf(options);
  wanted.batch = batch;
  wanted.parts = parts;
  ImportErrors errors;
  FailureOr<ImportedModel> model = importOnnx(options.model, wanted, &context, errors);
  if (why && !errors.messages.empty()) {
    *why = errors.messages.front();
    return errors.exitCode;
  }
  for (const std::string &message : errors.messages)
    out() << message << "\n";
  for (const std::string &message : warned ? std::vector<std::string>() : errors.warnings)
    out() << "warning: " << message << "\n";
  warned = true; // the model may be imported again, for another size
  if (failed(model))
    return errors.exitCode ? errors.exitCode
                           : fail(::llcc::ExitBug, "bug in llcc: the importer failed without saying why");
  imported = std::move(*model);
  module = std::move(imported.module);
  return 0;
}

int Compilation::chooseMeshAxes() {
  std::string error;
  mesh = ::llcc::meshFromFlags(options, error);
  if (!error.empty())
    return fail(::llcc::ExitUsage, error);
  batch = options.batch;
  if (!batch) { // the file may know it
    if (int code = import(1))
      return code;
    batch = (*module)->getAttrOfType<IntegerAttr>("llcc.batch").getInt();
  }
  microbatches = ::llcc::microbatchCount(options, batch, mesh, error);
  return error.empty() ? 0 : fail(::llcc::ExitUsage, error);
}

// A model that is of one size only goes through the pipeline whole, unless the user says how many parts there are.
int Compilation::importParts() {
  std::string why;
  if (microbatches == 1 || options.microbatches > 0)
    return import(microbatches);
  int code = import(microbatches, &why);
  if (code == 0 || why.empty())
    return code;
  microbatches = 1;
  if (int wrong = import(1)) // not for its size alone
    return wrong;
  out() << "warning: the pipeline runs one microbatch and its stages wait for each other: " << why << "\n";
  return 0;
}

// Statistics of a batch need all its samples at once: unless the user asks for microbatches, there are none, so that a
// pipeline computes what one device computes.
int Compilation::keepBatchWhole() {
  if (microbatches == 1 || options.microbatches > 0)
    return 0;
  Operation *tracks = nullptr;
  (*module)->walk([&](TrackOp op) { tracks = tracks ? tracks : op; });
  if (!tracks)
    return 0;
  llvm::errs() << "warning: node \"" << nodeOf(tracks->getLoc())
               << "\" normalises by the whole batch, so the pipeline runs one microbatch and its stages wait for each "
                  "other; --microbatches=M takes statistics over each microbatch instead\n";
  microbatches = 1;
  return import(1);
}

/// True where the step computes with f16: the file does, or is made to.
bool Compilation::hasF16() {
  auto computes = [](Operation *op) {
    if (isa<arith::ExtFOp>(op) && isa<BlockArgument>(op->getOperand(0)))
      return WalkResult::advance(); // a weight that is stored so
    auto isF16 = [](Type type) { return getElementTypeOrSelf(type).isF16(); };
    return llvm::any_of(op->getOperandTypes(), isF16) ? WalkResult::interrupt() : WalkResult::advance();
  };
  return options.precision == "f16" || (*module)->walk(computes).wasInterrupted();
}

void Compilation::addTrain(PassManager &pm, int64_t parts) {
  AttachLossPassOptions loss;
  loss.loss = options.loss;
  loss.label = options.label;
  loss.output = options.algorithmLoss.empty() ? options.output : "";
  loss.ignoreIndex = options.ignoreIndex;
  loss.smoothing = options.labelSmoothing;
  loss.labels = options.labels;
  loss.labelSize = options.labelSize;
  loss.classWeights.assign(options.classWeights.begin(), options.classWeights.end());
  loss.microbatches = parts;
  if (hasF16()) // whose smallest numbers gradients easily fall below
    loss.lossScale = options.lossScale;
  AttachOptimizerPassOptions optimizer;
  optimizer.optimizer = options.optimizer;
  optimizer.clip = options.clip;
  ConvertPrecisionPassOptions precision;
  precision.precision = options.precision;
  pm.addPass(createSimplifyViewsPass());
  pm.addPass(createSplitColumnsPass());
  SplitHeadsPassOptions heads;
  for (auto &[axis, size] : mesh)
    if (axis == "tensor")
      heads.members = size;
  pm.addPass(createSplitHeadsPass(heads));
  pm.addPass(createConvertPrecisionPass(precision));
  pm.addPass(createAttachLossPass(loss));
  pm.addPass(createSplitModesPass());
  pm.addPass(createStackExpertsPass());
  pm.addPass(createDifferentiatePass());
  pm.addPass(createWidenGradientsPass());
  pm.addPass(createAttachOptimizerPass(optimizer));
  AttachLossScalePassOptions scale;
  scale.growth = options.lossScaleGrowth;
  pm.addPass(createAttachLossScalePass(scale));
  pm.addPass(createDecomposePass());
  // Both passes also meet @forward; what they fold there is folded before sharding rules look at it.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createVerifyTrainPass());
}

/// Everything of the shard stage that works on one microbatch: local shapes and collectives come out.
void Compilation::addPlacement(PassManager &pm) {
  if (options.recompute != "none" || options.zero == 3)
    pm.addPass(createFindBlocksPass());
  SeedShardingPassOptions seed;
  seed.shard.assign(options.shard.begin(), options.shard.end());
  seed.sequenceParallel = options.sequenceParallel;
  seed.explain = options.explain;
  pm.addPass(createSplitRowsPass());
  pm.addPass(createSeedShardingPass(seed));
  PropagateShardingPassOptions propagate;
  propagate.zero = options.zero;
  propagate.explain = options.explain;
  pm.addPass(createPropagateShardingPass(propagate));
  InsertReshardsPassOptions reshards;
  reshards.explain = options.explain;
  reshards.regather = options.sequenceParallel;
  pm.addPass(createInsertReshardsPass(reshards));
  pm.addPass(createVerifyPlacementPass());
  pm.addPass(createPlanReshardsPass());
  pm.addPass(createVerifyPlacementPass());
  pm.addPass(createInsertBucketsPass());
  pm.addPass(createConvertToSpmdPass());
  SplitAttentionPassOptions attention;
  attention.explain = options.explain;
  pm.addPass(createSplitAttentionPass(attention));
}

/// What is computed and gathered when: nothing that merges equal ops may come behind it.
void Compilation::addSchedule(PassManager &pm) {
  if (options.recompute == "blocks")
    pm.addPass(createRecomputePass());
  pm.addPass(createHoistFetchesPass());
}

void Compilation::addShard(PassManager &pm) {
  addPlacement(pm);
  SplitPipelinePassOptions split;
  split.schedule = options.schedule;
  split.chunks = options.chunks;
  pm.addPass(createSplitPipelinePass(split));
  pm.addPass(createCSEPass());
  if (options.recompute != "auto") // which comes when the plan is known
    addSchedule(pm);
  pm.addPass(createVerifyShardPass());
}

// --recompute=auto: so much is computed again in the backward pass, stage by stage, that the plan keeps --memory.
int Compilation::recomputeToFit() {
  FailureOr<SmallVector<int64_t>> levels = fitMemory(*module, options.memory);
  if (failed(levels))
    return ::llcc::ExitBadModel;
  if (options.explain)
    for (auto [stage, level] : llvm::enumerate(*levels))
      llvm::errs() << "recompute: stage " << stage << " computes " << level << " of " << countRecomputeLevels(*module)
                   << " kinds of values again\n";
  return runPasses(Stage::Shard, [&](PassManager &pm) {
    RecomputePassOptions recompute;
    recompute.mode = "auto";
    recompute.levels.assign(levels->begin(), levels->end());
    pm.addPass(createRecomputePass(recompute));
    pm.addPass(createHoistFetchesPass());
    pm.addPass(createVerifyShardPass());
  });
}

void Compilation::addLower(PassManager &pm) {
  bool gpu = StringRef(options.target).starts_with("cuda");
  pm.addPass(createFuseKernelsPass());
  if (gpu)
    pm.addPass(createSplitReductionsPass());
  pm.addPass(createPlanMemoryPass());
  pm.addPass(createVerifyLowerPass());
  if (gpu)
    pm.addPass(createConvertKernelsToGpuPass());
  else
    pm.addPass(createConvertKernelsToLoopsPass());
}

int Compilation::runPasses(Stage stage, llvm::function_ref<void(PassManager &)> add) {
  int code = tryPasses(stage, add);
  return code ? code : afterStage(stage);
}

int Compilation::tryPasses(Stage stage, llvm::function_ref<void(PassManager &)> add) {
  PassManager pm(&context);
  pm.enableVerifier(true);
  add(pm);
  unsigned before = diagnostics.errors();
  if (succeeded(pm.run(*module)))
    return 0;
  if (diagnostics.errors() == before)
    return fail(::llcc::ExitBug,
                Twine("bug in llcc: stage ") + kStageNames[int(stage)] +
                    " failed without saying why; please report the model and this command: " + options.command);
  return ::llcc::ExitBadModel;
}

// Dumps, and prints for --stop-after.
int Compilation::afterStage(Stage stage) {
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64);
  if (!options.dump.empty()) {
    SmallString<128> path(options.dump);
    if (std::error_code error = llvm::sys::fs::create_directories(path))
      return fail(::llcc::ExitCantCreate, "cannot make the folder " + path + ": " + error.message());
    llvm::sys::path::append(path, Twine(int(stage) + 1) + "-" + kStageNames[int(stage)] + ".mlir");
    std::error_code error;
    llvm::raw_fd_ostream file(path, error);
    if (error)
      return fail(::llcc::ExitCantCreate, "cannot write " + path + ": " + error.message());
    module->print(file, flags);
  }
  if (options.stopAfter == stage) {
    module->print(llvm::outs(), flags);
    llvm::outs() << "\n";
    done = true;
  }
  return 0;
}

int Compilation::drawPlan() {
  page.model = llvm::sys::path::filename(options.model).str();
  page.command = options.command;
  page.batch = batch;
  std::error_code error;
  llvm::raw_fd_ostream file(options.planHtml, error);
  if (!error) {
    writePlanHtml(*module, page, file);
    file.close();
    error = file.error();
    file.clear_error();
  }
  return error ? fail(::llcc::ExitCantCreate, "cannot write " + options.planHtml + ": " + error.message()) : 0;
}

// A plan that does not fit is refused before anything is written, with the fullest program's number and what would
// help.
int Compilation::checkMemory() {
  ProgramOp fullest;
  for (auto program : module->getOps<ProgramOp>())
    if (!fullest || program.getArenaBytes() > fullest.getArenaBytes())
      fullest = program;
  if (!options.memory || !fullest || uint64_t(fullest.getArenaBytes()) <= options.memory)
    return 0;
  return fail(::llcc::ExitConfig, "the plan needs " + Twine(fullest.getArenaBytes()) + " bytes on a device (program " +
                                      fullest.getSymName() + "), --memory allows " + Twine(options.memory) + "; use " +
                                      (options.recompute == "none" ? "--recompute=auto, " : "") +
                                      "a smaller --batch, more --microbatches with --strategy=pipeline, or "
                                      "more --devices with --strategy=tensor or pipeline");
}

int Compilation::emit() {
  PackageInfo info;
  info.model = llvm::sys::path::filename(options.model);
  info.target = options.target;
  info.strategy = options.strategy;
  info.schedule = options.schedule;
  auto measure = (*module)->getAttrOfType<StringAttr>("llcc.measure"); // by which evaluation tells it from the output
  info.loss = measure ? measure.str() : options.loss;
  info.command = options.command;
  info.classification = options.loss == "cross_entropy" || options.loss == "nll";
  std::string wrong;
  std::optional<Optimizer> optimizer = parseOptimizer(options.optimizer, wrong);
  if (!optimizer)
    return fail(::llcc::ExitUsage, wrong);
  info.optimizer = options.optimizer;
  info.learningRate = optimizer->lr;
  info.lrSchedule = optimizer->schedule;
  info.warmupSteps = optimizer->warmup;
  info.totalSteps = optimizer->steps;
  info.batch = batch;
  auto leftOut = [&](StringRef section) { return options.noWeights && section.starts_with("file:"); };
  for (const ImportedSection &section : imported.sections)
    if (!leftOut(section.name))
      info.sections.push_back({section.name, "", section.bytes}); // weights are not copied
  for (const WeightBytes &weight : imported.weights) {
    WeightPlace &place = info.weights[weight.param];
    if (leftOut(weight.section))
      continue;
    place = {weight.section,    weight.offset,         {}, weight.mergeLeft, weight.mergeRight,
             weight.mergeScale, weight.mergeTransposed};
    for (const WeightBytes::Copy &copy : weight.copies)
      place.copies.push_back({copy.section, copy.offset, copy.transposed});
  }
  int code = emitArtifact(*module, info, options.artifact);
  bool elsewhere = StringRef(options.target).split(':').first == "cuda"; // may run on another machine
  if (code == 0 && options.announce)
    llvm::errs() << "wrote " << options.artifact
                 << (elsewhere ? "; look at it with: llrun inspect " : "; train it with: llrun train ")
                 << options.artifact << (elsewhere ? " --full\n" : " --data=FILE.npz\n");
  return code;
}

// What each launch and call of the step takes at best.
void Compilation::explainTimes() {
  Cluster f32 = Cluster::ofTarget(options.target, "f32"), narrow = Cluster::ofTarget(options.target, "bf16");
  RooflineDevice device{"H100", narrow.flops, f32.flops, narrow.memoryBandwidth, 2e-6};
  if (!options.cluster.empty()) // its peak is that of the step's precision
    device = {cluster.name, cluster.flops, options.precision == "f32" ? cluster.flops : f32.flops,
              cluster.memoryBandwidth, 2e-6};
  std::vector<Roofline> programs = rooflines(*module, device, cluster);
  if (options.json)
    printRooflinesJson(programs, device, llvm::outs());
  else
    printRooflines(programs, device, llvm::errs());
}

// The step on a cluster that need not be here: from local shapes, collectives and the table of the schedule.
int Compilation::simulate() {
  auto passes = [&](PassManager &pm) {
    addPlacement(pm);
    addSchedule(pm);
  };
  if (int code = runPasses(Stage::Shard, passes); code || done)
    return code;
  int64_t devices = (*module)->getAttrOfType<MeshAttr>("llcc.mesh").getDevices();
  if (cluster.devices && devices > cluster.devices)
    return fail(::llcc::ExitConfig,
                "the mesh has " + Twine(devices) + " devices, " + options.simulate + " has " + Twine(cluster.devices));
  FailureOr<Simulation> simulation = simulateStep(*module, cluster, options.schedule, options.chunks);
  if (failed(simulation))
    return ::llcc::ExitBadModel;
  simulation->samples = double(batch);
  std::string plan;
  for (auto &[axis, size] : mesh)
    plan += axis + "=" + std::to_string(size) + " ";
  plan += "(" + std::to_string(devices) + " devices), " + std::to_string(microbatches) +
          " microbatches of a batch of " + std::to_string(batch) +
          (mesh.empty() ? "" : ", schedule " + options.schedule) + ", zero " + std::to_string(options.zero) + ", " +
          options.precision;
  (options.json ? printSimulationJson : printSimulation)(*simulation, cluster, plan, llvm::outs());
  if (options.explain)
    printDearest(*simulation, llvm::errs());
  return 0;
}

int Compilation::readClusters() {
  cluster = Cluster::ofTarget(options.target, options.precision);
  std::string wrong;
  for (const std::string &path : {options.cluster, options.simulate}) {
    if (path.empty())
      continue;
    FailureOr<Cluster> file = readCluster(path, wrong);
    if (failed(file))
      return fail(::llcc::ExitConfig, wrong);
    cluster = std::move(*file);
  }
  return 0;
}

/// The module after the train stage.
int Compilation::train(int64_t parts) {
  microbatches = parts;
  if (int code = import(parts))
    return code;
  (*module)->setAttr("llcc.mesh", MeshAttr::get(&context, {StringAttr::get(&context, "data")}, {int64_t(1)}));
  return runPasses(Stage::Train, [&](PassManager &pm) {
    pm.addPass(createVerifyImportPass());
    addTrain(pm, parts);
  });
}

/// Plays one plan. What it says goes into the trial, nothing to the user.
void Compilation::evaluate(::llcc::PlanTrial &trial, std::map<int64_t, OwningOpRef<ModuleOp>> &trained) {
  std::string first;
  ScopedDiagnosticHandler quiet(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && first.empty())
      first = diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> &base = trained[trial.options.microbatches];
  if (!base) {
    if (train(trial.options.microbatches)) {
      trial.refused = first.empty() ? "the model cannot be imported for such a microbatch" : first;
      return;
    }
    base = std::move(module);
  }
  OwningOpRef<ModuleOp> copy = base->clone();
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  for (auto &[axis, size] : trial.options.mesh) {
    axes.push_back(StringAttr::get(&context, axis));
    sizes.push_back(size);
  }
  (*copy)->setAttr("llcc.mesh", MeshAttr::get(&context, axes, sizes));
  options = trial.options;
  PassManager pm(&context);
  addPlacement(pm);
  addSchedule(pm);
  FailureOr<Simulation> simulation = failure();
  if (succeeded(pm.run(*copy)))
    simulation = simulateStep(*copy, cluster, options.schedule, options.chunks);
  if (failed(simulation)) {
    trial.refused = first.empty() ? "the plan cannot be made" : first;
    return;
  }
  trial.seconds = simulation->step;
  trial.memory = simulation->stages[simulation->largest()].memory();
}

/// What both searches have to know of the model.
int Compilation::beginSearch(::llcc::PlanSearch &wanted) {
  wanted.devices = ::llcc::deviceCount(options);
  wanted.exhaustive = options.exhaustive;
  options.dump.clear();
  options.stopAfter = Stage::Emit;
  options.explain = false;
  std::string error;
  ::llcc::meshFromFlags(options, error);
  if (!error.empty())
    return fail(::llcc::ExitUsage, error);
  if (int code = readClusters())
    return code;
  batch = options.batch;
  warned = true;            // the compilation that follows warns
  if (int code = import(1)) // knows the batch, and whether it may be cut
    return code;
  batch = (*module)->getAttrOfType<IntegerAttr>("llcc.batch").getInt();
  wanted.batch = batch;
  wanted.memory = options.memory ? options.memory : cluster.memory;
  (*module)->walk([&](TrackOp) { wanted.wholeBatch = true; });
  return 0;
}

/// So many ops are placed and played while a mesh is searched: some seconds.
static constexpr size_t kHybridOps = 60000;

int Compilation::searchMesh(CompileOptions &chosen) {
  const CompileOptions asked = options;
  ::llcc::PlanSearch wanted;
  if (int code = beginSearch(wanted))
    return code;
  size_t ops = 1;
  (*module)->walk([&](Operation *) { ++ops; });
  std::map<int64_t, OwningOpRef<ModuleOp>> trained;
  std::vector<::llcc::PlanTrial> tried;
  CompileOptions quiet = asked;
  quiet.explain = false;
  std::vector<::llcc::PlanTrial> plans = ::llcc::searchMeshes(
      quiet, wanted, std::max<size_t>(6, kHybridOps / (4 * ops)), // the step has about four times the forward ops
      [&](::llcc::PlanTrial &trial) { evaluate(trial, trained); }, tried);
  auto said = [](const ::llcc::PlanTrial &trial) { return trial.flags() + ": " + trial.refused; };
  if (plans.empty()) {
    std::string reasons;
    for (const ::llcc::PlanTrial &trial : tried)
      reasons += "\n  " + said(trial);
    return fail(::llcc::ExitUsage, "no mesh of " + Twine(wanted.devices) + " devices fits the model" + reasons);
  }
  chosen = asked;
  chosen.devices = 0;
  chosen.mesh = plans.front().options.mesh;
  chosen.microbatches = plans.front().options.microbatches;
  if (asked.explain) {
    out() << "hybrid: " << tried.size() << " meshes played on " << cluster.name
          << "; seconds a step and memory of a device\n";
    for (const ::llcc::PlanTrial &plan : plans)
      out() << llvm::format("  %10.4g s %10.2f MiB  ", plan.seconds, plan.memory / (1 << 20)) << plan.flags() << "\n";
    for (const ::llcc::PlanTrial &trial : tried)
      if (!trial.refused.empty())
        out() << "  not possible: " << said(trial) << "\n";
  }
  return 0;
}

int Compilation::search(CompileOptions &chosen) {
  auto start = std::chrono::steady_clock::now();
  const CompileOptions asked = options;
  ::llcc::PlanSearch wanted;
  if (int code = beginSearch(wanted))
    return code;
  std::map<int64_t, OwningOpRef<ModuleOp>> trained;
  std::vector<::llcc::PlanTrial> tried;
  std::vector<::llcc::PlanTrial> plans = ::llcc::searchPlans(
      asked, wanted, [&](::llcc::PlanTrial &trial) { evaluate(trial, trained); }, tried);
  if (plans.empty()) {
    std::string reasons;
    for (const ::llcc::PlanTrial &trial : tried)
      if (reasons.find(trial.refused) == std::string::npos)
        reasons += (reasons.empty() ? "" : "; ") + trial.flags() + ": " + trial.refused;
    return fail(::llcc::ExitConfig, "no plan for " + Twine(wanted.devices) + " devices is possible: " + reasons);
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out() << "auto: " << tried.size() << " plans played on " << cluster.name << " in " << llvm::format("%.1f", seconds)
        << " s, " << plans.size() << " possible; seconds a step and memory of a device of the best\n";
  for (auto [i, plan] : llvm::enumerate(ArrayRef(plans).take_front(5)))
    out() << llvm::format("  %zu %10.4g s %10.2f MiB  ", i + 1, plan.seconds, plan.memory / (1 << 20)) << plan.flags()
          << "\n";
  // The estimate knows nothing of the allocator: where memory is short, the plan itself decides.
  std::string unsaid;
  for (::llcc::PlanTrial &plan : plans) {
    chosen = plan.options;
    if (!asked.memory || !asked.simulate.empty())
      return 0;
    CompileOptions quiet = plan.options;
    quiet.memory = 0;
    quiet.said = &unsaid;
    ::llcc::StepMemory memory;
    if (::llcc::measure(quiet, memory) == 0 && memory.total <= asked.memory)
      return 0;
    out() << "auto: " << plan.flags() << " takes " << memory.total << " bytes as planned, which is too much\n";
  }
  return fail(::llcc::ExitConfig, "no plan for " + Twine(wanted.devices) + " devices fits into --memory=" +
                                      Twine(asked.memory) + "; use more --devices or a smaller --batch");
}

int Compilation::run() {
  // A wrong flag is said before any work.
  if (std::string error = targetError(options.target); !error.empty())
    return fail(::llcc::ExitUsage, error);
  std::string wrong;
  if (!parseOptimizer(options.optimizer, wrong))
    return fail(::llcc::ExitUsage, wrong);
  for (const std::string &text : options.dropout)
    if (!parseDropout(text, wrong))
      return fail(::llcc::ExitUsage, wrong);
  if (options.recompute == "auto" && !options.memory)
    return fail(::llcc::ExitUsage, "--recompute=auto needs to know what a device has; add --memory=SIZE, or use "
                                   "--recompute=blocks");
  if (int code = readClusters())
    return code;
  if (int code = chooseMeshAxes())
    return code;
  if (int code = importParts())
    return code;
  if (int code = keepBatchWhole())
    return code;
  if (int code = runPasses(Stage::Import,
                           [](PassManager &pm) {
                             pm.addPass(createExpandGradientsPass());
                             pm.addPass(createVerifyImportPass());
                           });
      code || done)
    return code;
  if (options.deterministic == "strategy")
    (*module)->setAttr("llcc.deterministic", UnitAttr::get(&context));
  // Before the train stage, so that what --stop-after=train prints can go through any pass of the next stage alone.
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  for (auto &[axis, size] : mesh) {
    axes.push_back(StringAttr::get(&context, axis));
    sizes.push_back(size);
  }
  (*module)->setAttr("llcc.mesh", MeshAttr::get(&context, axes, sizes));
  if (int code = runPasses(Stage::Train, [&](PassManager &pm) { addTrain(pm, microbatches); }); code || done)
    return code;
  if (options.explain)
    explainPrecision(*module);
  if (!options.simulate.empty())
    return simulate();
  bool fit = options.recompute == "auto";
  if (int code = fit ? tryPasses(Stage::Shard, [&](PassManager &pm) { addShard(pm); })
                     : runPasses(Stage::Shard, [&](PassManager &pm) { addShard(pm); });
      code || done)
    return code;
  if (int code = fit ? recomputeToFit() : 0; code || done)
    return code;
  if (options.explain)
    explainSharding(*module);
  if (planned) {
    *planned = collectDevicePlan(*module);
    return 0;
  }
  collectStageNodes(*module, page);
  if (int code = runPasses(Stage::Lower, [&](PassManager &pm) { addLower(pm); }); code || done)
    return code;
  if (options.explain) {
    explainMemory(*module);
    explainOverlap(*module, cluster);
    if (StringRef(options.target).starts_with("cuda"))
      explainTimes();
  }
  if (int code = options.planHtml.empty() ? 0 : drawPlan())
    return code;
  if (measured) {
    measureMemory();
    return 0;
  }
  if (int code = checkMemory())
    return code;
  return emit();
}

/// --strategy=auto and hybrid as what they choose; other options as they are.
static int choosePlan(const CompileOptions &options, CompileOptions &chosen) {
  chosen = options;
  if (options.strategy == "auto")
    return Compilation(options).search(chosen);
  return options.strategy == "hybrid" && options.mesh.empty() ? Compilation(options).searchMesh(chosen) : 0;
}

int ::llcc::compile(const CompileOptions &options) {
  CompileOptions chosen;
  if (int code = choosePlan(options, chosen))
    return code;
  return Compilation(chosen).run();
}

int ::llcc::planDevices(const CompileOptions &options, DevicePlan &plan) {
  CompileOptions chosen;
  if (int code = choosePlan(options, chosen))
    return code;
  Compilation compilation(chosen);
  compilation.planned = &plan;
  return compilation.run();
}

void Compilation::measureMemory() {
  for (auto program : module->getOps<ProgramOp>()) {
    if (program.getSymName() == "infer" || uint64_t(program.getArenaBytes()) <= measured->total)
      continue;
    *measured = {};
    measured->total = program.getArenaBytes();
    program.walk([&](Operation *op) {
      measured->instructions += isa<ExecOp>(op);
      if (auto buffer = dyn_cast<BufferOp>(op); buffer && !op->hasAttr("llcc.view")) {
        auto type = cast<ShapedType>(buffer.getType());
        uint64_t bytes = uint64_t(type.getNumElements()) * ((type.getElementTypeBitWidth() + 7) / 8);
        StringRef space = buffer.getSpace();
        (space == "param"      ? measured->parameters
         : space == "state"    ? measured->state
         : space == "input"    ? measured->inputs
         : space == "gradient" ? measured->gradients
                               : ignoredBytes) += bytes;
      }
    });
  }
}

int ::llcc::measure(const CompileOptions &options, StepMemory &memory) {
  CompileOptions chosen;
  if (int code = choosePlan(options, chosen))
    return code;
  Compilation compilation(chosen);
  compilation.measured = &memory;
  return compilation.run();
}
