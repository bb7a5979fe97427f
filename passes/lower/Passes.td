// Passes of the lower stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def FuseKernelsPass : Pass<"llcc-fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "Outlines neighbours into kernels; what stays is calls, contractions, convolutions and communication";
  let dependentDialects = ["func::FuncDialect", "LlccDialect", "arith::ArithDialect"];
}
def SplitReductionsPass : Pass<"llcc-split-reductions", "::mlir::ModuleOp"> {
  let summary = "Kernels that reduce much to little become two, so that a whole GPU works on the first";
  let dependentDialects = ["func::FuncDialect", "LlccDialect", "arith::ArithDialect"];
}
def PlanMemoryPass : Pass<"llcc-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Turns step functions and @forward into programs: instructions on streams, every buffer at a place in one arena";
  let dependentDialects = ["LlccDialect"];
}
def ConvertKernelsToLoopsPass : Pass<"llcc-convert-kernels-to-loops", "::mlir::ModuleOp"> {
  let summary = "Kernels become loops over memrefs, for CPU";
}
def ConvertKernelsToGpuPass : Pass<"llcc-convert-kernels-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Kernels become gpu.func in one gpu.module, for CUDA";
}
