// Libraries that may or may not be on the machine.
#include "runtime/devices/cuda/SharedLibrary.h"
#include <cstdlib>
#include <dlfcn.h>

namespace llcc::rt {

// Never closed before the process ends: drivers leave threads behind that would run in unmapped code.
SharedLibrary::~SharedLibrary() = default;

bool SharedLibrary::open(const char *name, const char *variable) {
  const char *wish = std::getenv(variable);
  file = wish && *wish ? wish : name;
  handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *text = ::dlerror();
    reason = text ? text : file + " cannot be loaded";
  }
  return handle != nullptr;
}

void *SharedLibrary::symbol(const char *name) {
  void *found = handle ? ::dlsym(handle, name) : nullptr;
  if (!found && lacking.empty())
    lacking = name;
  return found;
}

} // namespace llcc::rt
