// Convolutions by cuDNN. The calls are those of its older interface, which version 9 still has: descriptors of fixed
// form, and an algorithm by number that stays the same from run to run.
#include "runtime/devices/cuda/Dnn.h"
#include "runtime/core/Error.h"
#include <algorithm>
#include <cstdint>

namespace llcc::rt {

DnnLibrary::DnnLibrary() {
  if (!library.open("libcudnn.so.9", "LLCC_LIBCUDNN"))
    return;
#define LLCC_DNN_LOAD(name) this->name = reinterpret_cast<decltype(this->name)>(library.symbol(#name));
  LLCC_DNN_FUNCTIONS(LLCC_DNN_LOAD)
#undef LLCC_DNN_LOAD
  complete = library.missing().empty();
}

const DnnLibrary *DnnLibrary::get() {
  static const DnnLibrary library;
  return library.complete ? &library : nullptr;
}

/// Descriptors of one instruction, in the words of the forward convolution: x, w, y.
struct Dnn::Convolution {
  const DnnLibrary &library;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  int algorithm = -1;
  size_t workspace = 0;
  bool wide = false; ///< f64: scales are doubles
  CUdeviceptr first = 0, second = 0, result = 0;

  explicit Convolution(const DnnLibrary &library) : library(library) {}
  Convolution(const Convolution &) = delete;
  Convolution &operator=(const Convolution &) = delete;
  ~Convolution() {
    if (x)
      library.cudnnDestroyTensorDescriptor(x);
    if (y)
      library.cudnnDestroyTensorDescriptor(y);
    if (w)
      library.cudnnDestroyFilterDescriptor(w);
    if (convolution)
      library.cudnnDestroyConvolutionDescriptor(convolution);
  }
};

Dnn::Dnn(const DnnLibrary &library, bool tf32) : library(library), tf32(tf32) {
  check(library.cudnnCreate(&handle), "cuDNN does not start");
}

Dnn::~Dnn() {
  if (handle)
    library.cudnnDestroy(handle);
}

void Dnn::check(cudnnStatus_t status, const char *what) const {
  if (status != CUDNN_STATUS_SUCCESS)
    throw Error{Unavailable, std::string(what) + ": " + library.cudnnGetErrorString(status)};
}

namespace {

/// The first algorithm of cuDNN's list, best first, that runs and gives the same bits each time; -1: none.
template <class Perf> int pick(const Perf *list, int count, size_t &workspace) {
  for (int i = 0; i < count; ++i)
    if (list[i].status == CUDNN_STATUS_SUCCESS && list[i].determinism == CUDNN_DETERMINISTIC) {
      workspace = list[i].memory;
      return static_cast<int>(list[i].algo);
    }
  return -1;
}

cudnnDataType_t typeOf(DType type) {
  switch (type) {
  case DType::F64:
    return CUDNN_DATA_DOUBLE;
  case DType::BF16:
    return CUDNN_DATA_BFLOAT16;
  case DType::F16:
    return CUDNN_DATA_HALF;
  default:
    return CUDNN_DATA_FLOAT;
  }
}

/// Sizes with a leading spatial 1 where there is but one spatial dimension, which cuDNN does not take.
std::vector<int> sizesOf(const Shape &shape) {
  std::vector<int> sizes(shape.dims.begin(), shape.dims.end());
  if (sizes.size() == 3)
    sizes.insert(sizes.begin() + 2, 1);
  return sizes;
}

} // namespace

std::function<void(CUstream)> Dnn::convolution(const Program &program, const Instr &instr,
                                               const std::vector<CUdeviceptr> &ins, CUdeviceptr out) {
  const Shape &first = program.buffers[instr.ins[0]].shape, &second = program.buffers[instr.ins[1]].shape,
              &result = program.buffers[instr.outs[0]].shape;
  auto rank = static_cast<size_t>(instr.ints[0]);
  const int64_t *strides = &instr.ints[2], *low = strides + rank, *high = low + rank, *dilations = high + rank;
  if (first.type != result.type || first.elements() == 0 || second.elements() == 0 || result.elements() == 0)
    return nullptr;
  for (size_t d = 0; d < rank; ++d)
    if (low[d] != high[d])
      return nullptr;
  for (const Shape *shape : {&first, &second, &result})
    for (int64_t size : shape->dims)
      if (size > INT32_MAX)
        return nullptr;
  auto made = std::make_shared<Convolution>(library);
  made->wide = first.type == DType::F64;
  made->first = ins[0], made->second = ins[1], made->result = out;
  const Shape &x = instr.op == Op::ConvInputGrad ? result : first;
  const Shape &w = instr.op == Op::ConvWeightGrad ? result : second;
  const Shape &y = instr.op == Op::Conv ? result : instr.op == Op::ConvInputGrad ? first : second;
  const char *what = "a convolution cannot be described to cuDNN";
  auto tensor = [&](cudnnTensorDescriptor_t &descriptor, const Shape &shape) {
    std::vector<int> sizes = sizesOf(shape), steps(sizes.size(), 1);
    for (size_t i = sizes.size(); i-- > 1;)
      steps[i - 1] = steps[i] * sizes[i];
    check(library.cudnnCreateTensorDescriptor(&descriptor), what);
    return library.cudnnSetTensorNdDescriptor(descriptor, typeOf(shape.type), static_cast<int>(sizes.size()),
                                              sizes.data(), steps.data()) == CUDNN_STATUS_SUCCESS;
  };
  if (!tensor(made->x, x) || !tensor(made->y, y))
    return nullptr;
  std::vector<int> filter = sizesOf(w);
  check(library.cudnnCreateFilterDescriptor(&made->w), what);
  check(library.cudnnSetFilterNdDescriptor(made->w, typeOf(w.type), CUDNN_TENSOR_NCHW, static_cast<int>(filter.size()),
                                           filter.data()),
        what);
  auto spatial = [&](const int64_t *values, int lone) {
    std::vector<int> all(values, values + rank);
    if (rank == 1)
      all.insert(all.begin(), lone);
    return all;
  };
  check(library.cudnnCreateConvolutionDescriptor(&made->convolution), what);
  std::vector<int> pads = spatial(low, 0), steps = spatial(strides, 1), wide = spatial(dilations, 1);
  check(library.cudnnSetConvolutionNdDescriptor(made->convolution, static_cast<int>(pads.size()), pads.data(),
                                                steps.data(), wide.data(), CUDNN_CROSS_CORRELATION,
                                                made->wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
        what);
  check(library.cudnnSetConvolutionGroupCount(made->convolution, static_cast<int>(instr.ints[1])), what);
  bool narrow = first.type == DType::BF16 || first.type == DType::F16;
  check(library.cudnnSetConvolutionMathType(made->convolution, narrow || tf32 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH),
        what);

  constexpr int kWanted = 8;
  int count = 0;
  cudnnStatus_t status;
  if (instr.op == Op::Conv) {
    cudnnConvolutionFwdAlgoPerf_t list[kWanted];
    status = library.cudnnGetConvolutionForwardAlgorithm_v7(handle, made->x, made->w, made->convolution, made->y,
                                                            kWanted, &count, list);
    made->algorithm = status == CUDNN_STATUS_SUCCESS ? pick(list, count, made->workspace) : -1;
  } else if (instr.op == Op::ConvInputGrad) {
    cudnnConvolutionBwdDataAlgoPerf_t list[kWanted];
    status = library.cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, made->w, made->y, made->convolution, made->x,
                                                                 kWanted, &count, list);
    made->algorithm = status == CUDNN_STATUS_SUCCESS ? pick(list, count, made->workspace) : -1;
  } else {
    cudnnConvolutionBwdFilterAlgoPerf_t list[kWanted];
    status = library.cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, made->x, made->y, made->convolution, made->w,
                                                                   kWanted, &count, list);
    made->algorithm = status == CUDNN_STATUS_SUCCESS ? pick(list, count, made->workspace) : -1;
  }
  if (made->algorithm < 0)
    return nullptr;
  needed = std::max(needed, made->workspace);
  return [this, made, op = instr.op](CUstream stream) {
    const double one = 1, zero = 0;
    const float oneNarrow = 1, zeroNarrow = 0;
    const void *alpha = made->wide ? static_cast<const void *>(&one) : &oneNarrow;
    const void *beta = made->wide ? static_cast<const void *>(&zero) : &zeroNarrow;
    auto *a = reinterpret_cast<void *>(made->first), *b = reinterpret_cast<void *>(made->second);
    auto *c = reinterpret_cast<void *>(made->result), *room = reinterpret_cast<void *>(workspace);
    check(library.cudnnSetStream(handle, stream), "cuDNN takes no stream");
    cudnnStatus_t status;
    if (op == Op::Conv)
      status = library.cudnnConvolutionForward(handle, alpha, made->x, a, made->w, b, made->convolution,
                                               static_cast<cudnnConvolutionFwdAlgo_t>(made->algorithm), room,
                                               made->workspace, beta, made->y, c);
    else if (op == Op::ConvInputGrad)
      status = library.cudnnConvolutionBackwardData(handle, alpha, made->w, b, made->y, a, made->convolution,
                                                    static_cast<cudnnConvolutionBwdDataAlgo_t>(made->algorithm), room,
                                                    made->workspace, beta, made->x, c);
    else
      status = library.cudnnConvolutionBackwardFilter(handle, alpha, made->x, a, made->y, b, made->convolution,
                                                      static_cast<cudnnConvolutionBwdFilterAlgo_t>(made->algorithm),
                                                      room, made->workspace, beta, made->w, c);
    check(status, "cuDNN refuses a convolution");
  };
}

} // namespace llcc::rt
