// What the import gives the artifact: the model in raw form, files beside it, and where each parameter lies in them.
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/Weights.h"
#include <set>

namespace mlir::llcc::frontend {

/// Section and offset of the bytes of a stored tensor; `raw`: of the tensors inside the serialized model.
std::pair<std::string, uint64_t> Importer::placeOf(const Initializer &tensor,
                                                   const llvm::StringMap<std::pair<uint64_t, uint64_t>> &raw) const {
  if (!tensor.payload.file.empty())
    return {"file:" + tensor.payload.file, tensor.payload.offset};
  return {"model.onnx", raw.lookup(tensor.name).first};
}

void Importer::placeWeights(ImportedModel &imported) {
  std::string computed;
  writeInferenceForm(*model.mutable_graph(), opset);
  for (const Initializer &t : tensors)
    if (t.parameter)
      makeRaw(*t.proto, t.payload);
  // What the training algorithm stored is no part of the graph that is saved.
  for (Argument &a : arguments)
    if (a.tensor && appended.others.count(a.tensor->name)) {
      std::string own;
      a.computed = readBytes(*a.tensor->proto, a.tensor->payload, files, own).str();
      a.tensor = nullptr;
    }
  removeAlgorithm(*model.mutable_graph(), appended);
  std::string bytes = serializeModel(model);
  auto raw = findRawData(bytes);
  for (const Argument &a : arguments) {
    if (!a.attributes.contains("llcc.param"))
      continue;
    WeightBytes w;
    w.param = a.name;
    if (!a.tensor) {
      computed.resize((computed.size() + 63) / 64 * 64);
      w.section = "constants";
      w.offset = computed.size();
      w.bytes = a.computed.size();
      computed += a.computed;
    } else {
      w.bytes = a.tensor->payload.bytes;
      std::tie(w.section, w.offset) = placeOf(*a.tensor, raw);
      for (const Initializer &t : tensors)
        if (t.tiedTo == a.tensor) {
          auto [section, offset] = placeOf(t, raw);
          w.copies.push_back({t.name, section, offset, t.transposed});
        }
      if (auto adapter = adapters.find(a.tensor); adapter != adapters.end()) {
        w.mergeLeft = adapter->second.nameB;
        w.mergeRight = adapter->second.nameA;
        w.mergeScale = adapter->second.scale;
        w.mergeTransposed = adapter->second.inFirst;
      }
    }
    imported.weights.push_back(std::move(w));
  }
  auto keep = [&](const char *name, std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    imported.sections.push_back({name, *owner, owner});
  };
  keep("model.onnx", std::move(bytes));
  // Whole files, constants in them included: a saved model finds its files beside it.
  std::set<std::string> external;
  for (const Initializer &t : tensors)
    if (!t.payload.file.empty())
      external.insert("file:" + t.payload.file);
  for (StringRef section : external)
    if (std::string name = section.str(); section.consume_front("file:")) {
      const ExternalFiles::Result &file = files.open(section.str());
      if (files.areMissing(file))
        continue;
      imported.sections.push_back({name, *file.bytes, file.owner});
    }
  if (!computed.empty())
    keep("constants", std::move(computed));
}

} // namespace mlir::llcc::frontend
