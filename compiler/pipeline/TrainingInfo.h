// What a model says about its own training, in place of flags that were not given. Free of MLIR.
#ifndef LLCC_COMPILER_PIPELINE_TRAININGINFO_H
#define LLCC_COMPILER_PIPELINE_TRAININGINFO_H

#include "compiler/pipeline/CompileOptions.h"

namespace llcc {

/// A graph without inputs that computes what initializers begin with.
struct Initialization {
  std::string model;                         ///< the bytes of an ONNX model; empty: there is none
  std::map<std::string, std::string> values; ///< initializer -> output
};

/// Takes loss, optimizer and parameters from the model's training_info where it has one and the flags do not say
/// otherwise; says on stderr what was taken and what a flag overrules. Returns an ExitCode.
int readTraining(CompileOptions &options, const GivenFlags &given, Initialization &initialization);

/// Writes into the saved model how it was trained. `trained` are initializers of it, of which it holds
/// `copies` more, perhaps transposed. Returns an ExitCode.
int saveTraining(const CompileOptions &options, const std::string &measure, const std::string &model,
                 const std::vector<std::string> &trained, size_t copies);

} // namespace llcc

#endif
