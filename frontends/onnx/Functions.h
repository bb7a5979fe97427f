// What the file nests is brought to where the importer looks: model-local functions into the graph, initializers of
// subgraphs to the top.
#ifndef LLCC_FRONTENDS_ONNX_FUNCTIONS_H
#define LLCC_FRONTENDS_ONNX_FUNCTIONS_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::llcc::frontend {

/// Opset of nodes whose function imports another one than the model.
using NodeOpsets = llvm::DenseMap<const ::onnx::NodeProto *, int64_t>;

/// Replaces each call of a model-local function by its body, at any depth: nodes are called CALL/NODE, values
/// CALL/VALUE. `opset`: of the model. Fails (said) where functions call each other in a circle or the result passes
/// 2^20 nodes.
LogicalResult inlineFunctions(::onnx::ModelProto &model, int64_t opset, StringRef file, NodeOpsets &opsets,
                              ImportErrors &errors);

/// Moves the initializers of subgraphs to the graph, under a new name where theirs is taken, so that they are
/// parameters as any other.
void hoistInitializers(::onnx::GraphProto &graph);

} // namespace mlir::llcc::frontend

#endif
