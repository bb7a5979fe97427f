// The generated kernels of an artifact, loaded from memory: no file is written, nothing is left behind.
#include "runtime/core/CodeLibrary.h"
#include "runtime/core/Error.h"
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace llcc::rt {

CodeLibrary::~CodeLibrary() {
  if (handle)
    ::dlclose(handle);
  if (fd >= 0)
    ::close(fd);
}

void CodeLibrary::load(const std::string &path, std::string_view code, const std::vector<Kernel> &kernels,
                       const char *section) {
  if (kernels.empty())
    return;
  if (!code.data())
    throw Error{Data, path + ": has kernels but no section \"" + std::string(section) + "\"; compile the model again"};
  fd = ::memfd_create("llcc-kernels", MFD_CLOEXEC);
  if (fd < 0)
    throw Error{Unavailable, path + ": cannot make memory for kernels: " + std::strerror(errno)};
  for (size_t at = 0; at < code.size();) {
    ssize_t count = ::write(fd, code.data() + at, code.size() - at);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      throw Error{Unavailable, path + ": cannot copy kernels to memory: " + std::strerror(errno)};
    at += static_cast<size_t>(count);
  }
  // The loader knows libraries by name, so the descriptor stays open: no second one may get its number.
  handle = ::dlopen(("/proc/self/fd/" + std::to_string(fd)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *why = ::dlerror();
    throw Error{Data, path + ": kernels cannot be loaded: " + (why ? why : "unknown reason")};
  }
  for (const Kernel &kernel : kernels) {
    void *symbol = ::dlsym(handle, kernel.name.c_str());
    if (!symbol)
      throw Error{Data, path + ": kernel \"" + kernel.name + "\" is not in section \"" + section +
                            "\"; compile the model again"};
    table[kernel.name] = reinterpret_cast<CpuKernel>(symbol);
  }
}

void checkTarget(const std::string &path, const std::string &target) {
  if (target.compare(0, 3, "cpu") != 0)
    throw Error{Unavailable,
                path + ": is compiled for " + target +
                    ", this build runs cpu artifacts; running CUDA needs the CUDA plug-in; compile with --target=cpu"};
  size_t colon = target.find(':');
  std::string level = colon == std::string::npos ? "" : target.substr(colon + 1);
  __builtin_cpu_init();
  bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl");
  if ((level == "x86-64-v2" && !v2) || (level == "x86-64-v3" && !v3) || (level == "x86-64-v4" && !v4))
    throw Error{Unavailable, path + ": is compiled for " + target + ", this CPU has only " +
                                 (v3   ? "x86-64-v3"
                                  : v2 ? "x86-64-v2"
                                       : "x86-64") +
                                 "; compile with --target=cpu:" +
                                 (v3   ? "x86-64-v3"
                                  : v2 ? "x86-64-v2"
                                       : "x86-64")};
}

} // namespace llcc::rt
