// The emit stage: a lowered module → one artifact (.llx).
#ifndef LLCC_COMPILER_CODEGEN_CODEGEN_H
#define LLCC_COMPILER_CODEGEN_CODEGEN_H

#include "runtime/plan/Artifact.h"
#include "runtime/plan/Plan.h"

#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>
#include <vector>

namespace mlir::llcc {

/// Where the initial bytes of a parameter are.
struct WeightPlace {
  std::string section;                            ///< "model.onnx" or "file:NAME"
  uint64_t offset = 0;                            ///< bytes from the section's start
  std::vector<::llcc::rt::Variable::Copy> copies; ///< saved with it
  std::string mergeLeft, mergeRight;              ///< as in ::llcc::rt::Variable
  double mergeScale = 0;
  bool mergeTransposed = false;
};

/// What an artifact says beside the program: how it was asked for, and the importer's bytes.
struct PackageInfo {
  std::string model;  ///< file name of the ONNX model
  std::string target; ///< "cpu", "cpu:x86-64-v3", "cuda:sm_90", "cudasim", …
  std::string strategy, loss, optimizer, schedule;
  std::string command; ///< the flags that made it
  double learningRate = 0;
  std::string lrSchedule = "constant";
  int64_t warmupSteps = 0, totalSteps = 0;
  bool classification = false;
  int64_t batch = 0;                          ///< samples of one step; 0: as the module's inputs say
  bool assembly = false;                      ///< adds the section "text.cpu": assembly, for people
  std::vector<::llcc::rt::Section> sections;  ///< "model.onnx", "file:NAME"
  std::map<std::string, WeightPlace> weights; ///< by parameter name
};

/// What is wrong with the name of a target (empty: nothing): cpu, cpu:LEVEL, cuda, cuda:ARCH, cudasim, cudasim:ARCH.
std::string targetError(llvm::StringRef target);

/// The plan of `lowered` (after llcc-plan-memory, llcc-convert-kernels-to-loops and, for cuda, -to-gpu;
/// passes/lower/README.md lists the tables). What does not fit together is reported at the module or the op, as a bug
/// of llcc.
FailureOr<::llcc::rt::Plan> buildPlan(ModuleOp lowered, const PackageInfo &info);

/// Compiles the kernels, proves the plan (::llcc::rt::verify) and writes the artifact, whole or not at all.
/// Sections of a CPU artifact: code.cpu; of a CUDA artifact: code.ptx, code.cuda and resources (both where there is a
/// ptxas); of a simulated one: code.cudasim and cudasim (runtime/plan/SimThread.h). Returns 0 or an exit code of
/// sysexits after a diagnostic: 64 unknown target, 69 a tool that the target needs is missing, 70 bug in llcc, 73
/// `path` cannot be written.
int emitArtifact(ModuleOp lowered, const PackageInfo &info, const std::string &path);

} // namespace mlir::llcc

#endif
