// Order and liveness of a graph's nodes, and what is wrong with its names.
#ifndef LLCC_FRONTENDS_ONNX_GRAPHORDER_H
#define LLCC_FRONTENDS_ONNX_GRAPHORDER_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// The nodes that the graph's outputs depend on, each after those it reads, otherwise in file order.
/// Names that are produced twice, read but never produced, or produced in a cycle are said in `errors`.
std::vector<const ::onnx::NodeProto *> orderNodes(const ::onnx::GraphProto &graph, StringRef file,
                                                  ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
