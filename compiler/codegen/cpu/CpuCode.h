// Kernels on memrefs → x86-64 machine code in a shared object with the ABI of runtime/plan/Plan.h (CpuKernel).
#ifndef LLCC_COMPILER_CODEGEN_CPU_CPUCODE_H
#define LLCC_COMPILER_CODEGEN_CPU_CPUCODE_H

#include "compiler/codegen/cpu/CpuTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::llcc {

struct CpuCode {
  std::string object;   ///< bytes of an ELF shared object that exports every kernel
  std::string assembly; ///< its assembly, where asked for
};

/// Compiles every function of `module` that has `llcc.kernel` (after llcc-convert-kernels-to-loops). `module` stays as
/// it is. Errors are reported at the module or at an op. `aliased`: what an argument points to may change during a
/// call.
LogicalResult compileCpu(ModuleOp module, const CpuTarget &target, bool withAssembly, CpuCode &code,
                         bool aliased = false);

//===-- Its steps -----------------------------------------------------------===//

/// Rewrites math on f32, bf16 and f16 into arithmetic that vectorises (ApproximateMath.cpp), and what the LLVM dialect
/// would lower inexactly into libm calls.
void approximateMath(ModuleOp kernels);

/// Rewrites arithmetic on bf16 and f16 into f32 (WidenHalf.cpp); without F16C conversions of f16 as well.
void widenHalf(ModuleOp kernels, bool hasF16Conversions);

/// Makes bf16 values of the LLVM dialect i16, which nothing computes with any more; f16 too without F16C.
void storeHalfAsIntegers(ModuleOp kernels, bool hasF16Conversions);

/// Kernels alone, in the LLVM dialect: copies of the functions and constants of `module`.
FailureOr<OwningOpRef<ModuleOp>> convertKernelsToLlvm(ModuleOp module, const CpuTarget &target);

/// LLVM IR of `kernels`, each as an internal body with arguments that are unaliased (or not), and an exported entry
/// point.
std::unique_ptr<llvm::Module> translateKernels(ModuleOp kernels, llvm::LLVMContext &context, bool aliased);

/// Links one object file into a shared object. Returns an error text (empty: fine).
std::string linkSharedObject(llvm::StringRef object, std::string &shared);

} // namespace mlir::llcc

#endif
