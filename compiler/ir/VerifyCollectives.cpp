// Verifiers of resharding and collectives. With placed types shapes are logical and nothing changes them; with local
// types a collective changes the dimension that it cuts or joins. What depends on the mesh (members, names of axes,
// sizes of blocks) is llcc-verify-shard's and llcc-verify-placement's to prove: an op knows no mesh.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

static bool isPlaced(Operation *op) {
  auto placed = [](Type type) { return bool(cast<RankedTensorType>(type).getEncoding()); };
  return llvm::any_of(op->getOperandTypes(), placed) || llvm::any_of(op->getResultTypes(), placed);
}

// (C2)
static LogicalResult checkAxes(Operation *op, ArrayAttr axes) {
  if (axes.empty())
    return op->emitOpError() << "has no axes, needs at least one";
  return success();
}

// A local result is x but for its size at `cut` (a block: no larger than x) and at `joined` (`size`); -1: there is
// none.
static LogicalResult checkChanged(Operation *op, RankedTensorType x, RankedTensorType y, int64_t cut, int64_t joined,
                                  int64_t size) {
  SmallVector<int64_t> needed(x.getShape());
  if (isPlaced(op) || y.getRank() != x.getRank())
    return checkResult(op, x, y, needed);
  if (joined >= 0)
    needed[joined] = size;
  if (cut >= 0) {
    if (y.getDimSize(cut) > x.getDimSize(cut))
      return op->emitOpError() << "dimension " << cut << " of the result has size " << y.getDimSize(cut)
                               << ", needs a block of the operand's " << x.getDimSize(cut);
    needed[cut] = y.getDimSize(cut);
  }
  return checkResult(op, x, y, needed);
}

// (C1) of a bucket: `numbers` lists have an entry for each tensor, results pair with operands.
static LogicalResult checkBucket(Operation *op, ArrayRef<ArrayRef<int64_t>> numbers) {
  size_t count = op->getNumOperands();
  if (count == 0 || count != op->getNumResults())
    return op->emitOpError() << "has " << count << " operands and " << op->getNumResults()
                             << " results, needs as many, at least one";
  for (ArrayRef<int64_t> list : numbers)
    if (list.size() != count)
      return op->emitOpError() << "has " << list.size() << " numbers for " << count << " operands, needs one for each";
  return success();
}

LogicalResult ReshardOp::verify() {
  return checkResult(*this, getX().getType(), getType(), getX().getType().getShape());
}

LogicalResult AllReduceOp::verify() {
  if (failed(checkAxes(*this, getAxes())) || failed(checkBucket(*this, {})))
    return failure();
  for (auto [x, y] : llvm::zip(getXs().getTypes(), getResults().getTypes())) {
    auto own = cast<RankedTensorType>(x);
    if (failed(checkResult(*this, own, cast<RankedTensorType>(y), own.getShape())))
      return failure();
  }
  return success();
}

LogicalResult AllGatherOp::verify() {
  if (failed(checkAxes(*this, getAxes())) || failed(checkBucket(*this, {getDims(), getSizes()})))
    return failure();
  for (auto [from, to, dim, size] : llvm::zip(getXs().getTypes(), getResultTypes(), getDims(), getSizes())) {
    auto x = cast<RankedTensorType>(from);
    if (failed(checkDim(*this, "dim", dim, x.getRank())) ||
        failed(checkChanged(*this, x, cast<RankedTensorType>(to), -1, dim, size)))
      return failure();
  }
  return success();
}

LogicalResult ReduceScatterOp::verify() {
  if (failed(checkAxes(*this, getAxes())) || failed(checkBucket(*this, {getDims()})))
    return failure();
  for (auto [from, to, dim] : llvm::zip(getXs().getTypes(), getResultTypes(), getDims())) {
    auto x = cast<RankedTensorType>(from);
    if (failed(checkDim(*this, "dim", dim, x.getRank())) ||
        failed(checkChanged(*this, x, cast<RankedTensorType>(to), dim, -1, 0)))
      return failure();
  }
  return success();
}

LogicalResult AllToAllOp::verify() {
  RankedTensorType x = getX().getType();
  int64_t split = getSplitDim(), concat = getConcatDim();
  if (failed(checkAxes(*this, getAxes())) || failed(checkDim(*this, "split_dim", split, x.getRank())) ||
      failed(checkDim(*this, "concat_dim", concat, x.getRank())))
    return failure();
  if (split == concat)
    return emitOpError() << "splits and joins dimension " << split << ", needs two dimensions";
  return checkChanged(*this, x, getType(), split, concat, getSize());
}

LogicalResult AxisSliceOp::verify() {
  RankedTensorType x = getX().getType();
  if (failed(checkAxes(*this, getAxes())) || failed(checkDim(*this, "dim", getDim(), x.getRank())))
    return failure();
  return checkChanged(*this, x, getType(), getDim(), -1, 0);
}

LogicalResult MaskOp::verify() {
  if (failed(checkAxes(*this, getAxes())))
    return failure();
  return checkDim(*this, "dim", getDim(), getX().getType().getRank());
}

LogicalResult AxisOffsetOp::verify() {
  if (!getType().getElementType().isIntOrIndexOrFloat())
    return emitOpError() << "result has elements of type " << getType().getElementType() << ", needs numbers";
  if (int64_t(getExtent()) < 0)
    return emitOpError() << "extent is " << int64_t(getExtent()) << ", needs at least 0";
  return checkAxes(*this, getAxes());
}
