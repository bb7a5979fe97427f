// A file that appears under its name whole or not at all.
#include "runtime/plan/AtomicFile.h"
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace llcc::rt {

static std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

static uint64_t freeBytes(const std::string &folder) {
  struct statvfs info;
  return statvfs(folder.c_str(), &info) == 0 ? uint64_t(info.f_bavail) * info.f_frsize : UINT64_MAX;
}

AtomicFile::~AtomicFile() {
  if (fd >= 0)
    ::close(fd);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

std::string AtomicFile::failure(const char *what, int code) const {
  if (code == ENOSPC || code == EDQUOT)
    return path + ": disk is full, " + std::to_string(needed > written ? needed : written) + " bytes are needed, " +
           std::to_string(freeBytes(folderOf(path))) + " are free";
  return path + ": cannot " + what + ": " + std::strerror(code);
}

std::string AtomicFile::open(const std::string &target, uint64_t bytes) {
  static std::atomic<unsigned> serial{0};
  path = target;
  needed = bytes;
  if (bytes > freeBytes(folderOf(path)))
    return failure("write", ENOSPC);
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return failure("create", EISDIR);
  std::string name = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(serial++);
  fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0)
    return failure("create", errno);
  temporary = name;
  return "";
}

std::string AtomicFile::write(const void *data, uint64_t bytes) {
  const char *at = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t count = ::write(fd, at, bytes < (1u << 30) ? bytes : (1u << 30));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      int code = errno;
      written += bytes;
      return failure("write", code);
    }
    at += count;
    bytes -= static_cast<uint64_t>(count);
    written += static_cast<uint64_t>(count);
  }
  return "";
}

std::string AtomicFile::commit() {
  if (::fsync(fd) != 0)
    return failure("sync", errno);
  int closed = ::close(fd);
  fd = -1;
  if (closed != 0)
    return failure("close", errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return failure("create", errno);
  temporary.clear();
  // The rename itself must reach the disk; a file system that cannot sync folders is not an error.
  int folder = ::open(folderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return "";
}

} // namespace llcc::rt
