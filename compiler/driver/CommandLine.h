// The command line of llcc: which command, with which options.
#ifndef LLCC_COMPILER_DRIVER_COMMANDLINE_H
#define LLCC_COMPILER_DRIVER_COMMANDLINE_H

#include "compiler/driver/ExportCommand.h"
#include "compiler/driver/RunCommand.h"
#include "compiler/pipeline/CompileOptions.h"
#include "compiler/pipeline/SupportTable.h"
#include "runtime/llrun/Flags.h"

namespace llcc {

struct CommandLine {
  enum class Command { Compile, Train, Run, Check, Ops, Export } command = Command::Compile;
  CompileOptions compile;
  GivenFlags given;          ///< what the user said of the training
  bool saveTraining = false; ///< the saved model says how it was trained
  bool keepWeights = false;  ///< the model's initialization graph is not run
  bool json = false;         ///< check: for programs
  bool certify = false;      ///< compile: write a certificate beside the artifact
  rt::TrainOptions train;
  RunFiles run;
  std::string annotated; ///< `llcc export --annotate`: model to write; empty: another export
  ExportFiles write;     ///< `llcc export`, and of `llcc train --export=…`
  SupportOptions support;
};

/// Parses; prints help or the error and returns false with `code` set where there is nothing to run.
bool parseCommandLine(int argc, char **argv, CommandLine &line, int &code);

} // namespace llcc

#endif
