// gpu.module → NVVM → PTX → cubin, on machines without a GPU too.
#ifndef LLCC_COMPILER_CODEGEN_CUDA_CUBIN_H
#define LLCC_COMPILER_CODEGEN_CUDA_CUBIN_H

#include "compiler/codegen/cuda/CudaTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::llcc {

struct CudaCode {
  std::string ptx;
  std::string cubin;     ///< empty where the machine has no ptxas; the driver then assembles the PTX
  std::string resources; ///< a table for people: registers, stack, spills and shared memory of each kernel; empty
                         ///< without ptxas
};

/// Code of the gpu.module that llcc-convert-kernels-to-gpu made. Math functions come from the CUDA toolkit's libdevice;
/// libdevice and ptxas are looked for in $CUDA_HOME, $CUDA_PATH, $CUDA_ROOT, /usr/local/cuda (the first that is set or
/// exists), ptxas then in PATH. Works on a clone: `module` stays. Without ptxas a warning says so.
/// Returns 0 or an exit code of sysexits after a diagnostic: 69 the toolkit lacks something, 70 bug in llcc, 73 no
/// temporary files.
int compileCuda(ModuleOp module, const CudaTarget &target, CudaCode &code);

/// The table `CudaCode::resources` from what `ptxas -v` printed.
std::string resourceTable(llvm::StringRef log);

} // namespace mlir::llcc

#endif
