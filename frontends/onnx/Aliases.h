// Parameters that the exporter merged although they are several, copied although they are one, or removed as they began
// as zeros.
#ifndef LLCC_FRONTENDS_ONNX_ALIASES_H
#define LLCC_FRONTENDS_ONNX_ALIASES_H

#include "frontends/onnx/Parameters.h"

namespace mlir::llcc::frontend {

/// What was separated or brought back, for the report: name of the new initializer -> what it was merged with (empty:
/// a bias that the exporter had removed).
using Separated = std::map<std::string, std::string>;

/// Rewrites the graph so that no initializer is several parameters:
/// * an initializer of equal elements that several nodes read, or one that --untie names, becomes one for each reader
///   ("zeros", "zeros:fc2", …): exporters merge equal initial values, such as all biases that begin as zeros;
/// * two parameters that share their bytes in a file beside the model get bytes of their own;
/// * a Gemm or Conv whose bias of zeros the exporter's optimizer took away (it says so in the node's metadata) gets it
///   back.
/// Returns whether the graph was changed; then pointers into it are stale. As the rewritten graph is what the artifact
/// carries, a trained model is saved with these initializers.
bool separateAliases(::onnx::GraphProto &graph, ArrayRef<Initializer> tensors, const ImportOptions &options,
                     ExternalFiles &files, Separated &separated);

/// Finds trainable parameters that are one: equal and not constant, also up to a transpose (exporters fold the
/// transpose of a tied weight into a second initializer), and what --tie names; sets tiedTo and transposed of the later
/// one.
/// --untie keeps apart. The file keeps both; both are written back.
void findTies(std::vector<Initializer> &tensors, const ImportOptions &options, StringRef file, ExternalFiles &files,
              ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
