// What the code of a kernel looks like from outside, on every target.
#include "passes/lower/KernelSignature.h"
#include "passes/lower/KernelForm.h"

namespace mlir::llcc {

MemRefType flatBuffer(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  Type element = type.getElementType();
  if (element.isInteger(1))
    element = IntegerType::get(tensor.getContext(), 8);
  return MemRefType::get({type.getNumElements()}, element);
}

FailureOr<KernelSignature> KernelSignature::of(func::FuncOp kernel, MeshAttr mesh) {
  if (kernel.isDeclaration())
    return kernel.emitError("kernel has no body");
  KernelSignature s;
  for (Type type : kernel.getArgumentTypes()) {
    if (!isa<RankedTensorType>(type))
      return kernel.emitError() << "kernel has an argument of type " << type << ", needs tensors";
    s.types.push_back(flatBuffer(type));
  }
  s.ins = s.types.size();
  auto inplace = kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace");
  if (inplace && inplace.size() != int64_t(kernel.getNumResults()))
    return kernel.emitError() << "kernel has " << kernel.getNumResults() << " results and " << inplace.size()
                              << " entries in llcc.inplace, needs one for each result";
  for (auto [i, type] : llvm::enumerate(kernel.getResultTypes())) {
    int64_t in = inplace ? inplace[i] : -1;
    if (in >= int64_t(s.ins) || (in >= 0 && s.types[in] != flatBuffer(type)) ||
        (in >= 0 && llvm::is_contained(s.outs, in)))
      return kernel.emitError() << "result " << i << " of type " << type << " cannot overwrite argument " << in;
    s.outs.push_back(in >= 0 ? in : int64_t(s.types.size()));
    if (in < 0)
      s.types.push_back(flatBuffer(type));
    s.empty |= cast<RankedTensorType>(type).getNumElements() == 0;
  }
  s.types.push_back(MemRefType::get({std::max<int64_t>(1, mesh ? mesh.getAxes().size() : 1)},
                                    IntegerType::get(kernel.getContext(), 64)));
  return s;
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

/// Bytes that a launch moves at least: each argument is read once (of a table that is gathered from no more than what
/// is taken), each result is written once.
static int64_t leastBytes(func::FuncOp kernel) {
  auto bytes = [](Type type, int64_t elements) {
    return elements * ((cast<RankedTensorType>(type).getElementTypeBitWidth() + 7) / 8);
  };
  int64_t sum = 0;
  for (Type type : kernel.getResultTypes())
    sum += bytes(type, cast<RankedTensorType>(type).getNumElements());
  for (BlockArgument argument : kernel.getArguments()) {
    int64_t elements = cast<RankedTensorType>(argument.getType()).getNumElements(), taken = 0;
    for (OpOperand &use : argument.getUses()) {
      auto gather = dyn_cast<GatherOp>(use.getOwner());
      bool table = gather && use.getOperandNumber() == 0;
      taken += table ? cast<RankedTensorType>(gather.getType()).getNumElements() : elements;
    }
    sum += bytes(argument.getType(), std::min(elements, taken));
  }
  return sum;
}

/// Floating-point operations of a launch if nothing is computed twice; a transcendental function counts eight.
static int64_t leastFlops(func::FuncOp kernel) {
  int64_t sum = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    auto type = op.getNumResults() ? dyn_cast<RankedTensorType>(op.getResult(0).getType()) : RankedTensorType();
    if (!type || !isa<FloatType>(type.getElementType()))
      continue;
    if (isa<ReduceOp, ScatterAddOp, ScatterOp>(op))
      sum += cast<RankedTensorType>(op.getOperand(0).getType()).getNumElements();
    else if (OpTrait::hasElementwiseMappableTraits(&op) && !isa<arith::ExtFOp, arith::TruncFOp, arith::SelectOp>(op))
      sum += type.getNumElements() * std::max<int64_t>(1, weightOf(&op));
  }
  return sum;
}

void setKernelAttributes(func::FuncOp kernel, const KernelSignature &signature, Operation *code) {
  Builder b(kernel.getContext());
  code->setAttr("llcc.kernel", kernel->getAttr("llcc.kernel"));
  code->setAttr("llcc.text", b.getStringAttr(describe(kernel)));
  code->setAttr("llcc.ins", b.getI64IntegerAttr(signature.ins));
  code->setAttr("llcc.outs", b.getI64IntegerAttr(signature.outs.size()));
  code->setAttr("llcc.bytes", b.getI64IntegerAttr(leastBytes(kernel)));
  code->setAttr("llcc.flops", b.getI64IntegerAttr(leastFlops(kernel)));
  for (StringRef name : {"llcc.reads", "llcc.looks"})
    if (Attribute value = kernel->getAttr(name))
      code->setAttr(name, value);
}

memref::GlobalOp KernelConstants::get(DenseElementsAttr attr) {
  memref::GlobalOp &global = globals[attr];
  if (global)
    return global;
  MemRefType type = flatBuffer(attr.getType());
  auto shape = RankedTensorType::get(type.getShape(), type.getElementType());
  auto value =
      attr.getElementType().isInteger(1)
          ? DenseElementsAttr::get(
                shape, ArrayRef<int8_t>(llvm::map_to_vector(attr.getValues<bool>(), [](bool b) { return int8_t(b); })))
          : attr.reshape(shape);
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  std::string name;
  do
    name = "constant" + std::to_string(next++);
  while (module.lookupSymbol(name));
  global =
      memref::GlobalOp::create(builder, builder.getUnknownLoc(), name, builder.getStringAttr("private"), type, value,
                               /*constant=*/true, builder.getI64IntegerAttr(64));
  return global;
}

} // namespace mlir::llcc
