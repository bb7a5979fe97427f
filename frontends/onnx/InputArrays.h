// The arrays of `llcc run`: they bind the shapes of the graph's inputs, and some of them are constants.
#ifndef LLCC_FRONTENDS_ONNX_INPUTARRAYS_H
#define LLCC_FRONTENDS_ONNX_INPUTARRAYS_H

#include "frontends/onnx/InputDims.h"
#include "frontends/onnx/Payload.h"

namespace mlir::llcc::frontend {

/// numpy's name of an ONNX element type: "<f4"; "|V2" for bfloat16, "|V1" for 8 bits and less; empty where there is
/// none.
StringRef numpyDescr(int32_t onnxType);

/// Inputs that have both a default (initializer) and no array get an array from it, those that have an array lose the
/// initializer: afterwards inputs and initializers are disjoint. Returns the arrays that were made.
InputArrays takeDefaults(::onnx::GraphProto &graph, const InputArrays &arrays, StringRef file, MLIRContext *context,
                         ExternalFiles &files, ImportErrors &errors);

/// Binds every input that has an array; `used` tells which ones must. Says what is wrong: missing arrays, element types
/// and dimensions that contradict the file.
std::optional<BoundInputs> bindArrays(const ::onnx::GraphProto &graph, const InputArrays &arrays,
                                      llvm::function_ref<bool(StringRef)> used, StringRef file, MLIRContext *context,
                                      ImportErrors &errors);

/// The elements of a bound array.
ConstantPtr constantOfArray(const InputArray &array, const ::onnx::ValueInfoProto &input, MLIRContext *context);

} // namespace mlir::llcc::frontend

#endif
