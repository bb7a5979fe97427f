// The trained model on disk, with its external data where the model looks for it.
#include "runtime/core/Save.h"
#include "runtime/core/Error.h"
#include "runtime/plan/AtomicFile.h"
#include <filesystem>

namespace llcc::rt {

namespace fs = std::filesystem;

static void writeWhole(const std::string &path, const std::string &bytes) {
  AtomicFile file;
  std::string error = file.open(path, bytes.size());
  if (error.empty())
    error = file.write(bytes.data(), bytes.size());
  if (error.empty())
    error = file.commit();
  if (!error.empty())
    throw Error{74, error};
}

void saveModel(const std::string &path, const std::vector<Section> &sections) {
  const Section *model = nullptr;
  for (const Section &section : sections) {
    if (section.name == "model.onnx")
      model = &section;
    if (section.name.rfind("file:", 0) != 0)
      continue;
    fs::path name = section.name.substr(5);
    for (const fs::path &part : name)
      if (name.is_absolute() || part == "..")
        throw Error{77, path + ": the model's external data is named " + name.string() + ", outside its folder"};
    fs::path target = fs::path(path).parent_path() / name;
    std::error_code error;
    if (target.has_parent_path())
      fs::create_directories(target.parent_path(), error);
    writeWhole(target, section.bytes);
  }
  if (!model)
    throw Error{65, path + ": the artifact holds no ONNX model to write"};
  writeWhole(path, model->bytes);
}

} // namespace llcc::rt
