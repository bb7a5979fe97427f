// `llcc run`: one forward pass (and its gradients) of a model on given arrays. Free of MLIR.
#ifndef LLCC_COMPILER_PIPELINE_RUNMODEL_H
#define LLCC_COMPILER_PIPELINE_RUNMODEL_H

#include "compiler/pipeline/CompileOptions.h"
#include "runtime/plan/Plan.h"

namespace llcc {

/// An array as numpy stores it: row-major, little-endian.
struct NamedArray {
  std::string name;
  std::string descr; ///< numpy's name of the element type: "<f4"; "|V2" for bfloat16
  std::vector<int64_t> shape;
  std::string bytes;
};

struct RunRequest {
  std::string model;
  std::vector<NamedArray> inputs;
  std::vector<NamedArray> cotangents; ///< by output; an output without one does not count
  std::vector<std::string> watch;     ///< float values of the graph that are outputs as well
  uint64_t seed = 0;                  ///< of random numbers
  bool gradients = false;             ///< of sum(cotangent x output), for every float input
  bool reference = false; ///< computed by the interpreter of the IR while compiling, instead of by compiled code
  std::string artifact;   ///< path of the .llx to write (not with `reference`)
  std::string dump;       ///< folder for the IR after each stage; empty: none
  std::string target = "cpu", command;
};

/// A tensor that goes into or comes out of the program.
struct RunTensor {
  NamedArray array;                ///< inputs: with bytes; results: bytes only where they are known without running
  std::string internal;            ///< its name in the program
  rt::DType type = rt::DType::F32; ///< …and its element type there: signs do not count
  bool known = false;              ///< results: `array.bytes` is the result
};

/// What the compiled program takes and gives.
struct RunProgram {
  std::vector<RunTensor> inputs, outputs, gradients;
  std::vector<std::string> bound; ///< inputs whose values the program was made for
  bool compiled = false;          ///< an artifact was written: it computes the results that are not known
};

/// Imports, differentiates, lowers and emits. Inputs whose values the model's shapes depend on are bound as constants.
/// Returns an ExitCode; 69 where the model needs something that llcc does not have, with a sentence for each such node.
int prepareRun(const RunRequest &request, RunProgram &program);

} // namespace llcc

#endif
