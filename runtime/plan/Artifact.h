// The .llx file: a header, a table of named sections, the sections' bytes, each with its xxh3-64 hash.
#ifndef LLCC_RUNTIME_PLAN_ARTIFACT_H
#define LLCC_RUNTIME_PLAN_ARTIFACT_H

#include "runtime/plan/Plan.h"
#include <string_view>

namespace llcc::rt {

/// Sections: "plan" (serialize), "code.cpu" (ELF shared object), "code.cuda" (cubin), "code.ptx", "model.onnx" (the
/// user's model with every parameter in raw_data form, so that weights are byte ranges), "file:NAME" (external data of
/// the model), "ir" (text after the lower stage).
struct Section {
  std::string name;
  std::string bytes;
  std::string_view elsewhere{}; ///< bytes that somebody else keeps (a mapped file), instead of `bytes`
  std::string_view data() const { return elsewhere.data() ? elsewhere : std::string_view(bytes); }
};

/// Writes `path` whole or not at all (temporary file beside it, fsync, rename). Returns an error text (empty: written).
std::string writeArtifact(const std::string &path, const std::vector<Section> &sections);

/// A mapped artifact; sections stay valid as long as it lives.
class Artifact {
public:
  Artifact() = default;
  Artifact(const Artifact &) = delete;
  Artifact &operator=(const Artifact &) = delete;
  ~Artifact();
  /// Maps the file and checks sizes and all hashes. Returns an error text that names the file (empty: fine).
  std::string open(const std::string &path);
  /// Bytes of a section; nullptr data where there is none.
  std::string_view section(std::string_view name) const;
  /// Says that `part` of a section is not needed soon: its pages count no longer as memory of this process, and come
  /// back from the file when they are read again.
  void release(std::string_view part) const;
  std::vector<std::string> names() const;
  /// Of all sections' names, sizes and hashes: equal for equal artifacts.
  uint64_t hash() const { return identity; }

private:
  void *base = nullptr;
  size_t size = 0;
  uint64_t identity = 0;
  struct Entry {
    std::string name;
    uint64_t offset, bytes;
  };
  std::vector<Entry> entries;
};

} // namespace llcc::rt

#endif
