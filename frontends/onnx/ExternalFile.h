// External data: the one place that opens a file whose name a model says.
#ifndef LLCC_FRONTENDS_ONNX_EXTERNALFILE_H
#define LLCC_FRONTENDS_ONNX_EXTERNALFILE_H

#include "frontends/onnx/Import.h"
#include <optional>
#include <vector>

namespace mlir::llcc::frontend {

/// Files beside the model, each mapped once: weights are never copied into memory. Whoever shortens such a file while
/// llcc runs ends it (SIGBUS), as with every program that maps what it reads.
class ExternalFiles {
public:
  /// `folder` holds the model. What lies outside of it, or behind links, is opened only where it is in one of the
  /// folders `outside` in truth, after all links.
  explicit ExternalFiles(std::string folder, std::vector<std::string> outside = {})
      : folder(std::move(folder)), outside(std::move(outside)) {}

  struct Result {
    std::optional<StringRef> bytes; ///< lives as long as `owner` or this object
    ImportErrors::Kind kind = ImportErrors::Bad;
    std::string error;
    bool told = false; ///< an error about the file has been said
    std::shared_ptr<const void> owner;
  };
  /// The bytes of `location`, a relative path below the folder: regular, without links of any kind on the way.
  Result &open(const std::string &location);
  const std::string &location() const { return folder; }
  bool opensOutside() const { return !outside.empty(); }
  /// `name` opens the file that lies at `location`.
  void rename(const std::string &name, const std::string &location) { renamed[name] = location; }
  /// Files may be missing: what lies in them is then only known by its shape.
  void mayBeMissing() { missing = true; }
  bool areMissing(const Result &file) const { return missing && !file.bytes && file.kind == ImportErrors::Missing; }

private:
  bool missing = false;
  std::string folder;
  std::vector<std::string> outside;
  std::map<std::string, std::string> renamed;
  std::map<std::string, Result> files;
};

} // namespace mlir::llcc::frontend

#endif
