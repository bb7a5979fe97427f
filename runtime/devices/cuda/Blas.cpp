// Matrix products by cuBLASLt.
#include "runtime/devices/cuda/Blas.h"
#include "runtime/core/Error.h"
#include "runtime/plan/Contraction.h"
#include <algorithm>

namespace llcc::rt {

const BlasLibrary &BlasLibrary::instance() {
  static const BlasLibrary library;
  return library;
}
const BlasLibrary *BlasLibrary::get() { return instance().lack.empty() ? &instance() : nullptr; }
const std::string &BlasLibrary::why() { return instance().lack; }

BlasLibrary::BlasLibrary() {
  std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  if (!library.open(name.c_str(), "LLCC_LIBCUBLASLT")) {
    lack = library.why();
    return;
  }
#define LLCC_BLAS_LOAD(name) this->name = reinterpret_cast<decltype(this->name)>(library.symbol(#name));
  LLCC_BLAS_FUNCTIONS(LLCC_BLAS_LOAD)
#undef LLCC_BLAS_LOAD
  if (!library.missing().empty())
    lack = library.path() + " lacks " + library.missing();
}

namespace {

cudaDataType_t typeOf(DType type) {
  switch (type) {
  case DType::F32:
    return CUDA_R_32F;
  case DType::F64:
    return CUDA_R_64F;
  case DType::BF16:
    return CUDA_R_16BF;
  case DType::F16:
    return CUDA_R_16F;
  default:
    throw Error{Software, std::string("Matmul of ") + nameOf(type) + " is no operation of a plan"};
  }
}

} // namespace

struct Blas::Product {
  const BlasLibrary &library;
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t left = nullptr, right = nullptr, result = nullptr; ///< as cuBLASLt sees them
  cublasLtMatmulAlgo_t algorithm = {};
  CUdeviceptr leftData = 0, rightData = 0, resultData = 0;
  bool wide = false; ///< scales are f64
  double alpha = 1, beta = 0;

  explicit Product(const BlasLibrary &library) : library(library) {}
  Product(const Product &) = delete;
  Product &operator=(const Product &) = delete;
  ~Product() {
    for (cublasLtMatrixLayout_t layout : {left, right, result})
      if (layout)
        library.cublasLtMatrixLayoutDestroy(layout);
    if (description)
      library.cublasLtMatmulDescDestroy(description);
  }
};

Blas::Blas(const Driver &driver, const BlasLibrary &library, CUdeviceptr workspace, size_t workspaceBytes, bool tf32,
           bool tune, AlgorithmCache &cache)
    : driver(driver), library(library), workspace(workspace), workspaceBytes(workspaceBytes), tf32(tf32), tune(tune),
      cache(cache) {
  check(library.cublasLtCreate(&handle), "cuBLASLt does not start");
}

Blas::~Blas() {
  if (handle)
    library.cublasLtDestroy(handle);
}

void Blas::check(cublasStatus_t status, const char *what) const {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error{Unavailable, std::string(what) + ": " + library.cublasLtGetStatusString(status)};
}

std::function<void(CUstream)> Blas::matmul(const Instr &instr, DType in, DType out, CUdeviceptr lhs, CUdeviceptr rhs,
                                           CUdeviceptr to, CUstream stream) {
  MatmulShape shape(instr);
  if (shape.batch == 0 || shape.m == 0 || shape.n == 0)
    return [](CUstream) {};
  auto product = std::make_shared<Product>(library);
  product->wide = in == DType::F64;
  product->alpha = shape.alpha;
  product->beta = shape.beta;
  product->leftData = rhs;
  product->rightData = lhs;
  product->resultData = to;
  cublasComputeType_t compute = product->wide              ? CUBLAS_COMPUTE_64F
                                : tf32 && in == DType::F32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                           : CUBLAS_COMPUTE_32F;
  check(library.cublasLtMatmulDescCreate(&product->description, compute, product->wide ? CUDA_R_64F : CUDA_R_32F),
        "a product cannot be described to cuBLASLt");
  auto operation = [&](cublasLtMatmulDescAttributes_t which, bool transposed) {
    cublasOperation_t value = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(library.cublasLtMatmulDescSetAttribute(product->description, which, &value, sizeof value),
          "a product cannot be described to cuBLASLt");
  };
  operation(CUBLASLT_MATMUL_DESC_TRANSA, shape.rhsTransposed);
  operation(CUBLASLT_MATMUL_DESC_TRANSB, shape.lhsTransposed);
  // A row-major [rows, columns] is a column-major matrix of `columns` rows.
  auto layout = [&](cublasLtMatrixLayout_t &made, DType type, int64_t rows, int64_t columns) {
    rows = std::max<int64_t>(rows, 1);
    columns = std::max<int64_t>(columns, 1);
    check(library.cublasLtMatrixLayoutCreate(&made, typeOf(type), static_cast<uint64_t>(columns),
                                             static_cast<uint64_t>(rows), columns),
          "a matrix cannot be described to cuBLASLt");
    if (shape.batch == 1)
      return;
    auto count = static_cast<int32_t>(shape.batch);
    int64_t stride = rows * columns;
    check(library.cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
          "a batch cannot be described to cuBLASLt");
    check(library.cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                                   sizeof stride),
          "a batch cannot be described to cuBLASLt");
  };
  layout(product->left, in, shape.rhsTransposed ? shape.n : shape.k, shape.rhsTransposed ? shape.k : shape.n);
  layout(product->right, in, shape.lhsTransposed ? shape.k : shape.m, shape.lhsTransposed ? shape.m : shape.k);
  layout(product->result, out, shape.m, shape.n);
  if (shape.k == 0 && shape.beta == 0) // an empty sum; the library refuses matrices without elements
    return [this, to, bytes = static_cast<size_t>(shape.batch * shape.m * shape.n) * sizeOf(out)](CUstream s) {
      driver.check(driver.cuMemsetD8Async(to, 0, bytes, s), "an empty product cannot be filled with zeros");
    };
  std::string key = std::string(nameOf(in)) + ">" + nameOf(out) + (tf32 ? " tf32" : "");
  for (int64_t value : instr.ints)
    key += " " + std::to_string(value);
  key += shape.beta == 0 ? "" : " +";
  choose(*product, key, stream);
  return [this, product](CUstream s) {
    float alpha = static_cast<float>(product->alpha), beta = static_cast<float>(product->beta);
    auto scale = [&](double &wide, float &narrow) -> const void * {
      return product->wide ? static_cast<const void *>(&wide) : &narrow;
    };
    auto address = [](CUdeviceptr place) { return reinterpret_cast<void *>(place); };
    check(library.cublasLtMatmul(handle, product->description, scale(product->alpha, alpha), address(product->leftData),
                                 product->left, address(product->rightData), product->right, scale(product->beta, beta),
                                 address(product->resultData), product->result, address(product->resultData),
                                 product->result, &product->algorithm, address(workspace), workspaceBytes, s),
          "cuBLASLt refuses a product");
  };
}

float Blas::measure(const Product &product, const cublasLtMatmulAlgo_t &algorithm, CUstream stream) {
  float alpha = static_cast<float>(product.alpha), beta = static_cast<float>(product.beta);
  const void *a = product.wide ? static_cast<const void *>(&product.alpha) : &alpha;
  const void *b = product.wide ? static_cast<const void *>(&product.beta) : &beta;
  auto run = [&] {
    return library.cublasLtMatmul(handle, product.description, a, reinterpret_cast<void *>(product.leftData),
                                  product.left, reinterpret_cast<void *>(product.rightData), product.right, b,
                                  reinterpret_cast<void *>(product.resultData), product.result,
                                  reinterpret_cast<void *>(product.resultData), product.result, &algorithm,
                                  reinterpret_cast<void *>(workspace), workspaceBytes, stream);
  };
  constexpr float kNever = 1e30f;
  constexpr int kRuns = 5;
  CUevent begin = nullptr, end = nullptr;
  if (driver.cuEventCreate(&begin, CU_EVENT_DEFAULT) != CUDA_SUCCESS ||
      driver.cuEventCreate(&end, CU_EVENT_DEFAULT) != CUDA_SUCCESS)
    return kNever;
  float best = kNever;
  if (run() == CUBLAS_STATUS_SUCCESS) // the first run loads code
    for (int i = 0; i < kRuns; ++i) {
      float time = kNever;
      driver.cuEventRecord(begin, stream);
      cublasStatus_t status = run();
      driver.cuEventRecord(end, stream);
      if (status != CUBLAS_STATUS_SUCCESS || driver.cuEventSynchronize(end) != CUDA_SUCCESS ||
          driver.cuEventElapsedTime(&time, begin, end) != CUDA_SUCCESS)
        break;
      best = std::min(best, time);
    }
  driver.cuEventDestroy(begin);
  driver.cuEventDestroy(end);
  return best;
}

void Blas::choose(Product &product, const std::string &key, CUstream stream) {
  cublasLtMatmulHeuristicResult_t result = {};
  if (cache.find(key, product.algorithm) &&
      library.cublasLtMatmulAlgoCheck(handle, product.description, product.left, product.right, product.result,
                                      product.result, &product.algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
      result.workspaceSize <= workspaceBytes)
    return;
  cublasLtMatmulPreference_t preference = nullptr;
  check(library.cublasLtMatmulPreferenceCreate(&preference), "cuBLASLt takes no preferences");
  library.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspaceBytes,
                                               sizeof workspaceBytes);
  uint32_t alignment = 64; // of buffers in an arena
  for (auto which : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                     CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    library.cublasLtMatmulPreferenceSetAttribute(preference, which, &alignment, sizeof alignment);
  constexpr int kWanted = 8;
  std::vector<cublasLtMatmulHeuristicResult_t> found(kWanted);
  int count = 0;
  cublasStatus_t status =
      library.cublasLtMatmulAlgoGetHeuristic(handle, product.description, product.left, product.right, product.result,
                                             product.result, preference, kWanted, found.data(), &count);
  library.cublasLtMatmulPreferenceDestroy(preference);
  check(status, "cuBLASLt knows no algorithm for a product");
  if (count == 0)
    throw Error{Unavailable, "cuBLASLt knows no algorithm for a product of " + key};
  product.algorithm = found[0].algo;
  if (!tune)
    return;
  // Only a clear win replaces the library's own first choice, so that noise does not decide about bits.
  float first = measure(product, found[0].algo, stream), best = first * 0.95f;
  for (int i = 1; i < count; ++i)
    if (found[i].state == CUBLAS_STATUS_SUCCESS)
      if (float time = measure(product, found[i].algo, stream); time < best) {
        best = time;
        product.algorithm = found[i].algo;
      }
  cache.add(key, product.algorithm);
}

} // namespace llcc::rt
