// What a user can do about a model that holds what llcc does not have: text, sequences, unknown operators.
#ifndef LLCC_FRONTENDS_ONNX_REMEDIES_H
#define LLCC_FRONTENDS_ONNX_REMEDIES_H

#include "frontends/onnx/onnx-ml.pb.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::llcc::frontend {

/// "; what to do" about operator `op` of `domain` ("" for ONNX's own), of which OpTable has no row.
std::string operatorRemedy(llvm::StringRef domain, llvm::StringRef op);

/// `input "x" (read by node "cut" (StringSplit)) has element type string, which is not supported; what to do` of an
/// input that is no tensor, or whose elements are none that llcc computes with.
std::string refusedInput(const ::onnx::GraphProto &graph, const ::onnx::ValueInfoProto &input);

/// The same of an output, with the node that makes it.
std::string refusedOutput(const ::onnx::GraphProto &graph, const ::onnx::ValueInfoProto &output);

} // namespace mlir::llcc::frontend

#endif
