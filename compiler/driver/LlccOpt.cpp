// llcc-opt: any pass of llcc (and upstream's canonicalize, cse, …) alone on a file, for lit tests and for the curious.
#include "compiler/ir/LLCC.h"
#include "passes/lower/Passes.h"
#include "passes/shard/Passes.h"
#include "passes/train/Passes.h"
#include "passes/verify/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::llcc::LlccDialect, mlir::arith::ArithDialect, mlir::math::MathDialect, mlir::func::FuncDialect,
                  mlir::memref::MemRefDialect, mlir::scf::SCFDialect, mlir::gpu::GPUDialect, mlir::LLVM::LLVMDialect>();
  mlir::registerTransformsPasses();
  mlir::llcc::registerLLCCTrainPasses();
  mlir::llcc::registerLLCCShardPasses();
  mlir::llcc::registerLLCCLowerPasses();
  mlir::llcc::registerLLCCVerifyPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "llcc passes on MLIR files\n", registry));
}
