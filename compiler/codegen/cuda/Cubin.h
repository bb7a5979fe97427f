// gpu.module → NVVM → PTX → cubin, on machines without a GPU too.
#ifndef LLCC_COMPILER_CODEGEN_CUDA_CUBIN_H
#define LLCC_COMPILER_CODEGEN_CUDA_CUBIN_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::llcc {

struct CudaCode {
  std::string ptx;
  std::string cubin;     ///< empty where the machine has no ptxas; the driver then assembles the PTX
  std::string resources; ///< what ptxas says of registers and spills, a line a kernel
};

/// Code of the gpu.module that llcc-convert-kernels-to-gpu made, for `chip` (sm_90). Math functions come from the CUDA
/// toolkit's libdevice; ptxas is found at $CUDA_HOME, /usr/local/cuda, then PATH. Works on a clone: `module` stays.
FailureOr<CudaCode> compileCuda(ModuleOp module, StringRef chip);

} // namespace mlir::llcc

#endif
