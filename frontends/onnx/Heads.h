// Outputs of a model beside the one that is trained.
#ifndef LLCC_FRONTENDS_ONNX_HEADS_H
#define LLCC_FRONTENDS_ONNX_HEADS_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::llcc::frontend {

using NodeSet = llvm::DenseSet<const ::onnx::NodeProto *>;

/// Those of `nodes` (producers first) that output `name` depends on.
NodeSet nodesBehind(ArrayRef<const ::onnx::NodeProto *> nodes, const std::string &name);

/// "; output "probabilities" does without: --output=probabilities" for the first float output of `graph` that no node
/// of `refused` is behind; empty where there is none.
std::string otherHead(const ::onnx::GraphProto &graph, ArrayRef<const ::onnx::NodeProto *> nodes,
                      llvm::function_ref<bool(const ::onnx::NodeProto &)> isRefused);

} // namespace mlir::llcc::frontend

#endif
