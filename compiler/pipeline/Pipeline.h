// The compiler as a story: import → train → shard → lower → emit.
#ifndef LLCC_COMPILER_PIPELINE_PIPELINE_H
#define LLCC_COMPILER_PIPELINE_PIPELINE_H

#include "compiler/pipeline/CompileOptions.h"

namespace llcc {

/// Compiles options.model into options.artifact, or prints the IR of options.stopAfter to stdout. Everything for people
/// goes to stderr. Returns an ExitCode; on any but ExitOk nothing was written.
int compile(const CompileOptions &options);

} // namespace llcc

#endif
