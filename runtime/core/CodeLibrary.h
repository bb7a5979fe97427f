// The generated kernels of an artifact, loaded from memory.
#ifndef LLCC_RUNTIME_CORE_CODELIBRARY_H
#define LLCC_RUNTIME_CORE_CODELIBRARY_H

#include "runtime/plan/Plan.h"
#include <map>
#include <string_view>

namespace llcc::rt {

class CodeLibrary {
public:
  CodeLibrary() = default;
  CodeLibrary(const CodeLibrary &) = delete;
  CodeLibrary &operator=(const CodeLibrary &) = delete;
  ~CodeLibrary();
  /// Loads an ELF shared object and finds each kernel of the plan in it. Throws Error that begins with `path`.
  void load(const std::string &path, std::string_view code, const std::vector<Kernel> &kernels,
            const char *section = "code.cpu");
  const std::map<std::string, CpuKernel> &kernels() const { return table; }

private:
  int fd = -1;
  void *handle = nullptr;
  std::map<std::string, CpuKernel> table;
};

/// Throws Error if this machine lacks instructions that "cpu:LEVEL" allows, or the target is no CPU.
void checkTarget(const std::string &path, const std::string &target);

} // namespace llcc::rt

#endif
