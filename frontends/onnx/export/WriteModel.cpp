// Writes a model that was changed: everything is inside one file, or the big tensors are in a second one beside it.
#include "frontends/onnx/export/WriteModel.h"
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/Weights.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::llcc::frontend {

static constexpr uint64_t kMostInside = uint64_t(1) << 30, kLeastOutside = 1024, kPage = 4096;

static void eachTensor(::onnx::GraphProto &graph, llvm::function_ref<void(::onnx::TensorProto &)> visit) {
  for (auto &tensor : *graph.mutable_initializer())
    visit(tensor);
  for (auto &node : *graph.mutable_node())
    for (auto &attribute : *node.mutable_attribute()) {
      if (attribute.has_t())
        visit(*attribute.mutable_t());
      if (attribute.has_g())
        eachTensor(*attribute.mutable_g(), visit);
    }
}

/// Temporary file beside `path`, then a rename.
static std::string writeWhole(StringRef path, llvm::function_ref<void(raw_ostream &)> write) {
  SmallString<128> temporary;
  int descriptor;
  if (std::error_code code =
          llvm::sys::fs::createUniqueFile(path + ".%%%%%%", descriptor, temporary, llvm::sys::fs::OF_None, 0644))
    return (path + ": cannot create: " + code.message()).str();
  llvm::raw_fd_ostream out(descriptor, /*shouldClose=*/true);
  write(out);
  out.close();
  std::error_code code = out.error();
  out.clear_error();
  if (!code)
    code = llvm::sys::fs::rename(temporary, path);
  if (!code)
    return {};
  (void)llvm::sys::fs::remove(temporary);
  return (path + ": cannot write: " + code.message()).str();
}

std::string writeModel(::onnx::ModelProto &model, ExternalFiles &files, const std::string &path, MLIRContext *context,
                       int &code) {
  bool outside = false;
  uint64_t total = 0;
  std::string wrong;
  // Weights are copied once, from the mapped file into the place that they go to.
  std::vector<std::pair<::onnx::TensorProto *, StringRef>> tensors;
  eachTensor(*model.mutable_graph(), [&](::onnx::TensorProto &tensor) {
    if (tensor.data_location() == ::onnx::TensorProto::EXTERNAL) {
      ImportErrors errors;
      auto payload = checkPayload(tensor, "tensor \"" + tensor.name() + "\"", context, files, errors);
      if (!payload && wrong.empty())
        wrong = errors.messages.front();
      if (!payload)
        return;
      std::string own; // stays empty: the bytes are the file's
      tensors.emplace_back(&tensor, readBytes(tensor, *payload, files, own));
      outside = true;
    } else if (tensor.raw_data().size() >= kLeastOutside) {
      tensors.emplace_back(&tensor, tensor.raw_data());
    } else
      return;
    total += tensors.back().second.size();
  });
  code = 65;
  if (!wrong.empty())
    return wrong;
  code = 73;
  outside |= total > kMostInside;
  if (outside) {
    std::string location = llvm::sys::path::filename(path).str() + ".data";
    wrong = writeWhole(path + ".data", [&](raw_ostream &out) {
      uint64_t at = 0;
      for (auto &[tensor, bytes] : tensors) {
        if (bytes.size() < kLeastOutside) {
          tensor->set_raw_data(bytes.str());
          tensor->clear_external_data();
          tensor->clear_data_location();
          continue;
        }
        out.write_zeros((at + kPage - 1) / kPage * kPage - at);
        at = (at + kPage - 1) / kPage * kPage;
        out << bytes;
        uint64_t size = bytes.size();
        tensor->clear_raw_data(); // which `bytes` may point to
        tensor->clear_external_data();
        tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
        for (auto [key, value] : {std::pair<const char *, std::string>("location", location),
                                  {"offset", std::to_string(at)},
                                  {"length", std::to_string(size)}}) {
          auto *entry = tensor->add_external_data();
          entry->set_key(key);
          entry->set_value(value);
        }
        at += size;
      }
    });
    if (!wrong.empty())
      return wrong;
  }
  std::string bytes = serializeModel(model);
  if (bytes.empty()) {
    code = 65;
    return path + ": the model has more than 2 GiB outside of its big tensors";
  }
  return writeWhole(path, [&](raw_ostream &out) { out << bytes; });
}

} // namespace mlir::llcc::frontend
