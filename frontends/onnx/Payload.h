// The bytes of a TensorProto, wherever they are: typed fields, raw_data, or a file beside the model.
#ifndef LLCC_FRONTENDS_ONNX_PAYLOAD_H
#define LLCC_FRONTENDS_ONNX_PAYLOAD_H

#include "frontends/onnx/Constant.h"
#include "frontends/onnx/ExternalFile.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"

namespace mlir::llcc::frontend {

/// "float32", "int64", … for messages.
std::string dtypeName(int32_t onnxType);
/// The element type, with its sign (ui8); null where llcc does not compute with it.
Type elementType(MLIRContext *context, int32_t onnxType);

/// A tensor whose dimensions and payload have been checked against each other.
struct Payload {
  Type type;
  Shape shape;
  int64_t elements = 0;
  /// Where the bytes are, if outside the model.
  std::string file;
  uint64_t offset = 0, bytes = 0;
  bool absent = false; ///< the file is not there, and need not be: the elements cannot be read
};

/// Checks `tensor`: known type, dimensions without overflow, elements x size == payload, external data inside the
/// folder. On failure adds a message that begins with `subject` and returns nothing.
std::optional<Payload> checkPayload(const ::onnx::TensorProto &tensor, const Twine &subject, MLIRContext *context,
                                    ExternalFiles &files, ImportErrors &errors);

/// Little-endian, dense, row-major bytes of a checked tensor: where they lie in the model or in its file, or in `own`
/// where typed fields had to be converted.
StringRef readBytes(const ::onnx::TensorProto &tensor, const Payload &payload, ExternalFiles &files, std::string &own);

/// Elements of a checked tensor.
ConstantPtr readConstant(const ::onnx::TensorProto &tensor, const Payload &payload, ExternalFiles &files);

/// Moves the elements of a checked, internal tensor into raw_data.
void makeRaw(::onnx::TensorProto &tensor, const Payload &payload);

} // namespace mlir::llcc::frontend

#endif
