// The CUDA driver, opened at run time.
#include "runtime/devices/cuda/Driver.h"
#include "runtime/core/Error.h"

namespace llcc::rt {
namespace {

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

} // namespace

const Driver &Driver::get() {
  static const Driver driver; // a constructor that throws is tried again by the next caller
  return driver;
}

Driver::Driver() {
  if (!library.open("libcuda.so.1", "LLCC_LIBCUDA"))
    throw Error{Unavailable, "there is no CUDA driver on this machine (" + library.why() +
                                 "); install NVIDIA's driver, or compile with --target=cpu"};
#define LLCC_CUDA_LOAD(name)                                                                                           \
  this->name = reinterpret_cast<decltype(this->name)>(library.symbol(LLCC_CUDA_SYMBOL(name)));
  LLCC_CUDA_FUNCTIONS(LLCC_CUDA_LOAD)
#undef LLCC_CUDA_LOAD
  if (cuDriverGetVersion)
    cuDriverGetVersion(&version);
  // A newer minor version is compatible within its major one (CUDA Compatibility, "minor version compatibility"), so
  // what counts is whether the functions are there.
  constexpr int needed = CUDA_VERSION / 1000 * 1000;
  if (!library.missing().empty() || version < needed)
    throw Error{Unavailable, library.path() + " is a driver for CUDA " + versionText(version) + ", this build needs " +
                                 versionText(needed) + " or newer" +
                                 (library.missing().empty() ? "" : " (it lacks " + library.missing() + ")") +
                                 "; update NVIDIA's driver, or compile with --target=cpu"};
  CUresult result = cuInit(0);
  if (result == CUDA_SUCCESS)
    result = cuDeviceGetCount(&devices);
  if (result == CUDA_ERROR_NO_DEVICE || (result == CUDA_SUCCESS && devices == 0))
    throw Error{Unavailable, "the CUDA driver sees no GPU on this machine; look at nvidia-smi and "
                             "CUDA_VISIBLE_DEVICES, or compile with --target=cpu"};
  check(result, "the CUDA driver does not start");
}

std::string Driver::describe(CUresult result) const {
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  std::string all = name ? name : "CUDA error " + std::to_string(static_cast<int>(result));
  return text ? all + " (" + text + ")" : all;
}

void Driver::check(CUresult result, const std::string &what) const {
  if (result != CUDA_SUCCESS)
    throw Error{Unavailable, what + ": " + describe(result)};
}

} // namespace llcc::rt
