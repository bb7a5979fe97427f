// The five stages, in the order in which a reader would tell them.
#include "compiler/codegen/Codegen.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "compiler/pipeline/CheckReport.h"
#include "compiler/pipeline/ClusterFile.h"
#include "compiler/pipeline/Compilation.h"
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
