// Kernels of a gpu.module → a shared object for this machine's CPU.
#include "compiler/codegen/cudasim/SimCode.h"
#include "compiler/codegen/cpu/CpuCode.h"

namespace mlir::llcc {

LogicalResult compileSim(ModuleOp module, SimCode &code) {
  FailureOr<OwningOpRef<ModuleOp>> threads = convertThreads(module, code.kernels);
  if (failed(threads))
    return failure();
  CpuTarget target;
  CpuTarget::parse("cpu", target);
  CpuCode compiled;
  // Between two barriers another thread may have changed what an argument points to.
  if (failed(compileCpu(**threads, target, /*withAssembly=*/false, compiled, /*aliased=*/true)))
    return failure();
  code.object = std::move(compiled.object);
  code.kernels = target.name() + "\n" + code.kernels;
  return success();
}

} // namespace mlir::llcc
