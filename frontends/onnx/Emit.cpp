// How operator handlers say IR.
#include "frontends/onnx/Emit.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallVectorExtras.h"

namespace mlir::llcc::frontend {

Value splat(Binder &b, ArrayRef<int64_t> shape, Type type, double value) {
  auto tensor = RankedTensorType::get(shape, type);
  Attribute element = isa<FloatType>(type) ? Attribute(b.builder.getFloatAttr(type, value))
                                           : Attribute(b.builder.getIntegerAttr(type, int64_t(value)));
  return arith::ConstantOp::create(b.builder, b.loc, DenseElementsAttr::get(tensor, element));
}

Value reshape(Binder &b, Value x, ArrayRef<int64_t> shape) {
  if (shapeOf(x) == shape)
    return x;
  return ReshapeOp::create(b.builder, b.loc, RankedTensorType::get(shape, typeOf(x).getElementType()), x);
}

Value transpose(Binder &b, Value x, ArrayRef<int64_t> perm) {
  bool identity = true;
  Shape shape;
  for (auto [i, p] : llvm::enumerate(perm)) {
    identity &= int64_t(i) == p;
    shape.push_back(shapeOf(x)[p]);
  }
  if (identity)
    return x;
  return TransposeOp::create(b.builder, b.loc, RankedTensorType::get(shape, typeOf(x).getElementType()), x, perm);
}

Value broadcast(Binder &b, Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  auto type = RankedTensorType::get(shape, typeOf(x).getElementType());
  if (x.getType() == type)
    return x;
  SplatElementsAttr constant;
  if (matchPattern(x, m_Constant(&constant)))
    return arith::ConstantOp::create(b.builder, b.loc, constant.resizeSplat(type));
  return BroadcastOp::create(b.builder, b.loc, type, x, dims);
}

Value broadcastTo(Binder &b, Value x, ArrayRef<int64_t> shape) {
  int64_t missing = int64_t(shape.size()) - rankOf(x);
  return broadcast(b, x, shape, llvm::to_vector(llvm::seq<int64_t>(missing, shape.size())));
}

Value reduce(Binder &b, Value x, ReduceKind kind, ArrayRef<int64_t> dims, bool keep) {
  if (dims.empty())
    return x;
  Shape reduced, kept;
  for (auto [i, size] : llvm::enumerate(shapeOf(x))) {
    bool gone = llvm::is_contained(dims, int64_t(i));
    kept.push_back(gone ? 1 : size);
    if (!gone)
      reduced.push_back(size);
  }
  auto type = RankedTensorType::get(reduced, typeOf(x).getElementType());
  Value y = ReduceOp::create(b.builder, b.loc, type, x, kind, dims);
  return keep ? reshape(b, y, kept) : y;
}

std::optional<Shape> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Shape shape(a);
  size_t missing = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &size = shape[missing + i];
    if (size == 1)
      size = b[i];
    else if (b[i] != 1 && b[i] != size)
      return std::nullopt;
  }
  return shape;
}

} // namespace mlir::llcc::frontend
