// llcc-interpret: runs tensor-level IR in the reference interpreter, checks gradients, compares sharded with
// single-device steps.
#include "compiler/interpreter/CheckGradients.h"
#include "compiler/interpreter/CompareSteps.h"
#include "compiler/interpreter/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace mlir::llcc;

// Parses one file ("-": stdin). Diagnostics show the source line; `sources` outlives the module.
static OwningOpRef<ModuleOp> load(MLIRContext &context, llvm::SourceMgr &sources, StringRef path) {
  std::string error;
  auto buffer = openInputFile(path, &error);
  if (!buffer) {
    llvm::errs() << "llcc-interpret: " << error << "\n";
    return nullptr;
  }
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  return parseSourceFile<ModuleOp>(sources, &context);
}

static int printOutcome(int64_t device, bool allDevices, const Outcome &outcome) {
  auto prefix = [&]() -> llvm::raw_ostream & {
    if (allDevices)
      llvm::outs() << "device " << device << " ";
    return llvm::outs();
  };
  for (const Capture &capture : outcome.captures)
    prefix() << "capture " << capture.kind << " " << capture.name << ": " << print(capture.value) << "\n";
  for (auto [i, result] : llvm::enumerate(outcome.results))
    prefix() << "result " << i << ": " << print(result) << "\n";
  return 0;
}

// Runs @NAME, or with `devices` @NAME on all devices or @NAME_stage0, … on those of each pipeline stage.
static int runFunctions(ModuleOp module, StringRef name, bool devices, const RunOptions &options) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!devices) {
    if (!function) {
      module.emitError() << "module has no function @" << name;
      return 1;
    }
    FailureOr<Outcome> outcome = runOne(function, {}, options);
    return failed(outcome) ? 1 : printOutcome(0, false, *outcome);
  }
  auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
  if (!mesh) {
    module.emitError("--devices needs a module with the attribute llcc.mesh");
    return 1;
  }
  FailureOr<std::vector<Launch>> launches =
      function ? launchOn(function, mesh) : launchStages(module, (name + "_stage").str(), mesh);
  if (failed(launches))
    return 1;
  FailureOr<std::vector<std::vector<Outcome>>> outcomes = runAll(*launches, mesh, options);
  if (failed(outcomes))
    return 1;
  for (int64_t device = 0; device < mesh.getDevices(); ++device)
    for (auto [launch, done] : llvm::zip(*launches, *outcomes))
      if (const int64_t *at = llvm::find(launch.devices, device); at != launch.devices.end())
        printOutcome(device, true, done[at - launch.devices.begin()]);
  return 0;
}

int main(int argc, char **argv) {
  namespace cl = llvm::cl;
  cl::OptionCategory category("llcc-interpret options");
  cl::opt<std::string> file(cl::Positional, cl::desc("<module, or - for stdin>"), cl::init("-"), cl::cat(category));
  cl::opt<std::string> name("function", cl::desc("function without arguments that is run"), cl::init("main"),
                            cl::cat(category));
  cl::opt<bool> devices("devices",
                        cl::desc("run on all devices of llcc.mesh; stages are @NAME_stage0, @NAME_stage1, …"),
                        cl::cat(category));
  cl::opt<bool> exact("exact", cl::desc("arithmetic in f64 whatever the types say"), cl::cat(category));
  cl::opt<std::string> padding("padding",
                               cl::desc("content of padding: zero; undefined: NaN in what collectives leave undefined; "
                                        "nan: there and in what is loaded"),
                               cl::init("zero"), cl::cat(category));
  cl::opt<bool> check("check-gradients", cl::desc("compare the results of @gradients with finite differences"),
                      cl::cat(category));
  cl::opt<uint64_t> seed("seed", cl::desc("of random values"), cl::init(1), cl::cat(category));
  cl::opt<double> tolerance(
      "tolerance", cl::desc("largest relative difference (1e-6 for gradients, 1e-5 for --compare)"), cl::cat(category));
  cl::opt<int64_t> points("points", cl::desc("random settings at which gradients are checked"), cl::init(1),
                          cl::cat(category));
  cl::opt<std::string> single(
      "compare", cl::desc("module after the train stage; the file is the same model after the shard stage"),
      cl::value_desc("single.mlir"), cl::cat(category));
  cl::opt<int64_t> steps("steps", cl::desc("training steps that --compare runs"), cl::init(3), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "llcc-interpret: the reference interpreter of llcc's tensor-level IR\n");
  if (padding != "zero" && padding != "undefined" && padding != "nan") {
    llvm::errs() << "llcc-interpret: --padding is '" << padding << "', needs zero, undefined or nan\n";
    return 64;
  }

  DialectRegistry registry;
  registry.insert<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false); // whole functions otherwise
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = load(context, sources, file);
  if (!module)
    return 1;
  RunOptions options;
  options.exact = exact;
  options.padding = padding == "zero" ? 0 : std::numeric_limits<double>::quiet_NaN();
  if (check) {
    CheckGradientsOptions gradients;
    gradients.seed = seed, gradients.points = points;
    if (tolerance.getNumOccurrences())
      gradients.tolerance = tolerance;
    return failed(checkGradients(*module, gradients, llvm::outs()));
  }
  if (!single.empty()) {
    OwningOpRef<ModuleOp> reference = parseSourceFile<ModuleOp>(single, &context);
    CompareOptions compare;
    compare.seed = seed, compare.steps = steps, compare.padding = options.padding;
    compare.loadedPadding = padding == "nan" ? options.padding : 0;
    if (tolerance.getNumOccurrences())
      compare.tolerance = tolerance;
    return !reference || failed(compareSteps(*module, *reference, compare, llvm::outs()));
  }
  return runFunctions(*module, name, devices, options);
}
