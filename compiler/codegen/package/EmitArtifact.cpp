// The emit stage in order: target, code, plan, proof, file.
#include "compiler/codegen/Codegen.h"
#include "compiler/codegen/cpu/CpuCode.h"

#include <sysexits.h>

using namespace mlir;
using namespace mlir::llcc;
namespace rt = ::llcc::rt;

int mlir::llcc::emitArtifact(ModuleOp lowered, const PackageInfo &info, const std::string &path) {
  PackageInfo resolved = info;
  std::vector<rt::Section> sections = info.sections;
  if (StringRef(info.target).starts_with("cuda")) {
    lowered.emitError() << "target '" << info.target << "' is not supported yet, needs cpu or cpu:LEVEL";
    return EX_UNAVAILABLE;
  }
  CpuTarget target;
  if (std::string error = CpuTarget::parse(info.target, target); !error.empty()) {
    lowered.emitError(error);
    return EX_USAGE;
  }
  resolved.target = target.name();
  CpuCode code;
  if (failed(compileCpu(lowered, target, info.assembly, code)))
    return EX_SOFTWARE;
  sections.push_back({"code.cpu", std::move(code.object)});
  if (info.assembly)
    sections.push_back({"text.cpu", std::move(code.assembly)});

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
