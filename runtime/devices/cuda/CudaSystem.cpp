// What the plug-in libllcc_cuda.so shows to the runtime: the GPUs of this machine.
#include "runtime/devices/cuda/CudaGpu.h"

namespace llcc::rt {
namespace {

class CudaSystem : public GpuSystem {
public:
  explicit CudaSystem(const Driver &driver) : driver(driver) {}
  uint32_t count() override { return static_cast<uint32_t>(driver.devices); }
  std::unique_ptr<Gpu> open(const GpuPlace &place) override { return std::make_unique<CudaGpu>(driver, place); }
  std::string invite() override { return Nccl::invite(); }

private:
  const Driver &driver;
};

} // namespace
} // namespace llcc::rt

extern "C" {
__attribute__((visibility("default"))) extern const uint32_t llcc_gpu_version;
const uint32_t llcc_gpu_version = ::llcc::rt::kGpuVersion;

__attribute__((visibility("default"))) ::llcc::rt::GpuSystem *llcc_make_gpu_system(const char **reason) {
  static thread_local std::string text;
  try {
    return new ::llcc::rt::CudaSystem(::llcc::rt::Driver::get());
  } catch (const ::llcc::rt::Error &failure) {
    text = failure.text;
    *reason = text.c_str();
    return nullptr;
  }
}
}
