// Whole files: read, and written whole or not at all.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include "runtime/plan/AtomicFile.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
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

void writeFile(const std::string &path, const char *data, size_t size) {
  AtomicFile file;
  std::string error = file.open(path, size);
  if (!error.empty())
    throw Failure{73, error};
  error = file.write(data, size);
  if (error.empty())
    error = file.commit();
  if (!error.empty())
    throw Failure{74, error};
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
