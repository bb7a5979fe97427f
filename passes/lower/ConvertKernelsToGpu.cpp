// Kernels become gpu.func in one gpu.module, for CUDA.
//
//   func.func private @k0(%x: tensor<64x128xf32>) -> tensor<64x128xf32> attributes {llcc.kernel = "map"}
// =>
//   gpu.module @kernels { gpu.func @k0(%x: memref<8192xf32>, %y: memref<8192xf32>, %coords: memref<1xi64>) kernel
//     attributes {llcc.grid = …, llcc.block = …} { … } }
//
// Runs after llcc-plan-memory, in the place of llcc-convert-kernels-to-loops: launches then name kernels and buffers,
// nobody looks at a kernel's types any more. GpuLoops says which thread does what.
#include "passes/lower/GpuLoops.h"
#include "passes/lower/KernelSignature.h"
#include "passes/lower/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTKERNELSTOGPUPASS
#include "passes/lower/Passes.h.inc"

namespace {
struct ConvertKernelsToGpuPass : impl::ConvertKernelsToGpuPassBase<ConvertKernelsToGpuPass> {
  using ConvertKernelsToGpuPassBase::ConvertKernelsToGpuPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<gpu::GPUDialect, scf::SCFDialect, memref::MemRefDialect, arith::ArithDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
    constants.emplace(module);
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto kernels = gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
    for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (!kernel->hasAttr("llcc.kernel"))
        continue;
      if (failed(convert(kernel, kernels)))
        return signalPassFailure();
      kernel.erase();
    }
    for (auto global : llvm::make_early_inc_range(module.getOps<memref::GlobalOp>()))
      global->moveBefore(kernels.getBody(), kernels.getBody()->begin());
  }

  LogicalResult convert(func::FuncOp kernel, gpu::GPUModuleOp kernels) {
    FailureOr<KernelSignature> signature = KernelSignature::of(kernel, mesh);
    if (failed(signature))
      return failure();
    // Drafts until no loop digit has to be divided any more; then again, in vectors.
    LoopSpaces spaces;
    VectorPlan plan;
    for (bool draft = true;;) {
      OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
      gpu::GPUFuncOp function = declare(kernel, *signature, builder);
      Block *body = &function.getBody().front();
      PullEmitter emitter(
          builder, body, body->getArgument(signature->buffers()), mesh, [&](DenseElementsAttr attr) -> Value {
            memref::GlobalOp global = constants->get(attr);
            OpBuilder::InsertionGuard guard(builder);
            builder.setInsertionPointToStart(body);
            return memref::GetGlobalOp::create(builder, kernel.getLoc(), global.getType(), global.getName());
          });
      emitter.divideNarrow();
      SmallVector<Value> outs;
      for (size_t i = 0; i < signature->ins; ++i)
        emitter.bindBuffer(kernel.getArgument(i), body->getArgument(i));
      for (int64_t out : signature->outs)
        outs.push_back(body->getArgument(out));
      builder.setInsertionPointToEnd(body);
      builder.setInsertionPoint(gpu::ReturnOp::create(builder, kernel.getLoc()));
      GpuLoops threads(kernel, function, emitter, spaces, plan, outs, draft);
      if (!signature->empty && (failed(threads.emit()) || emitter.failed()))
        return failure();
      if (emitter.getCuts().empty() && !draft) {
        setGeometry(function, threads);
        return success();
      }
      if (emitter.getCuts().empty()) {
        draft = false;
        threads.choosePlan();
      }
      for (auto &[place, cut] : llvm::reverse(emitter.getCuts())) { // from the back: positions stay valid
        SmallVector<int64_t> &sizes = spaces[place.first];
        sizes[place.second] /= cut.inner;
        sizes.insert(sizes.begin() + place.second + 1, cut.inner);
      }
      function.erase();
    }
  }

  static gpu::GPUFuncOp declare(func::FuncOp kernel, const KernelSignature &signature, OpBuilder &builder) {
    Location loc = kernel.getLoc();
    auto function =
        gpu::GPUFuncOp::create(builder, loc, kernel.getName(), builder.getFunctionType(signature.types, {}));
    function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
    setKernelAttributes(kernel, signature, function);
    // Two arguments of one launch are different buffers if one of them is written (README.md); all lie at multiples
    // of 64.
    for (size_t i = 0; i < signature.buffers(); ++i) {
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
      function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(64));
    }
    return function;
  }

  static void setGeometry(gpu::GPUFuncOp function, const GpuLoops &threads) {
    Builder b(function.getContext());
    function->setAttr("llcc.grid", b.getDenseI64ArrayAttr({threads.getGrid(), 1, 1}));
    function->setAttr("llcc.block", b.getDenseI64ArrayAttr({threads.getBlock(), 1, 1}));
    function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({int32_t(threads.getBlock()), 1, 1}));
    function.setKnownGridSizeAttr(b.getDenseI32ArrayAttr({int32_t(threads.getGrid()), 1, 1}));
  }

  MeshAttr mesh;
  std::optional<KernelConstants> constants;
};
} // namespace
} // namespace mlir::llcc
