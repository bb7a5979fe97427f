// Kernels become loops over memrefs, for CPU.
//
//   func.func private @k0(%x: tensor<64x128xf32>) -> tensor<64x128xf32> attributes {llcc.kernel = "map"}
// =>
//   func.func private @k0(%x: memref<8192xf32>, %y: memref<8192xf32>, %coords: memref<1xi64>, %begin: index, %end:
//   index)
//
// Runs after llcc-plan-memory: launches then name kernels and buffers, nobody looks at a kernel's types any more.
#include "passes/lower/KernelLoops.h"
#include "passes/lower/KernelSignature.h"
#include "passes/lower/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTKERNELSTOLOOPSPASS
#include "passes/lower/Passes.h.inc"

namespace {
struct ConvertKernelsToLoopsPass : impl::ConvertKernelsToLoopsPassBase<ConvertKernelsToLoopsPass> {
  using ConvertKernelsToLoopsPassBase::ConvertKernelsToLoopsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<func::FuncDialect, memref::MemRefDialect, scf::SCFDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
    constants.emplace(module);
    for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (kernel->hasAttr("llcc.kernel") &&
          isa<RankedTensorType>(kernel.getResultTypes().empty() ? Type() : kernel.getResultTypes().front()))
        if (failed(convert(kernel)))
          return signalPassFailure();
  }

  LogicalResult convert(func::FuncOp kernel) {
    FailureOr<KernelSignature> signature = KernelSignature::of(kernel, mesh);
    if (failed(signature))
      return failure();
    OpBuilder builder(kernel);
    size_t ins = signature->ins, buffers = signature->buffers();
    SmallVector<Type> types = signature->types;
    types.append({builder.getIndexType(), builder.getIndexType()});
    auto loops = func::FuncOp::create(builder, kernel.getLoc(), kernel.getName(), builder.getFunctionType(types, {}));
    loops.setPrivate();
    setKernelAttributes(kernel, *signature, loops);
    Block *body = loops.addEntryBlock();

    // Emits until no loop digit has to be divided inside a loop any more; each round makes some digit smaller.
    LoopSpaces spaces;
    while (true) {
      PullEmitter emitter(builder, body, body->getArgument(buffers), mesh, [&](DenseElementsAttr attr) -> Value {
        memref::GlobalOp global = constants->get(attr);
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(body);
        return memref::GetGlobalOp::create(builder, kernel.getLoc(), global.getType(), global.getName());
      });
      for (size_t i = 0; i < ins; ++i)
        emitter.bindBuffer(kernel.getArgument(i), body->getArgument(i));
      builder.setInsertionPointToEnd(body);
      builder.setInsertionPoint(func::ReturnOp::create(builder, kernel.getLoc()));
      SmallVector<Value> outBuffers;
      for (int64_t out : signature->outs)
        outBuffers.push_back(body->getArgument(out));
      KernelLoops nest(kernel, emitter, spaces, outBuffers, body->getArgument(buffers + 1),
                       body->getArgument(buffers + 2));
      if (!signature->empty && (failed(nest.emit()) || emitter.failed()))
        return failure();
      if (emitter.getCuts().empty())
        break;
      for (auto &[place, cut] : llvm::reverse(emitter.getCuts())) { // from the back: positions stay valid
        SmallVector<int64_t> &sizes = spaces[place.first];
        sizes[place.second] /= cut.inner;
        sizes.insert(sizes.begin() + place.second + 1, cut.inner);
      }
      body->clear();
    }
    kernel.erase();
    return success();
  }

  MeshAttr mesh;
  std::optional<KernelConstants> constants;
};
} // namespace
} // namespace mlir::llcc
