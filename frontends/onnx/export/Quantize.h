// Writes a model whose contractions and convolutions compute with 8-bit integers, in ONNX's QDQ form.
#ifndef LLCC_FRONTENDS_ONNX_EXPORT_QUANTIZE_H
#define LLCC_FRONTENDS_ONNX_EXPORT_QUANTIZE_H

#include "frontends/onnx/Import.h"

namespace mlir::llcc {

struct QuantizeOptions {
  /// What a contraction reads beside its weight: int8 or uint8 numbers, or floats as before (weights alone are smaller
  /// then, and no data are needed).
  enum class Activations { Int8, UInt8, Float } activations = Activations::Int8;
  std::vector<std::string> keep; ///< globs over names of nodes and weights that stay as they are
};

/// Smallest and largest number that a value of the graph took.
using ValueRanges = std::map<std::string, std::pair<double, double>>;

/// What was done, for people.
struct QuantizeSummary {
  int64_t quantized = 0, kept = 0;          ///< nodes with a stored weight; those left as they are
  std::vector<std::string> why;             ///< one sentence for each reason to leave nodes, with their names
  uint64_t bytesBefore = 0, bytesAfter = 0; ///< of the quantized weights
  int64_t opsetBefore = 0, opset = 0;
};

/// The values of the graph at `path` whose ranges writeQuantized needs. Says in `errors` what is wrong.
FailureOr<std::vector<std::string>> valuesToMeasure(StringRef path, const QuantizeOptions &options,
                                                    MLIRContext *context, ImportErrors &errors);

/// Writes the model at `path` to `out` with int8 weights: MatMul, Gemm, Conv and ConvTranspose read
/// DequantizeLinear(int8, scale of each output channel), their other input QuantizeLinear → DequantizeLinear with one
/// scale, biases of Conv and Gemm are int32. Symmetric weights: w = scale · q, scale = max|w| / 127 (no clipping);
/// activations: x = scale · (q - zero point), 0 representable. Models of an older opset are raised to 13.
LogicalResult writeQuantized(StringRef path, StringRef out, const QuantizeOptions &options, const ValueRanges &ranges,
                             MLIRContext *context, ImportErrors &errors, QuantizeSummary &summary);

} // namespace mlir::llcc

#endif
