// The emit stage in order: target, code, plan, proof, file.
#include "compiler/codegen/Codegen.h"
#include "compiler/codegen/cpu/CpuCode.h"
#include "compiler/codegen/cuda/Cubin.h"
#include "compiler/codegen/cudasim/SimCode.h"

#include <sysexits.h>

using namespace mlir;
using namespace mlir::llcc;
namespace rt = ::llcc::rt;

static bool isCuda(StringRef target) { return target.split(':').first == "cuda"; }
static bool isCudaSim(StringRef target) { return target.split(':').first == "cudasim"; }

/// The architecture that "cudasim[:ARCH]" plays.
static std::string simulated(StringRef target) { return "cuda" + target.drop_front(StringRef("cudasim").size()).str(); }

std::string mlir::llcc::targetError(StringRef target) {
  CpuTarget cpu;
  CudaTarget cuda;
  if (isCuda(target))
    return CudaTarget::parse(target, cuda);
  if (isCudaSim(target)) {
    std::string error = CudaTarget::parse(simulated(target), cuda);
    for (size_t at = error.find("cuda"); at != std::string::npos; at = error.find("cuda", at + 7))
      error.insert(at + 4, "sim");
    return error;
  }
  if (target.split(':').first == "cpu")
    return CpuTarget::parse(target, cpu);
  return "target '" + target.str() + "' is unknown, needs cpu, cpu:LEVEL, cuda or cuda:ARCH";
}

// Machine code of the kernels as sections; sets info.target to the full name. Returns an exit code.
static int addCode(ModuleOp lowered, PackageInfo &info, std::vector<rt::Section> &sections) {
  if (isCuda(info.target)) {
    CudaTarget target;
    CudaTarget::parse(info.target, target);
    info.target = target.name();
    CudaCode code;
    if (int failed = compileCuda(lowered, target, code))
      return failed;
    sections.push_back({"code.ptx", std::move(code.ptx)});
    if (!code.cubin.empty()) {
      sections.push_back({"code.cuda", std::move(code.cubin)});
      sections.push_back({"resources", std::move(code.resources)});
    }
    return 0;
  }
  if (isCudaSim(info.target)) {
    CudaTarget target;
    CudaTarget::parse(simulated(info.target), target);
    info.target = "cudasim:" + target.chip;
    SimCode code;
    if (failed(compileSim(lowered, code)))
      return EX_SOFTWARE;
    sections.push_back({"code.cudasim", std::move(code.object)});
    sections.push_back({"cudasim", std::move(code.kernels)});
    return 0;
  }
  CpuTarget target;
  CpuTarget::parse(info.target, target);
  info.target = target.name();
  CpuCode code;
  if (failed(compileCpu(lowered, target, info.assembly, code)))
    return EX_SOFTWARE;
  sections.push_back({"code.cpu", std::move(code.object)});
  if (info.assembly)
    sections.push_back({"text.cpu", std::move(code.assembly)});
  return 0;
}

int mlir::llcc::emitArtifact(ModuleOp lowered, const PackageInfo &info, const std::string &path) {
  if (std::string error = targetError(info.target); !error.empty()) {
    lowered.emitError(error);
    return EX_USAGE;
  }
  PackageInfo resolved = info;
  std::vector<rt::Section> sections = info.sections;
  if (int failed = addCode(lowered, resolved, sections))
    return failed;

  FailureOr<rt::Plan> plan = buildPlan(lowered, resolved);
  if (failed(plan))
    return EX_SOFTWARE;
  std::vector<std::string> violations = rt::verify(*plan);
  for (const std::string &violation : violations)
    lowered.emitError() << "bug in llcc: the plan is unsound: " << violation;
  if (!violations.empty())
    return EX_SOFTWARE;
  sections.push_back({"plan", rt::serialize(*plan)});

  std::string ir;
  llvm::raw_string_ostream stream(ir);
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64);
  lowered->print(stream, flags);
  sections.push_back({"ir", std::move(ir)});
  if (std::string error = rt::writeArtifact(path, sections); !error.empty()) {
    lowered.emitError(error);
    return EX_CANTCREAT;
  }
  return 0;
}
