// External data: the one place that opens a file whose name a model says. The kernel resolves the path (openat2 with
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS), as every check by string has been circumvented (CVE-2022-25882,
// CVE-2024-27318, CVE-2026-27489); where openat2 does not exist, the path is walked a component at a time with
// O_NOFOLLOW.
#include "frontends/onnx/ExternalFile.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mlir::llcc::frontend {

namespace {

struct Descriptor {
  int fd = -1;
  Descriptor(int fd) : fd(fd) {}
  Descriptor(const Descriptor &) = delete;
  ~Descriptor() {
    if (fd >= 0)
      close(fd);
  }
};

/// Why `location` may not be opened at all; null where it looks like a path below the folder.
const char *refuse(llvm::StringRef location) {
  if (location.empty())
    return "the path is empty";
  if (location.contains('\0'))
    return "the path contains a NUL byte";
  if (location.starts_with("/"))
    return "the path is absolute; it must stay in the model's folder";
  if (location.contains('\\'))
    return "the path contains a backslash; use / and stay in the model's folder";
  llvm::SmallVector<llvm::StringRef> parts;
  location.split(parts, '/');
  for (llvm::StringRef part : parts)
    if (part == "..")
      return "the path leaves the model's folder";
  return nullptr;
}

/// Opens component by component, for kernels without openat2.
int openWalking(int folder, llvm::StringRef location) {
  int at = dup(folder);
  llvm::SmallVector<llvm::StringRef> parts;
  location.split(parts, '/', -1, /*KeepEmpty=*/false);
  for (auto [i, part] : llvm::enumerate(parts)) {
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (i + 1 < parts.size() ? O_DIRECTORY : 0);
    int next = at < 0 ? -1 : openat(at, part.str().c_str(), flags);
    int error = errno;
    if (at >= 0)
      close(at);
    errno = error;
    at = next;
  }
  return at;
}

int openBeneath(int folder, const std::string &location) {
  struct open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int fd = int(syscall(SYS_openat2, folder, location.c_str(), &how, sizeof(how)));
  return fd < 0 && (errno == ENOSYS || errno == EPERM) ? openWalking(folder, location) : fd;
}

/// Maps the file; returns what is wrong, with its kind.
std::pair<ImportErrors::Kind, std::string> mapBeneath(const std::string &folder, const std::string &location,
                                                      ExternalFiles::Result &result) {
  if (const char *why = refuse(location))
    return {ImportErrors::Escape, why};
  Descriptor base(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Descriptor file(base.fd < 0 ? -1 : openBeneath(base.fd, location));
  if (file.fd < 0) {
    switch (errno) {
    case ELOOP:
      return {ImportErrors::Escape, "the path goes through a symbolic link; copy the file into the model's folder"};
    case EXDEV:
      return {ImportErrors::Escape, "the path leaves the model's folder"};
    case ENOENT:
      return {ImportErrors::Missing, "no such file in the model's folder"};
    default:
      return {ImportErrors::Missing, strerror(errno)};
    }
  }
  struct stat info;
  if (fstat(file.fd, &info) != 0)
    return {ImportErrors::Missing, strerror(errno)};
  if (!S_ISREG(info.st_mode))
    return {ImportErrors::Bad, "it is not a regular file"};
  if (info.st_nlink != 1)
    return {ImportErrors::Escape,
            "it has " + std::to_string(info.st_nlink) + " hard links; copy the file into the model's folder"};
  size_t size = info.st_size;
  result.bytes = StringRef();
  if (size == 0) // cannot be mapped
    return {ImportErrors::Bad, {}};
  void *mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (mapped == MAP_FAILED) {
    result.bytes.reset();
    return {ImportErrors::Missing, strerror(errno)};
  }
  result.bytes = StringRef(static_cast<const char *>(mapped), size);
  result.owner =
      std::shared_ptr<const void>(mapped, [size](const void *bytes) { munmap(const_cast<void *>(bytes), size); });
  return {ImportErrors::Bad, {}};
}

} // namespace

const ExternalFiles::Result &ExternalFiles::open(const std::string &location) {
  auto [it, inserted] = files.try_emplace(location);
  if (inserted)
    std::tie(it->second.kind, it->second.error) = mapBeneath(folder, location, it->second);
  return it->second;
}

} // namespace mlir::llcc::frontend
