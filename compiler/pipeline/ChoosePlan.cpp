// --strategy=auto and hybrid: plans are tried on a model of the devices until one is chosen.
#include "compiler/pipeline/Compilation.h"
#include "compiler/pipeline/SimulationReport.h"
#include "passes/shard/Passes.h"

#include "llvm/Support/Format.h"
#include <chrono>

using namespace mlir;
using namespace mlir::llcc;
using ::llcc::CompileOptions;
using ::llcc::Stage;

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

int mlir::llcc::choosePlan(const CompileOptions &options, CompileOptions &chosen) {
  chosen = options;
  if (options.strategy == "auto")
    return Compilation(options).search(chosen);
  return options.strategy == "hybrid" && options.mesh.empty() ? Compilation(options).searchMesh(chosen) : 0;
}
