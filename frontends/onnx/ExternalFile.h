// External data: the one place that opens a file whose name a model says.
#ifndef LLCC_FRONTENDS_ONNX_EXTERNALFILE_H
#define LLCC_FRONTENDS_ONNX_EXTERNALFILE_H

#include "frontends/onnx/Import.h"

namespace mlir::llcc::frontend {

/// Files beside the model, each read once.
class ExternalFiles {
public:
  /// `folder` holds the model; nothing outside it is ever opened.
  explicit ExternalFiles(std::string folder) : folder(std::move(folder)) {}

  struct Result {
    const std::string *bytes = nullptr; ///< lives as long as this object
    ImportErrors::Kind kind = ImportErrors::Bad;
    std::string error;
  };
  /// The bytes of `location`, a relative path below the folder: regular, without links of any kind on the way.
  const Result &open(const std::string &location);
  const std::string &location() const { return folder; }
  /// Moves the bytes of an opened file out.
  std::string take(const std::string &location) { return std::move(files[location].storage); }

private:
  struct File : Result {
    std::string storage;
  };
  std::string folder;
  std::map<std::string, File> files;
};

} // namespace mlir::llcc::frontend

#endif
