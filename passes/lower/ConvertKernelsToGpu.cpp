// Kernels become gpu.func in one gpu.module, for CUDA.
//
//   func.func private @k0(%x: memref<8192xf32>, %y: memref<8192xf32>, %coords: memref<1xi64>, %begin: index, %end:
//   index)
// =>
//   gpu.module @kernels { gpu.func @k0(%x, %y, %coords) kernel { i = block*size + thread; if (i < extent) { … [i, i+1)
//   … } } }
//
// Runs after llcc-convert-kernels-to-loops: a kernel's extent may be cut anywhere and pieces give the bits of the whole
// (see README.md), so a thread takes a piece of one. That is correct for all forms; a block for each row is a matter of
// speed and replaces this mapping form by form.
#include "compiler/ir/LLCC.h"
#include "passes/lower/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTKERNELSTOGPUPASS
#include "passes/lower/Passes.h.inc"

namespace {
/// Threads of a block: enough to hide latency, few enough that small extents still spread over the multiprocessors.
constexpr int64_t kBlock = 128;

struct ConvertKernelsToGpuPass : impl::ConvertKernelsToGpuPassBase<ConvertKernelsToGpuPass> {
  using ConvertKernelsToGpuPassBase::ConvertKernelsToGpuPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<gpu::GPUDialect, scf::SCFDialect, memref::MemRefDialect, arith::ArithDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    collectExtents(module);
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

  /// The extent of each kernel, from its launches (equal bodies have equal shapes, so all launches agree).
  void collectExtents(ModuleOp module) {
    module.walk([&](ExecOp exec) {
      auto ints = exec.getArgs().getAs<DenseI64ArrayAttr>("ints");
      if (exec.getOp() == "Launch" && exec.getKernelAttr() && ints && !ints.empty())
        extents[exec.getKernelAttr().getAttr()] = ints[0];
    });
  }

  LogicalResult convert(func::FuncOp kernel, gpu::GPUModuleOp kernels) {
    unsigned count = kernel.getNumArguments();
    if (count < 3 || kernel.getNumResults() || !kernel.getBody().hasOneBlock() ||
        !kernel.getArgument(count - 1).getType().isIndex())
      return kernel.emitError() << "kernel has the type " << kernel.getFunctionType()
                                << ", needs loops over memrefs (run llcc-convert-kernels-to-loops first)";
    auto extent = extents.find(kernel.getNameAttr());
    if (extent == extents.end())
      return kernel.emitError("kernel is launched by no program, needs a launch that says its extent");
    OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
    Location loc = kernel.getLoc();
    auto type = builder.getFunctionType(kernel.getArgumentTypes().drop_back(2), {});
    auto function = gpu::GPUFuncOp::create(builder, loc, kernel.getName(), type);
    function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
    function->setAttr("llcc.text", kernel->getAttrOfType<StringAttr>("llcc.text") ? kernel->getAttr("llcc.text")
                                                                                  : builder.getStringAttr(""));
    for (StringRef name : {"llcc.kernel", "llcc.ins", "llcc.outs", "llcc.reads", "llcc.looks"})
      if (Attribute value = kernel->getAttr(name))
        function->setAttr(name, value);
    int64_t blocks = std::max<int64_t>(1, (extent->second + kBlock - 1) / kBlock);
    function->setAttr("llcc.grid", builder.getDenseI64ArrayAttr({blocks, 1, 1}));
    function->setAttr("llcc.block", builder.getDenseI64ArrayAttr({kBlock, 1, 1}));

    builder.setInsertionPointToStart(&function.getBody().front());
    Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
    Value block = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
    Value size = arith::ConstantIndexOp::create(builder, loc, kBlock);
    Value base = arith::MulIOp::create(builder, loc, block, size);
    Value begin = arith::AddIOp::create(builder, loc, base, thread);
    Value limit = arith::ConstantIndexOp::create(builder, loc, extent->second);
    Value inside = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, begin, limit);
    auto guard = scf::IfOp::create(builder, loc, inside);
    gpu::ReturnOp::create(builder, loc);

    builder.setInsertionPointToStart(guard.thenBlock());
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value end = arith::AddIOp::create(builder, loc, begin, one);
    IRMapping mapping;
    for (unsigned i = 0; i + 2 < count; ++i)
      mapping.map(kernel.getArgument(i), function.getArgument(i));
    mapping.map(kernel.getArgument(count - 2), begin);
    mapping.map(kernel.getArgument(count - 1), end);
    for (Operation &op : kernel.getBody().front().without_terminator())
      builder.clone(op, mapping);
    return success();
  }

  DenseMap<StringAttr, int64_t> extents;
};
} // namespace
} // namespace mlir::llcc
