// Loads the plug-in that knows CUDA, which lies beside this library: one build runs with and without a GPU.
#include "runtime/devices/cuda/GpuSystems.h"
#include "runtime/devices/cudasim/SimWorld.h"
#include <cstring>
#include <dlfcn.h>

namespace llcc::rt {

static std::unique_ptr<GpuSystem> loadCuda(const std::string &path, const std::string &target) {
  std::string file = "libllcc_cuda.so";
  Dl_info self{};
  if (::dladdr(reinterpret_cast<void *>(&openGpus), &self) && self.dli_fname && std::strchr(self.dli_fname, '/'))
    file = std::string(self.dli_fname, std::strrchr(self.dli_fname, '/') + 1) + file;
  std::string compiled = path + ": is compiled for " + target;
  void *library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw Error{Unavailable, compiled + ", running CUDA needs the CUDA plug-in, which cannot be loaded (" +
                                 ::dlerror() + "); compile with --target=cpu"};
  auto *version = static_cast<const uint32_t *>(::dlsym(library, kGpuVersionName));
  auto make = reinterpret_cast<MakeGpuSystem>(::dlsym(library, kMakeGpuSystem));
  if (!version || *version != kGpuVersion || !make)
    throw Error{Unavailable, file + ": is a plug-in of another build of llcc"};
  const char *reason = "";
  GpuSystem *system = make(&reason);
  if (!system)
    throw Error{Unavailable, compiled + ", and " + reason};
  return std::unique_ptr<GpuSystem>(system);
}

std::unique_ptr<GpuSystem> openGpus(const std::string &path, const std::string &target) {
  std::string kind = target.substr(0, target.find(':'));
  if (kind == "cuda")
    return loadCuda(path, target);
  if (kind == "cudasim")
    return makeSimWorld();
  throw Error{Unavailable, path + ": is compiled for " + target + ", this build runs cpu, cuda and cudasim artifacts"};
}

} // namespace llcc::rt
