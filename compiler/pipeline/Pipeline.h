// The compiler as a story: import → train → shard → lower → emit.
#ifndef LLCC_COMPILER_PIPELINE_PIPELINE_H
#define LLCC_COMPILER_PIPELINE_PIPELINE_H

#include "compiler/pipeline/CompileOptions.h"

namespace mlir::llcc {
struct DevicePlan;
}

namespace llcc {

/// Compiles options.model into options.artifact, or prints the IR of options.stopAfter to stdout. Everything for people
/// goes to stderr. Returns an ExitCode; on any but ExitOk nothing was written.
int compile(const CompileOptions &options);

/// What a device allocates for one step, in bytes (the largest over the programs), from the plan.
struct StepMemory {
  uint64_t total = 0; ///< temporaries share bytes, so it is less than the sum of kinds
  uint64_t parameters = 0, state = 0, inputs = 0, gradients = 0;
  int64_t instructions = 0;
};
/// Compiles up to the plan and writes nothing.
int measure(const CompileOptions &options, StepMemory &memory);

/// Compiles up to the end of the shard stage, says where everything lies, and writes nothing.
int planDevices(const CompileOptions &options, mlir::llcc::DevicePlan &plan);

struct CheckOptions {
  CompileOptions compile; ///< an empty loss is chosen from the model's output
  bool json = false;
};
/// `llcc check`: what would be trained, what is missing, which flags, how much memory; on stdout. Returns ExitOk where
/// the model trains (with the flags that are suggested), ExitUnsupported where it does not, or how the file is bad.
int check(const CheckOptions &options);

} // namespace llcc

#endif
