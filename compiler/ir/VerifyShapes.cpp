// Verifiers of shape changes, reductions and indexing. Placed types have logical shapes, local types local ones: the
// same rules.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

LogicalResult BroadcastOp::verify() {
  RankedTensorType x = getX().getType(), y = getType();
  ArrayRef<int64_t> dims = getDims();
  if (failed(checkElements(*this, x, y)) || failed(checkEntries(*this, "dims", dims, x.getRank(), 0)) ||
      failed(checkIncreasing(*this, "dims", dims, y.getRank())))
    return failure();
  for (auto [i, dim] : llvm::enumerate(dims))
    if (x.getDimSize(i) != 1 && x.getDimSize(i) != y.getDimSize(dim))
      return emitOpError() << "operand dimension " << i << " has size " << x.getDimSize(i) << ", needs 1 or the "
                           << y.getDimSize(dim) << " of result dimension " << dim;
  return success();
}

// Elements of `shape`, exact up to the width of Wide (a product of more than two full-range sizes saturates).
static Wide elementsOf(ArrayRef<int64_t> shape) {
  Wide n = 1;
  for (int64_t size : shape)
    if ((n *= size) > Wide(INT64_MAX))
      n = Wide(INT64_MAX) + 1;
  return llvm::is_contained(shape, 0) ? Wide(0) : n;
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType x = getX().getType(), y = getType();
  if (failed(checkElements(*this, x, y)))
    return failure();
  if (Wide n = elementsOf(x.getShape()); n > INT64_MAX || n != elementsOf(y.getShape()))
    return emitOpError() << "operand is " << sizesText(x.getShape())
                         << ", which has another number of elements than the result, " << sizesText(y.getShape());
  return success();
}

LogicalResult TransposeOp::verify() {
  RankedTensorType x = getX().getType();
  ArrayRef<int64_t> perm = getPerm();
  if (failed(checkEntries(*this, "perm", perm, x.getRank(), 0)))
    return failure();
  SmallVector<bool> seen(perm.size(), false);
  SmallVector<int64_t> needed;
  for (int64_t p : perm) {
    if (p >= x.getRank() || seen[p])
      return emitOpError() << "perm is " << listText(perm) << ", needs each dimension below " << x.getRank() << " once";
    seen[p] = true;
    needed.push_back(x.getDimSize(p));
  }
  return checkResult(*this, x, getType(), needed);
}

LogicalResult ReduceOp::verify() {
  RankedTensorType x = getX().getType();
  if (failed(checkIncreasing(*this, "dims", getDims(), x.getRank())))
    return failure();
  SmallVector<int64_t> needed;
  for (int64_t dim = 0; dim < x.getRank(); ++dim)
    if (!llvm::is_contained(getDims(), dim))
      needed.push_back(x.getDimSize(dim));
  return checkResult(*this, x, getType(), needed);
}

LogicalResult SliceOp::verify() {
  RankedTensorType x = getX().getType(), y = getType();
  int64_t rank = x.getRank();
  if (failed(checkElements(*this, x, y)) || failed(checkEntries(*this, "starts", getStarts(), rank, 0)) ||
      failed(checkEntries(*this, "strides", getStrides(), rank, 1)))
    return failure();
  if (y.getRank() != rank)
    return emitOpError() << "result has rank " << y.getRank() << ", needs the operand's " << rank;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t size = y.getDimSize(dim), start = getStarts()[dim], stride = getStrides()[dim];
    if (size > 0 && Wide(start) + Wide(size - 1) * stride >= x.getDimSize(dim))
      return emitOpError() << "dimension " << dim << " takes " << size << " elements from " << start << " with stride "
                           << stride << ", the operand has " << x.getDimSize(dim);
  }
  return success();
}

LogicalResult PadOp::verify() {
  RankedTensorType x = getX().getType(), y = getType();
  int64_t rank = x.getRank();
  if (failed(checkElements(*this, x, y)) || failed(checkEntries(*this, "lo", getLo(), rank, 0)) ||
      failed(checkEntries(*this, "hi", getHi(), rank, 0)) ||
      failed(checkEntries(*this, "interior", getInterior(), rank, 0)))
    return failure();
  if (y.getRank() != rank)
    return emitOpError() << "result has rank " << y.getRank() << ", needs the operand's " << rank;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t n = x.getDimSize(dim), lo = getLo()[dim], hi = getHi()[dim], interior = getInterior()[dim];
    if (Wide(lo) + n + Wide(std::max<int64_t>(n - 1, 0)) * interior + hi != y.getDimSize(dim))
      return emitOpError() << "dimension " << dim << ": " << n << " elements with lo " << lo << ", hi " << hi
                           << ", interior " << interior << " do not make the result's " << y.getDimSize(dim);
  }
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getXs().empty())
    return emitOpError() << "has no operands, needs at least one";
  RankedTensorType y = getType();
  if (failed(checkDim(*this, "dim", getDim(), y.getRank())))
    return failure();
  Wide size = 0;
  for (auto [i, operand] : llvm::enumerate(getXs())) {
    auto x = cast<RankedTensorType>(operand.getType());
    SmallVector<int64_t> needed(y.getShape());
    if (x.getRank() == y.getRank())
      needed[getDim()] = x.getDimSize(getDim());
    if (failed(checkElements(*this, x, y)))
      return failure();
    if (x.getShape() != ArrayRef<int64_t>(needed))
      return emitOpError() << "operand " << i << " is " << sizesText(x.getShape())
                           << ", which does not fit the result, " << sizesText(y.getShape()) << ", outside dimension "
                           << getDim();
    size += x.getDimSize(getDim());
  }
  if (size != y.getDimSize(getDim()))
    return emitOpError() << "operands have together " << int64_t(size) << " elements along dimension " << getDim()
                         << ", the result has " << y.getDimSize(getDim());
  return success();
}

LogicalResult IotaOp::verify() {
  if (!getType().getElementType().isIntOrIndexOrFloat())
    return emitOpError() << "result has elements of type " << getType().getElementType() << ", needs numbers";
  return checkDim(*this, "dim", getDim(), getType().getRank());
}

LogicalResult ReverseOp::verify() {
  RankedTensorType x = getX().getType();
  if (failed(checkIncreasing(*this, "dims", getDims(), x.getRank())))
    return failure();
  return checkResult(*this, x, getType(), x.getShape());
}
