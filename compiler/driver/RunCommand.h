// `llcc run`: arrays in, outputs and gradients out, by the compiled program.
#ifndef LLCC_COMPILER_DRIVER_RUNCOMMAND_H
#define LLCC_COMPILER_DRIVER_RUNCOMMAND_H

#include <string>

namespace llcc {

/// Files and flags of `llcc run`; empty paths are files that are not wanted.
struct RunFiles {
  std::string model, inputs, outputs, cotangents, gradients, dump, command;
  std::string device = "cpu"; ///< cpu | reference
};

/// Returns an ExitCode; `artifact` is a path for the compiled program, the caller removes it.
int runModel(const RunFiles &files, const std::string &artifact);

} // namespace llcc

#endif
