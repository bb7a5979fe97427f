// The training algorithm's nodes that compute the loss, behind the graph's for as long as the import.
#ifndef LLCC_FRONTENDS_ONNX_ALGORITHM_H
#define LLCC_FRONTENDS_ONNX_ALGORITHM_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include <set>

namespace mlir::llcc::frontend {

/// What was added to the graph, by name: nodes by their first outputs, initializers and inputs.
struct AppendedAlgorithm {
  std::set<std::string> nodes, others;
  std::string output; ///< empty: nothing was added
};

/// Adds what `value` of the model's first training algorithm needs to the graph, and `value` to its outputs. False,
/// said, where there is none.
bool appendAlgorithm(::onnx::ModelProto &model, StringRef value, StringRef file, ImportErrors &errors,
                     AppendedAlgorithm &appended);
/// The graph without it again, for the model that is saved. Pointers into the graph are stale then.
void removeAlgorithm(::onnx::GraphProto &graph, const AppendedAlgorithm &appended);

/// Gives initializers the bytes that an initialization graph computed. False, said, where one is not there or has
/// another size.
bool setInitialValues(::onnx::GraphProto &graph, const std::map<std::string, std::string> &values, StringRef file,
                      ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
