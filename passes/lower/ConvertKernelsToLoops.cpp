// Kernels become loops over memrefs, for CPU.
//
//   func.func private @k0(%x: tensor<64x128xf32>) -> tensor<64x128xf32> attributes {llcc.kernel = "map"}
// =>
//   func.func private @k0(%x: memref<8192xf32>, %y: memref<8192xf32>, %coords: memref<1xi64>, %begin: index, %end:
//   index)
//
// Runs after llcc-plan-memory: launches then name kernels and buffers, nobody looks at a kernel's types any more.
#include "passes/lower/KernelLoops.h"
#include "passes/lower/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/StringSet.h"

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
    for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (kernel->hasAttr("llcc.kernel") &&
          isa<RankedTensorType>(kernel.getResultTypes().empty() ? Type() : kernel.getResultTypes().front()))
        if (failed(convert(kernel)))
          return signalPassFailure();
  }

  static MemRefType flat(Type tensor) {
    auto type = cast<RankedTensorType>(tensor);
    Type element = type.getElementType();
    if (element.isInteger(1))
      element = IntegerType::get(tensor.getContext(), 8);
    return MemRefType::get({type.getNumElements()}, element);
  }

  /// "row: reduce max, subf, exp, reduce sum, divf": what inspect shows.
  static std::string describe(func::FuncOp kernel) {
    std::string text = kernel->getAttrOfType<StringAttr>("llcc.kernel").str() + ":";
    size_t count = 0;
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (isa<arith::ConstantOp>(op))
        continue;
      if (++count > 12)
        return text + ", …";
      text += (count == 1 ? " " : ", ") + op.getName().stripDialect().str();
      if (auto reduce = dyn_cast<ReduceOp>(op))
        text += (" " + stringifyReduceKind(reduce.getKind())).str();
    }
    return count ? text : text + " copy";
  }

  /// The flat constant buffer with the elements of `attr`, shared by all kernels.
  memref::GlobalOp globalOf(DenseElementsAttr attr) {
    memref::GlobalOp &global = globals[attr];
    if (global)
      return global;
    MemRefType type = flat(attr.getType());
    auto shape = RankedTensorType::get(type.getShape(), type.getElementType());
    auto value = attr.getElementType().isInteger(1)
                     ? DenseElementsAttr::get(shape, ArrayRef<int8_t>(llvm::map_to_vector(
                                                         attr.getValues<bool>(), [](bool b) { return int8_t(b); })))
                     : attr.reshape(shape);
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    std::string name;
    do
      name = "constant" + std::to_string(nextGlobal++);
    while (getOperation().lookupSymbol(name));
    global =
        memref::GlobalOp::create(builder, builder.getUnknownLoc(), name, builder.getStringAttr("private"), type, value,
                                 /*constant=*/true, builder.getI64IntegerAttr(64));
    return global;
  }

  LogicalResult convert(func::FuncOp kernel) {
    if (kernel.isDeclaration())
      return kernel.emitError("kernel has no body");
    OpBuilder builder(kernel);
    SmallVector<Type> types;
    for (Type type : kernel.getArgumentTypes()) {
      if (!isa<RankedTensorType>(type))
        return kernel.emitError() << "kernel has an argument of type " << type << ", needs tensors";
      types.push_back(flat(type));
    }
    size_t ins = types.size();
    auto inplace = kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace");
    if (inplace && inplace.size() != int64_t(kernel.getNumResults()))
      return kernel.emitError() << "kernel has " << kernel.getNumResults() << " results and " << inplace.size()
                                << " entries in llcc.inplace, needs one for each result";
    SmallVector<int64_t> outs; // argument that holds each result
    for (auto [i, type] : llvm::enumerate(kernel.getResultTypes())) {
      int64_t in = inplace ? inplace[i] : -1;
      if (in >= int64_t(ins) || (in >= 0 && types[in] != flat(type)) || (in >= 0 && llvm::is_contained(outs, in)))
        return kernel.emitError() << "result " << i << " of type " << type << " cannot overwrite argument " << in;
      outs.push_back(in >= 0 ? in : int64_t(types.size()));
      if (in < 0)
        types.push_back(flat(type));
    }
    size_t buffers = types.size();
    types.push_back(MemRefType::get({std::max<int64_t>(1, mesh ? mesh.getAxes().size() : 1)}, builder.getI64Type()));
    types.append({builder.getIndexType(), builder.getIndexType()});

    auto loops = func::FuncOp::create(builder, kernel.getLoc(), kernel.getName(), builder.getFunctionType(types, {}));
    loops.setPrivate();
    loops->setAttr("llcc.kernel", kernel->getAttr("llcc.kernel"));
    loops->setAttr("llcc.text", builder.getStringAttr(describe(kernel)));
    loops->setAttr("llcc.ins", builder.getI64IntegerAttr(ins));
    loops->setAttr("llcc.outs", builder.getI64IntegerAttr(outs.size()));
    for (StringRef name : {"llcc.reads", "llcc.looks"})
      if (Attribute value = kernel->getAttr(name))
        loops->setAttr(name, value);
    Block *body = loops.addEntryBlock();

    // Emits until no loop digit has to be divided inside a loop any more; each round makes some digit smaller.
    LoopSpaces spaces;
    while (true) {
      PullEmitter emitter(builder, body, body->getArgument(buffers), mesh, [&](DenseElementsAttr attr) -> Value {
        memref::GlobalOp global = globalOf(attr);
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(body);
        return memref::GetGlobalOp::create(builder, kernel.getLoc(), global.getType(), global.getName());
      });
      for (size_t i = 0; i < ins; ++i)
        emitter.bindBuffer(kernel.getArgument(i), body->getArgument(i));
      builder.setInsertionPointToEnd(body);
      builder.setInsertionPoint(func::ReturnOp::create(builder, kernel.getLoc()));
      SmallVector<Value> outBuffers;
      for (int64_t out : outs)
        outBuffers.push_back(body->getArgument(out));
      KernelLoops nest(kernel, emitter, spaces, outBuffers, body->getArgument(buffers + 1),
                       body->getArgument(buffers + 2));
      bool empty = llvm::any_of(kernel.getResultTypes(),
                                [](Type type) { return cast<RankedTensorType>(type).getNumElements() == 0; });
      if (!empty && (failed(nest.emit()) || emitter.failed()))
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
  DenseMap<Attribute, memref::GlobalOp> globals;
  int64_t nextGlobal = 0;
};
} // namespace
} // namespace mlir::llcc
