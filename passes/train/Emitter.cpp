// Emits tensor-level ops at one location.
#include "passes/train/Emitter.h"
#include "mlir/IR/Matchers.h"

namespace mlir::llcc {

std::optional<double> splatOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<BroadcastOp, ReshapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !elements.isSplat())
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType()))
    return elements.getSplatValue<APFloat>().convertToDouble();
  if (elements.getElementType().isSignlessInteger())
    return double(elements.getSplatValue<APInt>().getSExtValue());
  return std::nullopt;
}

SmallVector<int64_t> dimsFrom(int64_t first, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(std::min(first, rank), rank));
}

SmallVector<int64_t> otherDims(ArrayRef<int64_t> dims, int64_t rank) {
  SmallVector<int64_t> others;
  for (int64_t i = 0; i < rank; ++i)
    if (!llvm::is_contained(dims, i))
      others.push_back(i);
  return others;
}

void eraseDeadOps(Operation *root) {
  SmallVector<Operation *> ops;
  root->walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    if (op != root && isOpTriviallyDead(op))
      op->erase();
}

Value Emitter::constant(RankedTensorType type, double value) {
  Type element = type.getElementType();
  Attribute attr = isa<FloatType>(element) ? Attribute(builder.getFloatAttr(element, value))
                                           : Attribute(builder.getIntegerAttr(element, int64_t(value)));
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, attr));
}

Value Emitter::compare(arith::CmpFPredicate predicate, Value x, Value y) {
  return builder.createOrFold<arith::CmpFOp>(loc, predicate, x, y);
}

Value Emitter::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return builder.createOrFold<arith::CmpIOp>(loc, predicate, x, y);
}

Value Emitter::indicator(Value condition, Type element) {
  RankedTensorType type = typeOf(condition).clone(element);
  return select(condition, constant(type, 1), constant(type, 0));
}

Value Emitter::convert(Value x, Type element) {
  RankedTensorType from = typeOf(x), to = from.clone(element);
  if (from == to)
    return x;
  if (element.getIntOrFloatBitWidth() > from.getElementTypeBitWidth())
    return builder.createOrFold<arith::ExtFOp>(loc, to, x);
  if (element.getIntOrFloatBitWidth() < from.getElementTypeBitWidth())
    return builder.createOrFold<arith::TruncFOp>(loc, to, x);
  return convert(convert(x, builder.getF32Type()), element); // f16 <-> bf16
}

Value Emitter::broadcast(Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  RankedTensorType type = typeOf(x).clone(shape);
  if (type == x.getType())
    return x;
  if (std::optional<double> number = splatOf(x))
    return constant(type, *number);
  if (auto inner = x.getDefiningOp<BroadcastOp>()) { // one broadcast instead of two
    SmallVector<int64_t> through;
    for (int64_t dim : inner.getDims())
      through.push_back(dims[dim]);
    return broadcast(inner.getX(), shape, through);
  }
  return BroadcastOp::create(builder, loc, type, x, dims);
}

Value Emitter::reduce(ReduceKind kind, Value x, ArrayRef<int64_t> dims) {
  if (dims.empty())
    return x;
  RankedTensorType type = typeOf(x);
  SmallVector<int64_t> shape;
  for (int64_t dim : otherDims(dims, type.getRank()))
    shape.push_back(type.getDimSize(dim));
  return ReduceOp::create(builder, loc, type.clone(shape), x, kind, dims);
}

Value Emitter::restore(Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  return broadcast(x, shape, otherDims(dims, shape.size()));
}

Value Emitter::reshape(Value x, ArrayRef<int64_t> shape) {
  RankedTensorType type = typeOf(x).clone(shape);
  if (type == x.getType())
    return x;
  if (std::optional<double> number = splatOf(x))
    return constant(type, *number);
  return ReshapeOp::create(builder, loc, type, x);
}

Value Emitter::transpose(Value x, ArrayRef<int64_t> perm) {
  if (llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())))
    return x;
  SmallVector<int64_t> shape;
  for (int64_t dim : perm)
    shape.push_back(typeOf(x).getDimSize(dim));
  return TransposeOp::create(builder, loc, typeOf(x).clone(shape), x, perm);
}

} // namespace mlir::llcc
