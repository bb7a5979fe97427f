// Libraries that may or may not be on the machine: opened by name at run time, so that one build runs with and without
// them.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_SHAREDLIBRARY_H
#define LLCC_RUNTIME_DEVICES_CUDA_SHAREDLIBRARY_H

#include <string>

namespace llcc::rt {

class SharedLibrary {
public:
  SharedLibrary() = default;
  SharedLibrary(const SharedLibrary &) = delete;
  SharedLibrary &operator=(const SharedLibrary &) = delete;
  ~SharedLibrary();
  /// Opens `name` (or the file that the environment variable `variable` names). False: it is not there, or does not
  /// load; why() says so in the loader's words.
  bool open(const char *name, const char *variable);
  /// nullptr: the library has no such symbol; missing() is the first one that it lacked.
  void *symbol(const char *name);
  const std::string &why() const { return reason; }
  const std::string &missing() const { return lacking; }
  const std::string &path() const { return file; }

private:
  void *handle = nullptr;
  std::string file, reason, lacking;
};

} // namespace llcc::rt

#endif
