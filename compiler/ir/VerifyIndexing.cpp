// Verifiers of ops whose positions are data: gather, scatter, argsort.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

// table[:axis] + indices[batch:] + table[axis+1:]
static SmallVector<int64_t> gatheredShape(RankedTensorType table, RankedTensorType indices, int64_t axis,
                                          int64_t batch) {
  SmallVector<int64_t> shape(table.getShape().take_front(axis));
  llvm::append_range(shape, indices.getShape().drop_front(batch));
  llvm::append_range(shape, table.getShape().drop_front(axis + 1));
  return shape;
}

// (C1) of gather; `name` calls what is indexed.
static LogicalResult checkIndexing(Operation *op, StringRef name, RankedTensorType table, RankedTensorType indices,
                                   int64_t axis, int64_t batch) {
  if (failed(checkDim(op, "axis", axis, table.getRank())))
    return failure();
  if (batch < 0 || batch > axis || batch > indices.getRank())
    return op->emitOpError() << "batch is " << batch << ", needs at least 0 and at most the axis, " << axis
                             << ", and the indices' rank, " << indices.getRank();
  if (table.getShape().take_front(batch) != indices.getShape().take_front(batch))
    return op->emitOpError() << name << " is " << sizesText(table.getShape()) << ", indices are "
                             << sizesText(indices.getShape()) << ", the first " << batch << " sizes must be equal";
  if (table.getDimSize(axis) == 0 && indices.getNumElements() != 0)
    return op->emitOpError() << name << " is " << sizesText(table.getShape()) << ", needs at least one row along axis "
                             << axis;
  return success();
}

static LogicalResult checkUpdates(Operation *op, StringRef name, RankedTensorType updates, RankedTensorType table,
                                  ArrayRef<int64_t> needed) {
  if (failed(checkElements(op, updates, table)))
    return failure();
  if (updates.getShape() != needed)
    return op->emitOpError() << "updates are " << sizesText(updates.getShape()) << ", need " << sizesText(needed)
                             << " for " << name << " of " << sizesText(table.getShape());
  return success();
}

LogicalResult GatherOp::verify() {
  RankedTensorType table = getTable().getType(), indices = getIndices().getType();
  if (failed(checkIndexing(*this, "table", table, indices, getAxis(), getBatch())))
    return failure();
  return checkResult(*this, table, getType(), gatheredShape(table, indices, getAxis(), getBatch()));
}

LogicalResult ScatterAddOp::verify() {
  RankedTensorType table = getType(), indices = getIndices().getType();
  if (failed(checkIndexing(*this, "result", table, indices, getAxis(), getBatch())))
    return failure();
  return checkUpdates(*this, "a result", getUpdates().getType(), table,
                      gatheredShape(table, indices, getAxis(), getBatch()));
}

LogicalResult ScatterOp::verify() {
  RankedTensorType data = getData().getType(), indices = getIndices().getType();
  if (failed(checkIndexing(*this, "data", data, indices, getAxis(), getBatch())) ||
      failed(checkUpdates(*this, "data", getUpdates().getType(), data,
                          gatheredShape(data, indices, getAxis(), getBatch()))))
    return failure();
  return checkResult(*this, data, getType(), data.getShape());
}

LogicalResult ArgsortOp::verify() {
  RankedTensorType x = getX().getType();
  if (failed(checkDim(*this, "axis", getAxis(), x.getRank())))
    return failure();
  if (!x.getElementType().isIntOrFloat())
    return emitOpError() << "operand has elements of type " << x.getElementType() << ", needs numbers";
  if (x.getShape() != getType().getShape())
    return emitOpError() << "result is " << sizesText(getType().getShape()) << ", needs the operand's "
                         << sizesText(x.getShape());
  return success();
}
