// One compilation, shared by the stages (Pipeline.cpp) and the search for a plan (ChoosePlan.cpp).
#ifndef LLCC_COMPILER_PIPELINE_COMPILATION_H
#define LLCC_COMPILER_PIPELINE_COMPILATION_H

#include "compiler/ir/LLCC.h"
#include "compiler/pipeline/AnnotateModel.h"
#include "compiler/pipeline/ClusterFile.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/Mesh.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/pipeline/PlanHtml.h"
#include "compiler/pipeline/SearchPlans.h"
#include "frontends/onnx/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include <map>

namespace mlir::llcc {

/// One compilation: the module on its way, and what the stages pass on beside it.
class Compilation {
public:
  Compilation(const ::llcc::CompileOptions &options)
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
  int search(::llcc::CompileOptions &chosen);
  /// --strategy=hybrid without --mesh: the same for the mesh alone.
  int searchMesh(::llcc::CompileOptions &chosen);
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
  int tryPasses(::llcc::Stage stage, llvm::function_ref<void(PassManager &)> add);
  int runPasses(::llcc::Stage stage, llvm::function_ref<void(PassManager &)> add);
  int recomputeToFit();
  int drawPlan();
  int afterStage(::llcc::Stage stage);
  int checkMemory();
  int emit();

  ::llcc::CompileOptions options; ///< --strategy=auto tries others
  std::string ignored;
  llvm::raw_string_ostream said;
  MLIRContext context;
  UserDiagnostics diagnostics;
  ImportedModel imported;
  OwningOpRef<ModuleOp> module;
  ::llcc::MeshAxes mesh;
  PlanPage page;     ///< of --plan-html
  Cluster cluster;   ///< of --simulate, --cluster or the target
  int64_t batch = 0; ///< of a step
  int64_t microbatches = 1;
  bool warned = false;
  uint64_t ignoredBytes = 0;
  bool done = false; ///< --stop-after was reached
};

/// --strategy=auto and hybrid as what they choose; other options as they are. Returns an exit code.
int choosePlan(const ::llcc::CompileOptions &options, ::llcc::CompileOptions &chosen);

} // namespace mlir::llcc

#endif
