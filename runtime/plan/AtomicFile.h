// A file that appears under its name whole or not at all: written beside it, synced, then renamed.
#ifndef LLCC_RUNTIME_PLAN_ATOMICFILE_H
#define LLCC_RUNTIME_PLAN_ATOMICFILE_H

#include <cstdint>
#include <string>

namespace llcc::rt {

/// Use: open, write…, commit. Without commit the temporary file is removed. Each call returns an error text (empty:
/// done) that names the path; on a full disk also the bytes needed and free.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile();
  /// `bytes`: final size, checked against the free space first (0: unknown).
  std::string open(const std::string &path, uint64_t bytes);
  std::string write(const void *data, uint64_t bytes);
  /// Syncs and renames the file, and syncs the folder.
  std::string commit();

private:
  std::string failure(const char *what, int code) const;
  std::string path, temporary;
  uint64_t needed = 0, written = 0;
  int fd = -1;
};

} // namespace llcc::rt

#endif
