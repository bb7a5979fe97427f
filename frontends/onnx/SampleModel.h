// Small models of one node, for `llcc ops`: the support table is measured on them, not written by hand.
#ifndef LLCC_FRONTENDS_ONNX_SAMPLEMODEL_H
#define LLCC_FRONTENDS_ONNX_SAMPLEMODEL_H

#include "mlir/Support/LLVM.h"
#include <string>
#include <vector>

namespace mlir::llcc::frontend {

/// A row of the operator table and the opsets that read it.
struct OpRange {
  std::string domain, op;
  int64_t since = 1, until = 0; ///< both inclusive
};
std::vector<OpRange> opRanges();

/// Ways to call an operator, best first: "x2,3 c[1,2] | axis=1". Tokens: x data (f32 and f64: weights of the model), p
/// positive, i class numbers, b booleans, u uint8, q a sequence of two; constants: c[…] int64, s0.5 float, k of the
/// type, z uint8 scalar, t / f / t[1,0] booleans; - an input left out, @x what a subgraph reads. Behind the bar
/// attributes: integers, floats (with a point), lists, 'strings', {kinds} of subgraphs; "outputs=2"; "then=OP" makes a
/// tensor of a sequence.
std::vector<std::string> sampleSpecs(StringRef op);

/// A serialized model: one node of `op` in `opset` on inputs as `spec` says; `type` (TensorProto) for x and p. What it
/// can train is called in*. `wrapped`: the result is made f32 and scaled by a parameter, so that a step can be trained
/// with an operator that has no gradient.
std::string sampleModel(StringRef domain, StringRef op, int64_t opset, StringRef spec, int32_t type,
                        bool wrapped = false);

/// Element types that the table has columns for: TensorProto number and name.
ArrayRef<std::pair<int32_t, StringRef>> sampleTypes();

} // namespace mlir::llcc::frontend

#endif
