// Whole files: read, and written whole or not at all.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace llcc::rt {

std::string readFile(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    throw Failure{66, path + ": cannot open: " + strerror(errno)};
  struct stat info;
  if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
    close(fd);
    throw Failure{66, path + ": is not a regular file"};
  }
  std::string bytes(size_t(info.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    ssize_t n = read(fd, bytes.data() + have, bytes.size() - have);
    if (n <= 0)
      break;
    have += size_t(n);
  }
  close(fd);
  if (have < bytes.size())
    throw Failure{74, path + ": could be read to byte " + std::to_string(have) + " of " + std::to_string(bytes.size())};
  return bytes;
}

void needWritable(const std::string &flag, const std::string &path) {
  if (path.empty())
    return;
  std::string folder = path.find('/') == std::string::npos ? "." : path.substr(0, path.rfind('/') + 1);
  std::string what = flag + "=" + path + ": cannot be written: ";
  struct stat info;
  if (stat(folder.c_str(), &info))
    throw Failure{73, what + "the folder " + folder + ": " + strerror(errno)};
  if (!stat(path.c_str(), &info) && S_ISDIR(info.st_mode))
    throw Failure{73, what + strerror(EISDIR)};
  // A device such as /dev/full or /dev/stdout is written in place.
  bool inPlace = !stat(path.c_str(), &info) && !S_ISREG(info.st_mode);
  if (access(inPlace ? path.c_str() : folder.c_str(), W_OK))
    throw Failure{73, what + (inPlace ? "" : "the folder " + folder + ": ") + strerror(errno)};
}

[[noreturn]] static void cannotWrite(const std::string &path, size_t size, int error) {
  std::string text = path + ": cannot write " + std::to_string(size) + " bytes: " + strerror(error);
  struct statvfs disk;
  std::string folder = path.find('/') == std::string::npos ? "." : path.substr(0, path.rfind('/') + 1);
  if (error == ENOSPC && !statvfs(folder.c_str(), &disk))
    text += ", " + std::to_string(uint64_t(disk.f_bavail) * disk.f_frsize) + " bytes are free; nothing was changed";
  throw Failure{error == ENOSPC || error == EIO ? 74 : 73, text};
}

void writeFile(const std::string &path, const char *data, size_t size) {
  std::string temporary = path + ".tmp-" + std::to_string(getpid());
  int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    cannotWrite(path, size, errno);
  int error = 0;
  for (size_t done = 0; done < size && !error;) {
    ssize_t n = write(fd, data + done, size - done);
    if (n < 0 && errno != EINTR)
      error = errno;
    else if (n > 0)
      done += size_t(n);
  }
  if (!error && fsync(fd))
    error = errno;
  if (close(fd) && !error)
    error = errno;
  if (!error && rename(temporary.c_str(), path.c_str()))
    error = errno;
  if (error) {
    unlink(temporary.c_str());
    cannotWrite(path, size, error);
  }
}

bool isFolder(const std::string &path) {
  struct stat info;
  return !stat(path.c_str(), &info) && S_ISDIR(info.st_mode);
}

std::string format(const std::vector<int64_t> &dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

} // namespace llcc::rt
