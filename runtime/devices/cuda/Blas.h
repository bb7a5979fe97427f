// Matrix products by cuBLASLt, opened at run time.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_BLAS_H
#define LLCC_RUNTIME_DEVICES_CUDA_BLAS_H

#include "runtime/devices/cuda/Driver.h"
#include "runtime/plan/Plan.h"
#include <cublasLt.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace llcc::rt {

// clang-format off
#define LLCC_BLAS_FUNCTIONS(use) \
  use(cublasLtCreate) use(cublasLtDestroy) use(cublasLtGetVersion) use(cublasLtGetStatusString) use(cublasLtMatmul) \
  use(cublasLtMatmulDescCreate) use(cublasLtMatmulDescDestroy) use(cublasLtMatmulDescSetAttribute) \
  use(cublasLtMatrixLayoutCreate) use(cublasLtMatrixLayoutDestroy) use(cublasLtMatrixLayoutSetAttribute) \
  use(cublasLtMatmulPreferenceCreate) use(cublasLtMatmulPreferenceDestroy) use(cublasLtMatmulPreferenceSetAttribute) \
  use(cublasLtMatmulAlgoGetHeuristic) use(cublasLtMatmulAlgoCheck)
// clang-format on

/// Functions of libcublasLt by their names in cublasLt.h.
struct BlasLibrary {
#define LLCC_BLAS_FIELD(name) decltype(&::name) name = nullptr;
  LLCC_BLAS_FUNCTIONS(LLCC_BLAS_FIELD)
#undef LLCC_BLAS_FIELD
  /// The library of this process, or nullptr where the machine has none (why() then says so).
  static const BlasLibrary *get();
  static const std::string &why();

private:
  SharedLibrary library;
  std::string lack;
  BlasLibrary();
  static const BlasLibrary &instance();
};

/// Which of cuBLASLt's algorithms a product takes: measured once, kept in a file, so that later runs give the same
/// bits.
class AlgorithmCache {
public:
  /// `file`: lines "key = hexadecimal words"; what cannot be read is measured again. Empty: nothing is kept.
  explicit AlgorithmCache(std::string file);
  bool find(const std::string &key, cublasLtMatmulAlgo_t &algorithm);
  void add(const std::string &key, const cublasLtMatmulAlgo_t &algorithm);
  /// $LLCC_CACHE, else $XDG_CACHE_HOME/llcc, else ~/.cache/llcc; a file for each GPU model and library version.
  static std::string fileFor(const std::string &gpu, size_t version);

private:
  std::string file;
  std::mutex mutex;
  std::map<std::string, cublasLtMatmulAlgo_t> known;
};

/// Products of one GPU; used with its context current.
class Blas {
public:
  /// `workspace`: device memory that all products share, as they run on one stream. Throws Error (Unavailable).
  Blas(const Driver &driver, const BlasLibrary &library, CUdeviceptr workspace, size_t workspaceBytes, bool tf32,
       bool tune, AlgorithmCache &cache);
  ~Blas();
  /// Prepares Op::Matmul (Plan.h); sums run in f32 (f64 for f64). Row-major operands are the transposes of cuBLASLt's
  /// column-major ones, so it is asked for out' = op(rhs)' x op(lhs)'. Times the algorithms on `stream`, which
  /// overwrites `out`, where the cache knows none. Throws Error: no algorithm fits.
  std::function<void(CUstream)> matmul(const Instr &instr, DType in, DType result, CUdeviceptr lhs, CUdeviceptr rhs,
                                       CUdeviceptr out, CUstream stream);

private:
  struct Product;
  void check(cublasStatus_t status, const char *what) const;
  void choose(Product &product, const std::string &key, CUstream stream);
  float measure(const Product &product, const cublasLtMatmulAlgo_t &algorithm, CUstream stream);

  const Driver &driver;
  const BlasLibrary &library;
  CUdeviceptr workspace;
  size_t workspaceBytes;
  bool tf32, tune;
  AlgorithmCache &cache;
  cublasLtHandle_t handle = nullptr;
};

} // namespace llcc::rt

#endif
