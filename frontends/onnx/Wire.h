// The protobuf wire format, read without building messages: for limits before parsing, and to find where bytes lie.
#ifndef LLCC_FRONTENDS_ONNX_WIRE_H
#define LLCC_FRONTENDS_ONNX_WIRE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace mlir::llcc::frontend {

/// One field of a message. `bytes` points into the message for length-delimited fields.
struct WireField {
  uint32_t number = 0;
  enum Type : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 } type = Varint;
  uint64_t value = 0;
  llvm::StringRef bytes;
};

/// Walks the fields of one message.
class WireReader {
public:
  explicit WireReader(llvm::StringRef message) : rest(message) {}
  /// Reads the next field; false at the end or where the bytes are broken (then `error` is not empty).
  bool next(WireField &field);
  /// What is broken, as a sentence; `rest` begins there.
  const char *error = "";
  llvm::StringRef rest;

private:
  bool varint(uint64_t &value);
};

/// Checks the bytes of a ModelProto against the import limits (reference: protobuf makes up to 120 bytes of memory of
/// each byte of empty messages, so counts are bounded before it sees them, and what it will make may take `maxMemory`
/// bytes). Returns a sentence, empty where all is fine.
std::string scanModel(llvm::StringRef model, uint64_t maxMemory);

} // namespace mlir::llcc::frontend

#endif
