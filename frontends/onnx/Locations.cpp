// Locations of external data in plain form: without "." and empty parts, and below the folder where the user allows
// files outside of it.
#include "frontends/onnx/Locations.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Path.h"

namespace mlir::llcc::frontend {

using ::onnx::TensorProto;

namespace {

using Visit = llvm::function_ref<void(TensorProto &)>;

void forTensors(::onnx::GraphProto &graph, Visit visit);

void forTensors(::onnx::NodeProto &node, Visit visit) {
  for (auto &attribute : *node.mutable_attribute()) {
    if (attribute.has_t())
      visit(*attribute.mutable_t());
    for (auto &tensor : *attribute.mutable_tensors())
      visit(tensor);
    if (attribute.has_g())
      forTensors(*attribute.mutable_g(), visit);
    for (auto &graph : *attribute.mutable_graphs())
      forTensors(graph, visit);
  }
}

void forTensors(::onnx::GraphProto &graph, Visit visit) {
  for (auto &tensor : *graph.mutable_initializer())
    visit(tensor);
  for (auto &node : *graph.mutable_node())
    forTensors(node, visit);
}

/// Every location in `model`.
SmallVector<std::string *> locationsIn(::onnx::ModelProto &model) {
  SmallVector<std::string *> found;
  auto visit = [&](TensorProto &tensor) {
    if (tensor.data_location() != TensorProto::EXTERNAL)
      return;
    for (auto &entry : *tensor.mutable_external_data())
      if (entry.key() == "location")
        found.push_back(entry.mutable_value());
  };
  forTensors(*model.mutable_graph(), visit);
  for (auto &function : *model.mutable_functions())
    for (auto &node : *function.mutable_node())
      forTensors(node, visit);
  return found;
}

/// Without "." and empty parts; nothing where it leaves the folder, or is no path (said when it is opened).
std::optional<std::string> plain(StringRef location) {
  SmallVector<StringRef> parts;
  location.split(parts, '/');
  if (location.starts_with("/") || llvm::is_contained(parts, ".."))
    return std::nullopt;
  llvm::erase_if(parts, [](StringRef part) { return part.empty() || part == "."; });
  return llvm::join(parts, "/");
}

} // namespace

void placeInside(::onnx::ModelProto &model, ExternalFiles &files) {
  SmallVector<std::string *> locations = locationsIn(model);
  std::map<std::string, std::string> placed; // plain name -> what the model said
  for (std::string *location : locations)
    if (std::optional<std::string> name = plain(*location); name && !name->empty()) {
      placed.try_emplace(*name, *location);
      *location = *name;
    }
  if (!files.opensOutside())
    return;
  for (std::string *location : locations) {
    if (plain(*location))
      continue;
    StringRef file = llvm::sys::path::filename(*location);
    if (file.empty() || file == "." || file == "..")
      continue;
    StringRef stem = llvm::sys::path::stem(file), extension = llvm::sys::path::extension(file);
    std::string name = file.str();
    for (unsigned n = 2; placed.count(name) && placed[name] != *location; ++n)
      name = (stem + "-" + Twine(n) + extension).str();
    placed[name] = *location;
    files.rename(name, *location);
    *location = name;
  }
}

} // namespace mlir::llcc::frontend
