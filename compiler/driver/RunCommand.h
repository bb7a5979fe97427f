// `llcc run`: arrays in, outputs and gradients out, by the compiled program.
#ifndef LLCC_COMPILER_DRIVER_RUNCOMMAND_H
#define LLCC_COMPILER_DRIVER_RUNCOMMAND_H

#include "compiler/pipeline/RunModel.h"
#include <memory>
#include <string>

namespace llcc {

/// Files and flags of `llcc run`; empty paths are files that are not wanted.
struct RunFiles {
  std::string model, inputs, outputs, cotangents, gradients, dump, command;
  std::string device = "cpu"; ///< cpu | reference
};

/// A compiled program of prepareRun, ready to run any number of times. Throws rt::Failure.
class LoadedRun {
public:
  explicit LoadedRun(const std::string &artifact);
  ~LoadedRun();
  /// Computes the results that are not known, from the bytes of the inputs.
  void execute(RunProgram &program);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Returns an ExitCode; `artifact` is a path for the compiled program, the caller removes it.
int runModel(const RunFiles &files, const std::string &artifact);

} // namespace llcc

#endif
