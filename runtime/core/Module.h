// A loaded artifact: verified plan, code, initial weights. Immutable, shared by sessions.
#ifndef LLCC_RUNTIME_CORE_MODULE_H
#define LLCC_RUNTIME_CORE_MODULE_H

#include "runtime/plan/Artifact.h"
#include <map>
#include <memory>

namespace llcc::rt {

class Module {
public:
  /// Opens, parses and verifies; throws Error.
  explicit Module(const std::string &path);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  /// Code of a CPU kernel; never null after construction for kernels that programs launch.
  CpuKernel kernel(const std::string &name) const { return kernels.at(name); }
  /// Initial bytes of a parameter.
  const char *initial(const Variable &variable) const;
  /// Number of `variable` by name, or -1.
  int64_t find(const std::string &variable) const;

  std::string path;
  Artifact artifact;
  Plan plan;

private:
  void loadCode();
  void *code = nullptr;
  std::map<std::string, CpuKernel> kernels;
};

} // namespace llcc::rt

#endif
