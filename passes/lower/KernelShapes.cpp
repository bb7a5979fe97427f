// Reads the loops of row and fold kernels from their bodies, and checks the contracts of these forms.
#include "passes/lower/KernelShapes.h"
#include "passes/lower/PullEmitter.h"

namespace mlir::llcc {

SmallVector<ReduceOp> reductionsOf(func::FuncOp kernel) {
  return llvm::to_vector(kernel.getBody().front().getOps<ReduceOp>());
}

FailureOr<RowShape> RowShape::of(func::FuncOp kernel) {
  auto rowsAttr = kernel->getAttrOfType<IntegerAttr>("llcc.rows");
  if (!rowsAttr)
    return kernel.emitError("row kernel has no llcc.rows, needs the number of leading dimensions that are rows");
  RowShape shape;
  size_t rows = shape.rows = rowsAttr.getInt();
  Operation *ret = kernel.getBody().front().getTerminator();
  SmallVector<ReduceOp> reduces = reductionsOf(kernel);
  ArrayRef<int64_t> like = reduces.empty() ? shapeOf(ret->getOperand(0)) : shapeOf(reduces[0].getX());
  auto leads = [&](ArrayRef<int64_t> other) {
    return other.size() >= rows && like.size() >= rows && other.take_front(rows) == like.take_front(rows);
  };
  for (ReduceOp reduce : reduces) {
    ArrayRef<int64_t> dims = reduce.getDims();
    bool rest = dims.size() + rows == shapeOf(reduce.getX()).size();
    for (auto [i, dim] : llvm::enumerate(dims))
      rest &= dim == int64_t(rows + i);
    if (!rest || !leads(shapeOf(reduce.getX())))
      return reduce.emitError() << "reduces " << reduce.getX().getType() << " along [" << dims
                                << "] in a row kernel, needs all dimensions from " << rows << " on";
  }
  for (Value result : ret->getOperands())
    if (!leads(shapeOf(result)))
      return kernel.emitError() << "row kernel has a result of type " << result.getType() << ", needs its first "
                                << rows << " dimensions to be the rows";
  shape.count = product(like.take_front(rows));

  DenseMap<Value, int64_t> depth;
  for (Operation &op : kernel.getBody().front()) {
    int64_t below = 0;
    for (Value operand : op.getOperands())
      below = std::max(below, depth.lookup(operand));
    auto reduce = dyn_cast<ReduceOp>(op);
    if (reduce)
      shape.levels[{below, product(shapeOf(reduce.getX()).drop_front(rows))}].push_back(reduce);
    for (Value result : op.getResults())
      depth[result] = below + bool(reduce);
  }
  auto inplace = kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace");
  for (auto [i, result] : llvm::enumerate(ret->getOperands())) {
    int64_t length = product(shapeOf(result).drop_front(rows));
    shape.stores[{length != 1 && inplace && inplace[i] >= 0, length}].push_back(i);
  }
  return shape;
}

FailureOr<FoldShape> FoldShape::of(func::FuncOp kernel) {
  FoldShape fold;
  fold.reduces = reductionsOf(kernel);
  if (fold.reduces.empty())
    return kernel.emitError("fold kernel has no llcc.reduce, needs at least one");
  ReduceOp first = fold.reduces[0];
  ArrayRef<int64_t> shape = shapeOf(first.getX());
  for (ReduceOp reduce : fold.reduces)
    if (shapeOf(reduce.getX()) != shape || reduce.getDims() != first.getDims())
      return reduce.emitError() << "reduces " << reduce.getX().getType() << " along [" << reduce.getDims()
                                << "] in a fold kernel whose first reduction is of " << first.getX().getType()
                                << " along [" << first.getDims() << "], needs the same";
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    if (elementsOf(result) != elementsOf(first))
      return kernel.emitError() << "fold kernel has a result of type " << result.getType()
                                << ", needs the kept shape of " << first.getType();
  for (auto [i, size] : llvm::enumerate(shape)) {
    bool reduced = llvm::is_contained(first.getDims(), int64_t(i));
    if (size == 1)
      continue;
    if (fold.groups.empty() || fold.groups.back().reduced != reduced)
      fold.groups.push_back({reduced, 1});
    fold.groups.back().size *= size;
  }
  return fold;
}

} // namespace mlir::llcc
