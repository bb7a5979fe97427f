// Convolutions by cuDNN, opened at run time.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_DNN_H
#define LLCC_RUNTIME_DEVICES_CUDA_DNN_H

#include "runtime/devices/cuda/Driver.h"
#include "runtime/plan/Plan.h"
#include <cudnn.h>
#include <functional>
#include <memory>
#include <vector>

namespace llcc::rt {

// clang-format off
#define LLCC_DNN_FUNCTIONS(use) \
  use(cudnnCreate) use(cudnnDestroy) use(cudnnGetVersion) use(cudnnGetErrorString) use(cudnnSetStream) \
  use(cudnnCreateTensorDescriptor) use(cudnnDestroyTensorDescriptor) use(cudnnSetTensorNdDescriptor) \
  use(cudnnCreateFilterDescriptor) use(cudnnDestroyFilterDescriptor) use(cudnnSetFilterNdDescriptor) \
  use(cudnnCreateConvolutionDescriptor) use(cudnnDestroyConvolutionDescriptor) use(cudnnSetConvolutionNdDescriptor) \
  use(cudnnSetConvolutionGroupCount) use(cudnnSetConvolutionMathType) \
  use(cudnnGetConvolutionForwardAlgorithm_v7) use(cudnnGetConvolutionBackwardDataAlgorithm_v7) \
  use(cudnnGetConvolutionBackwardFilterAlgorithm_v7) use(cudnnGetConvolutionForwardWorkspaceSize) \
  use(cudnnGetConvolutionBackwardDataWorkspaceSize) use(cudnnGetConvolutionBackwardFilterWorkspaceSize) \
  use(cudnnConvolutionForward) use(cudnnConvolutionBackwardData) use(cudnnConvolutionBackwardFilter)
// clang-format on

/// Functions of libcudnn by their names in cudnn.h.
struct DnnLibrary {
#define LLCC_DNN_FIELD(name) decltype(&::name) name = nullptr;
  LLCC_DNN_FUNCTIONS(LLCC_DNN_FIELD)
#undef LLCC_DNN_FIELD
  /// The library of this process, or nullptr where the machine has none.
  static const DnnLibrary *get();

private:
  SharedLibrary library;
  bool complete = false;
  DnnLibrary();
};

/// Convolutions of one GPU; used with its context current.
class Dnn {
public:
  /// Throws Error (Unavailable).
  explicit Dnn(const DnnLibrary &library, bool tf32);
  ~Dnn();
  /// Prepares Conv, ConvInputGrad or ConvWeightGrad with an algorithm that gives the same bits in every run. nullptr:
  /// cuDNN does not know this form (other padding at each end, a sum kept wider than its operands, no deterministic
  /// algorithm); a built-in kernel does it then.
  std::function<void(CUstream)> convolution(const Program &program, const Instr &instr,
                                            const std::vector<CUdeviceptr> &ins, CUdeviceptr out);
  /// What the largest of them needs; all share it, as they run on one stream.
  size_t workspaceBytes() const { return needed; }
  void giveWorkspace(CUdeviceptr memory) { workspace = memory; }

private:
  struct Convolution;
  void check(cudnnStatus_t status, const char *what) const;

  const DnnLibrary &library;
  bool tf32;
  cudnnHandle_t handle = nullptr;
  size_t needed = 0;
  CUdeviceptr workspace = 0;
};

} // namespace llcc::rt

#endif
