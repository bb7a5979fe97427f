// Models in other forms: what `llcc export` writes. Free of MLIR.
#ifndef LLCC_COMPILER_PIPELINE_EXPORTMODEL_H
#define LLCC_COMPILER_PIPELINE_EXPORTMODEL_H

#include "compiler/pipeline/CompileOptions.h"

namespace llcc {

struct QuantizeRequest {
  std::string model, out;
  std::string activations = "int8";                        ///< int8 | uint8 | float
  std::vector<std::string> keep;                           ///< globs of nodes and weights that stay floats
  std::map<std::string, std::pair<double, double>> ranges; ///< of valuesToMeasure: smallest and largest number
};

/// An input of a graph that no initializer stands in for.
struct GraphInput {
  std::string name, descr;   ///< numpy's name of its element type
  std::vector<int64_t> dims; ///< -1: open
};

/// Inputs of the graph, and the values that have to be measured before it can be quantized. Returns an ExitCode.
int prepareQuantize(const QuantizeRequest &request, std::vector<GraphInput> &inputs, std::vector<std::string> &values);
/// Writes request.out and says on stderr what was done. Returns an ExitCode.
int writeQuantizedModel(const QuantizeRequest &request);

/// Plans options.model as compile() does and writes it to `out` with ONNX's multi-device annotations of the plan: mesh,
/// parts of parameters and inputs, pipeline stage of each node. Says on stderr what was done. Returns an ExitCode.
int annotateModel(const CompileOptions &options, const std::string &out);

} // namespace llcc

#endif
