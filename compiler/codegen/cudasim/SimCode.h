// gpu.module → machine code of this machine's CPU that runs one GPU thread, for the simulated device.
#ifndef LLCC_COMPILER_CODEGEN_CUDASIM_SIMCODE_H
#define LLCC_COMPILER_CODEGEN_CUDASIM_SIMCODE_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::llcc {

struct SimCode {
  std::string object; ///< section "code.cudasim": ELF shared object, each kernel as rt::SimKernel
  std::string
      kernels; ///< section "cudasim": first line the CPU target, then a line a kernel (runtime/plan/SimThread.h)
};

/// Compiles the gpu.module that llcc-convert-kernels-to-gpu made; `module` stays. A gpu op that cannot be simulated is
/// an error at the kernel that names it.
LogicalResult compileSim(ModuleOp module, SimCode &code);

/// Every gpu.func of `module` as a func.func that runs the thread its context describes, in a new module:
///   gpu.func @k0(%x, %y, %coords) workgroup(%s : memref<32xf32, …>) kernel { gpu.thread_id x … gpu.barrier … }
/// => func.func @k0(%x, %y, %shared : memref<128xi8>, %coords, %self : index, %unused : index) { load of %self …, call
///    of its barrier … }
/// so that the CPU's code generator can go on. `kernels` as in SimCode, without the first line.
FailureOr<OwningOpRef<ModuleOp>> convertThreads(ModuleOp module, std::string &kernels);

} // namespace mlir::llcc

#endif
