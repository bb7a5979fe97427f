// One GPU through the CUDA driver and NVIDIA's libraries.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_CUDAGPU_H
#define LLCC_RUNTIME_DEVICES_CUDA_CUDAGPU_H

#include "runtime/devices/cuda/Blas.h"
#include "runtime/devices/cuda/Dnn.h"
#include "runtime/devices/cuda/Nccl.h"
#include <optional>

namespace llcc::rt {

class CudaGpu : public Gpu {
public:
  CudaGpu(const Driver &driver, const GpuPlace &place);
  ~CudaGpu() override;

  GpuAddress allocate(uint64_t bytes) override;
  void release(GpuAddress memory) override;
  uint64_t freeBytes() override;
  uint64_t totalBytes() override;
  void *pin(uint64_t bytes) override;
  void unpin(void *memory) override;

  void copyIn(Stream stream, GpuAddress to, const void *from, uint64_t bytes) override;
  void copyOut(Stream stream, void *to, GpuAddress from, uint64_t bytes) override;
  void copy(Stream stream, GpuAddress to, GpuAddress from, uint64_t bytes) override;
  void copyRows(Stream stream, GpuAddress to, uint64_t toPitch, GpuAddress from, uint64_t fromPitch, uint64_t width,
                uint64_t rows) override;
  void fill(Stream stream, GpuAddress to, uint32_t size, uint64_t bits, uint64_t count) override;
  void launch(Stream stream, uint32_t kernel, const std::vector<GpuAddress> &arguments) override;
  void mark(Stream stream, uint32_t *word, uint32_t value) override;

  std::function<void(Stream)> prepare(const Program &program, const Instr &instr, const std::vector<GpuAddress> &ins,
                                      const std::vector<GpuAddress> &outs) override;
  void finish() override;
  uint64_t libraryBytes() override { return workspaceBytes; }

  uint32_t join(const std::vector<uint32_t> &members) override;
  void exchange(Stream stream, const Exchange &exchange) override;
  void abandon() override;

  void record(Event event, Stream stream) override;
  void wait(Stream stream, Event event) override;
  bool waitOnHost(Event event, std::chrono::milliseconds atMost) override;
  void recordForHost(Event event, Stream stream) override;
  double secondsBetween(Event from, Event to) override;

  void beginCapture(Stream stream) override;
  Graph endCapture(Stream stream) override;
  void launch(Stream stream, Graph graph) override;
  void destroy(Graph graph) override;

private:
  void loadKernels(const GpuPlace &place);
  CUstream streamAt(Stream number);
  CUevent eventAt(Event number);
  /// Makes the context current: memory is released, and peers abandoned, from threads of the session as well.
  void enter() const { check(driver.cuCtxSetCurrent(context), "the GPU cannot be used"); }
  void check(CUresult result, const std::string &what) const;
  CUfunction builtin(const std::string &name);
  std::function<void(Stream)> recurrence(const Program &program, const Instr &instr, const std::vector<GpuAddress> &ins,
                                         const std::vector<GpuAddress> &outs);
  std::function<void(Stream)> contraction(const Program &program, const Instr &instr,
                                          const std::vector<GpuAddress> &ins, GpuAddress out);
  std::string where() const { return "GPU " + std::to_string(ordinal) + " (" + model + ")"; }

  const Driver &driver;
  uint32_t ordinal;
  std::string model;
  CUdevice device = 0;
  CUcontext context = nullptr;
  bool exact; ///< --deterministic=strategy: sums in one order, whatever the sizes
  CUmodule code = nullptr, own = nullptr;
  struct Loaded {
    CUfunction function;
    uint32_t grid[3], block[3];
    std::string name;
  };
  std::vector<Loaded> kernels;
  std::vector<CUstream> streams;
  std::vector<CUevent> events;
  std::vector<CUgraphExec> graphs;
  bool capturing = false;
  CUdeviceptr blasWorkspace = 0, dnnWorkspace = 0;
  uint64_t workspaceBytes = 0;
  std::unique_ptr<AlgorithmCache> algorithms;
  std::optional<Blas> blas;
  std::optional<Dnn> dnn;
  std::optional<Nccl> nccl;
};

} // namespace llcc::rt

#endif
