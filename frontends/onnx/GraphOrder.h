// Order and liveness of a graph's nodes, and what is wrong with its names.
#ifndef LLCC_FRONTENDS_ONNX_GRAPHORDER_H
#define LLCC_FRONTENDS_ONNX_GRAPHORDER_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// Names that `node` reads: its inputs, then what its subgraphs read from around them.
std::vector<std::string> namesReadBy(const ::onnx::NodeProto &node);
/// `nodes`, and behind each one those of its subgraphs, at any depth.
std::vector<const ::onnx::NodeProto *> withNested(llvm::ArrayRef<const ::onnx::NodeProto *> nodes);

/// The nodes that the graph's outputs depend on, each after those it reads, otherwise in file order.
/// Names that are produced twice, read but never produced, or produced in a cycle are said in `errors`.
/// `isOuter`: of a subgraph, whether the graph around it knows a name.
std::vector<const ::onnx::NodeProto *> orderNodes(const ::onnx::GraphProto &graph, StringRef file, ImportErrors &errors,
                                                  llvm::function_ref<bool(const std::string &)> isOuter = nullptr);

} // namespace mlir::llcc::frontend

#endif
