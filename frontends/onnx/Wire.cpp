// The protobuf wire format: field walker, and the limits that a model must keep before it is parsed.
#include "frontends/onnx/Wire.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"

namespace mlir::llcc::frontend {

bool WireReader::varint(uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (rest.empty()) {
      error = "it ends inside a number";
      return false;
    }
    uint8_t byte = rest.front();
    rest = rest.drop_front();
    if (shift < 64)
      value |= uint64_t(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  error = "a number is longer than 10 bytes";
  return false;
}

bool WireReader::next(WireField &field) {
  if (rest.empty() || *error)
    return false;
  uint64_t tag;
  if (!varint(tag))
    return false;
  field.number = uint32_t(tag >> 3);
  if (field.number == 0 || tag >> 32) {
    error = "a field number is out of range";
    return false;
  }
  auto take = [&](uint64_t size, const char *what) {
    if (size > rest.size()) {
      error = what;
      return false;
    }
    field.bytes = rest.take_front(size);
    rest = rest.drop_front(size);
    return true;
  };
  switch (tag & 7) {
  case 0:
    field.type = WireField::Varint;
    return varint(field.value);
  case 1:
    field.type = WireField::Fixed64;
    return take(8, "it ends inside a field");
  case 2: {
    field.type = WireField::Bytes;
    uint64_t size;
    return varint(size) && take(size, "a field is longer than what is left (the file is truncated)");
  }
  case 5:
    field.type = WireField::Fixed32;
    return take(4, "it ends inside a field");
  default:
    error = "a wire type is not known";
    return false;
  }
}

namespace {

enum class Message { Model, Graph, Function, Node, Attribute, Tensor, Value, Other };

// Submessages that the scan looks into: field numbers of onnx-ml.proto.
Message child(Message parent, uint32_t field) {
  switch (parent) {
  case Message::Model:
    return field == 7 ? Message::Graph : field == 25 ? Message::Function : Message::Other;
  case Message::Function:
    return field == 7 ? Message::Node : field == 11 ? Message::Attribute : Message::Other;
  case Message::Graph:
    return field == 1                   ? Message::Node
           : field == 5                 ? Message::Tensor
           : field >= 11 && field <= 13 ? Message::Value
                                        : Message::Other;
  case Message::Node:
    return field == 5 ? Message::Attribute : Message::Other;
  case Message::Attribute:
    return field == 5 || field == 10   ? Message::Tensor // t, tensors; 9 are strings
           : field == 6 || field == 11 ? Message::Graph  // g, graphs
                                       : Message::Other;
  default:
    return Message::Other;
  }
}

constexpr int64_t kMaxMessages =
    2'000'000;                     // nodes, tensors, attributes, value infos, and other fields of these, together
constexpr unsigned kMaxDepth = 96; // below protobuf's own limit of 100

constexpr size_t kMaxName = 65536; // bytes

/// Names of nodes, values, attributes, operators and domains: they are compared, joined, and printed in messages.
bool isName(Message parent, uint32_t field) {
  switch (parent) {
  case Message::Function:
    return field == 1 || (field >= 4 && field <= 6) || field == 10 || field == 13;
  case Message::Node:
    return (field >= 1 && field <= 4) || field == 7 || field == 8;
  case Message::Attribute:
    return field == 1 || field == 21;
  case Message::Tensor:
    return field == 8;
  case Message::Value:
    return field == 1;
  default:
    return false;
  }
}

constexpr uint64_t kBytesAMessage = 128; // the largest of protobuf's objects here takes 123

} // namespace

std::string scanModel(llvm::StringRef model, uint64_t maxMemory) {
  struct Open {
    Message kind;
    WireReader reader;
  };
  llvm::SmallVector<Open> stack;
  stack.push_back({Message::Model, WireReader(model)});
  int64_t messages = 0;
  uint64_t memory = model.size();
  while (!stack.empty()) {
    WireField field;
    Open &top = stack.back();
    if (!top.reader.next(field)) {
      if (*top.reader.error)
        return (llvm::Twine("is not a readable ONNX model: ") + top.reader.error + ", at byte " +
                llvm::Twine(top.reader.rest.data() - model.data()) + " of " + llvm::Twine(model.size()))
            .str();
      stack.pop_back();
      continue;
    }
    if (field.type != WireField::Bytes)
      continue;
    if (++messages > kMaxMessages)
      return (llvm::Twine("has more than ") + llvm::Twine(kMaxMessages) +
              " nodes, tensors, attributes and other entries")
          .str();
    if (isName(top.kind, field.number) && field.bytes.size() > kMaxName)
      return (llvm::Twine("has a name of ") + llvm::Twine(field.bytes.size()) + " bytes, at most " +
              llvm::Twine(kMaxName) + " are allowed")
          .str();
    // An object, and its bytes or, of packed numbers, up to 8 bytes for each.
    bool packs =
        top.kind == Message::Tensor || (top.kind == Message::Attribute && (field.number == 7 || field.number == 8));
    bool isBytes = top.kind == Message::Tensor && (field.number == 9 || field.number == 8 || field.number == 4);
    memory += kBytesAMessage + field.bytes.size() * (packs && !isBytes ? 8 : 1);
    Message kind = child(top.kind, field.number);
    if (kind != Message::Other)
      memory -= field.bytes.size(); // counted inside
    if (memory > maxMemory)
      return (llvm::Twine("takes more than ") + llvm::Twine(maxMemory) +
              " bytes of memory to read; raise --max-import-mem")
          .str();
    if (kind == Message::Other)
      continue;
    if (stack.size() >= kMaxDepth)
      return (llvm::Twine("nests its graphs deeper than ") + llvm::Twine(kMaxDepth) + " messages").str();
    stack.push_back({kind, WireReader(field.bytes)});
  }
  return {};
}

} // namespace mlir::llcc::frontend
