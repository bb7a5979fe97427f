// The bytes of parameters: the model in raw form, and where in it each parameter lies.
#include "frontends/onnx/Weights.h"
#include "frontends/onnx/Wire.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace mlir::llcc::frontend {

std::string serializeModel(const ::onnx::ModelProto &model) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  model.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

/// Calls `visit` for the length-delimited fields `number` of `message`.
static void each(StringRef message, uint32_t number, llvm::function_ref<void(StringRef)> visit) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field))
    if (field.number == number && field.type == WireField::Bytes)
      visit(field.bytes);
}

llvm::StringMap<std::pair<uint64_t, uint64_t>> findRawData(StringRef model) {
  // Field numbers of onnx-ml.proto: Model.graph 7; Graph.node 1, initializer 5; Node.output 2, attribute 5;
  // Attribute.name 1, t 5; Tensor.name 8, raw_data 9.
  llvm::StringMap<std::pair<uint64_t, uint64_t>> found;
  auto remember = [&](StringRef name, StringRef tensor) {
    each(tensor, 9, [&](StringRef raw) { found[name] = {uint64_t(raw.data() - model.data()), raw.size()}; });
  };
  each(model, 7, [&](StringRef graph) {
    each(graph, 1, [&](StringRef node) {
      StringRef output;
      each(node, 2, [&](StringRef name) { output = output.empty() ? name : output; });
      each(node, 5, [&](StringRef attribute) {
        bool isValue = false;
        each(attribute, 1, [&](StringRef name) { isValue = name == "value"; });
        if (isValue)
          each(attribute, 5, [&](StringRef tensor) { remember(output, tensor); });
      });
    });
    each(graph, 5, [&](StringRef tensor) {
      StringRef name;
      each(tensor, 8, [&](StringRef bytes) { name = bytes; });
      remember(name, tensor);
    });
  });
  return found;
}

} // namespace mlir::llcc::frontend
