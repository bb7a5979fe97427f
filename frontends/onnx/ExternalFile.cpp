// External data: the one place that opens a file whose name a model says. The kernel resolves the path (openat2 with
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS), as every check by string has been circumvented (CVE-2022-25882,
// CVE-2024-27318, CVE-2026-27489); where openat2 does not exist, the path is walked a component at a time with
// O_NOFOLLOW.
#include "frontends/onnx/ExternalFile.h"
#include "llvm/ADT/STLExtras.h"
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

using Problem = std::pair<ImportErrors::Kind, std::string>;

/// Maps the open file; returns what is wrong, with its kind.
Problem mapFile(int file, bool mayHaveLinks, ExternalFiles::Result &result) {
  struct stat info;
  if (fstat(file, &info) != 0)
    return {ImportErrors::Missing, strerror(errno)};
  if (!S_ISREG(info.st_mode))
    return {ImportErrors::Bad, "it is not a regular file"};
  if (info.st_nlink != 1 && !mayHaveLinks)
    return {ImportErrors::Escape,
            "it has " + std::to_string(info.st_nlink) + " hard links; copy the file into the model's folder"};
  size_t size = info.st_size;
  result.bytes = StringRef();
  if (size == 0) // cannot be mapped
    return {ImportErrors::Bad, {}};
  void *mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) {
    result.bytes.reset();
    return {ImportErrors::Missing, strerror(errno)};
  }
  result.bytes = StringRef(static_cast<const char *>(mapped), size);
  result.owner =
      std::shared_ptr<const void>(mapped, [size](const void *bytes) { munmap(const_cast<void *>(bytes), size); });
  return {ImportErrors::Bad, {}};
}

/// Opens below the folder, without links; returns what is wrong, with its kind.
Problem mapBeneath(const std::string &folder, const std::string &location, ExternalFiles::Result &result) {
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
  return mapFile(file.fd, /*mayHaveLinks=*/false, result);
}

/// The path of what `fd` stands for, all links followed: what the kernel opened, whatever the names say since.
std::string truePath(int fd) {
  char path[4096];
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  ssize_t length = fd < 0 ? -1 : readlink(link.c_str(), path, sizeof(path));
  return length > 0 && size_t(length) < sizeof(path) ? std::string(path, size_t(length)) : "";
}

/// Opens wherever it is, links and all, if that is in one of the folders `allowed`. O_PATH first: nothing is read, and
/// no device or pipe touched, before its place is known.
Problem mapOutside(const std::string &folder, const std::string &location, const std::vector<std::string> &allowed,
                   ExternalFiles::Result &result) {
  std::string path = location[0] == '/' || folder.empty() ? location : folder + "/" + location;
  Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (place.fd < 0)
    return {ImportErrors::Missing, path + ": " + strerror(errno)};
  std::string found = truePath(place.fd);
  bool inside = llvm::any_of(allowed, [&](const std::string &name) {
    Descriptor base(::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::string in = truePath(base.fd);
    if (in != "/")
      in += "/"; // else /models/a would hold /models/ab
    return base.fd >= 0 && StringRef(found).starts_with(in);
  });
  if (found.empty() || !inside)
    return {ImportErrors::Escape, "it lies in " + (found.empty() ? std::string("no folder") : found) +
                                      ", outside of the folders of --allow-external-data-outside"};
  Descriptor file(::open(("/proc/self/fd/" + std::to_string(place.fd)).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0)
    return {ImportErrors::Missing, strerror(errno)};
  return mapFile(file.fd, /*mayHaveLinks=*/true, result);
}

} // namespace

ExternalFiles::Result &ExternalFiles::open(const std::string &location) {
  auto [it, inserted] = files.try_emplace(location);
  if (!inserted)
    return it->second;
  Result &result = it->second;
  auto other = renamed.find(location);
  const std::string &path = other == renamed.end() ? location : other->second;
  std::tie(result.kind, result.error) = mapBeneath(folder, path, result);
  if (result.kind != ImportErrors::Escape || path.empty() ||
      StringRef(path).find_first_of(StringRef("\0\\", 2)) != StringRef::npos)
    return result;
  if (outside.empty())
    result.error += ", or allow the folder in which it lies: --allow-external-data-outside=FOLDER";
  else
    std::tie(result.kind, result.error) = mapOutside(folder, path, outside, result);
  return result;
}

} // namespace mlir::llcc::frontend
