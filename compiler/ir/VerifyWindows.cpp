// Verifiers of contractions, convolutions and pooling.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

// One side of a dot: batch and contracted dimensions are in range, none twice.
static LogicalResult checkSide(Operation *op, StringRef side, RankedTensorType x, ArrayRef<int64_t> batch,
                               ArrayRef<int64_t> contract) {
  SmallVector<bool> seen(x.getRank(), false);
  for (ArrayRef<int64_t> dims : {batch, contract})
    for (int64_t dim : dims) {
      if (dim < 0 || dim >= x.getRank())
        return op->emitOpError() << side << " names dimension " << dim << ", the tensor has rank " << x.getRank();
      if (seen[dim])
        return op->emitOpError() << side << " names dimension " << dim << " twice, in batch " << listText(batch)
                                 << " and contract " << listText(contract);
      seen[dim] = true;
    }
  return success();
}

static LogicalResult checkPairs(Operation *op, StringRef what, RankedTensorType lhs, RankedTensorType rhs,
                                ArrayRef<int64_t> l, ArrayRef<int64_t> r) {
  if (l.size() != r.size())
    return op->emitOpError() << what << " dimensions are " << listText(l) << " and " << listText(r)
                             << ", need as many on both sides";
  for (auto [i, j] : llvm::zip(l, r))
    if (lhs.getDimSize(i) != rhs.getDimSize(j))
      return op->emitOpError() << what << " dimensions differ: lhs is " << sizesText(lhs.getShape()) << " (dimension "
                               << i << "), rhs is " << sizesText(rhs.getShape()) << " (dimension " << j << ")";
  return success();
}

/// `x`, or its f32 form where `result` keeps the sum of 16-bit products as it was accumulated.
static RankedTensorType widened(RankedTensorType x, RankedTensorType result) {
  bool keeps = result.getElementType().isF32() && (x.getElementType().isF16() || x.getElementType().isBF16());
  return keeps ? x.clone(result.getElementType()) : x;
}

LogicalResult DotOp::verify() {
  RankedTensorType lhs = getLhs().getType(), rhs = getRhs().getType();
  if (failed(checkElements(*this, lhs, rhs)) || failed(checkSide(*this, "lhs", lhs, getLhsBatch(), getLhsContract())) ||
      failed(checkSide(*this, "rhs", rhs, getRhsBatch(), getRhsContract())) ||
      failed(checkPairs(*this, "batch", lhs, rhs, getLhsBatch(), getRhsBatch())) ||
      failed(checkPairs(*this, "contracted", lhs, rhs, getLhsContract(), getRhsContract())))
    return failure();
  SmallVector<int64_t> needed;
  for (int64_t dim : getLhsBatch())
    needed.push_back(lhs.getDimSize(dim));
  for (int64_t dim = 0; dim < lhs.getRank(); ++dim)
    if (!llvm::is_contained(getLhsBatch(), dim) && !llvm::is_contained(getLhsContract(), dim))
      needed.push_back(lhs.getDimSize(dim));
  for (int64_t dim = 0; dim < rhs.getRank(); ++dim)
    if (!llvm::is_contained(getRhsBatch(), dim) && !llvm::is_contained(getRhsContract(), dim))
      needed.push_back(rhs.getDimSize(dim));
  return checkResult(*this, widened(lhs, getType()), getType(), needed);
}

// Attributes of windows over the spatial dimensions of x.
template <class Op> static LogicalResult checkWindow(Op op, RankedTensorType x) {
  if (x.getRank() < 3)
    return op.emitOpError() << "operand is " << sizesText(x.getShape())
                            << ", needs batch, channels and at least one spatial dimension";
  int64_t spatial = x.getRank() - 2;
  return success(succeeded(checkEntries(op, "strides", op.getStrides(), spatial, 1)) &&
                 succeeded(checkEntries(op, "pads_lo", op.getPadsLo(), spatial, 0)) &&
                 succeeded(checkEntries(op, "pads_hi", op.getPadsHi(), spatial, 0)) &&
                 succeeded(checkEntries(op, "dilations", op.getDilations(), spatial, 1)));
}

// Positions beside the first that a window of `kernel` elements has along spatial dimension `dim`; negative: it does
// not fit.
template <class Op> static Wide roomOf(Op op, int64_t dim, int64_t size, int64_t kernel) {
  return Wide(size) + op.getPadsLo()[dim] + op.getPadsHi()[dim] - (Wide(op.getDilations()[dim]) * (kernel - 1) + 1);
}

// y = conv(x, w), whichever of the three is the result.
template <class Op> static LogicalResult checkConv(Op op, RankedTensorType x, RankedTensorType w, RankedTensorType y) {
  if (failed(checkElements(op, x, w)) || failed(checkElements(op, x, y)) || failed(checkWindow(op, x)))
    return failure();
  if (w.getRank() != x.getRank() || y.getRank() != x.getRank())
    return op.emitOpError() << "ranks differ: x is " << sizesText(x.getShape()) << ", w is " << sizesText(w.getShape())
                            << ", y is " << sizesText(y.getShape());
  int64_t groups = op.getGroups();
  if (groups < 1 || x.getDimSize(1) % groups || w.getDimSize(0) % groups || x.getDimSize(1) / groups != w.getDimSize(1))
    return op.emitOpError() << "channels do not fit: x has " << x.getDimSize(1) << " in " << groups << " groups, w has "
                            << w.getDimSize(1) << " for each group and makes " << w.getDimSize(0);
  if (y.getDimSize(0) != x.getDimSize(0) || y.getDimSize(1) != w.getDimSize(0))
    return op.emitOpError() << "y is " << sizesText(y.getShape()) << ", needs batch " << x.getDimSize(0) << " and "
                            << w.getDimSize(0) << " channels";
  for (int64_t d = 0; d < x.getRank() - 2; ++d) {
    int64_t size = x.getDimSize(d + 2), kernel = w.getDimSize(d + 2), out = y.getDimSize(d + 2);
    Wide room = roomOf(op, d, size, kernel);
    if (kernel < 1 || room < 0)
      return op.emitOpError() << "kernel of " << kernel << " with dilation " << op.getDilations()[d]
                              << " does not fit the " << size << " elements of spatial dimension " << d
                              << " with padding " << op.getPadsLo()[d] << " and " << op.getPadsHi()[d];
    if (room / op.getStrides()[d] + 1 != out)
      return op.emitOpError() << "spatial dimension " << d << " of y has " << out << " elements, needs "
                              << int64_t(room / op.getStrides()[d] + 1);
  }
  return success();
}

/// The type that the result of `op` has beside operands like `x`: f32 sums of 16 bit products count as these.
template <class Op> static RankedTensorType narrowed(Op op, RankedTensorType x) {
  return widened(x, op.getType()) != x ? op.getType().clone(x.getElementType()) : op.getType();
}

LogicalResult ConvOp::verify() {
  RankedTensorType x = getX().getType();
  return checkConv(*this, x, getW().getType(), narrowed(*this, x));
}
LogicalResult ConvInputGradOp::verify() {
  RankedTensorType dy = getDy().getType();
  return checkConv(*this, narrowed(*this, dy), getW().getType(), dy);
}
LogicalResult ConvWeightGradOp::verify() {
  RankedTensorType x = getX().getType();
  return checkConv(*this, x, narrowed(*this, x), getDy().getType());
}

// y = pool(x), whichever is the result. At least the windows of floor mode; more may hang over the end (ceil mode), but
// start before it.
template <class Op> static LogicalResult checkPool(Op op, RankedTensorType x, RankedTensorType y) {
  if (failed(checkElements(op, x, y)) || failed(checkWindow(op, x)) ||
      failed(checkEntries(op, "window", op.getWindow(), x.getRank() - 2, 1)))
    return failure();
  if (y.getRank() != x.getRank() || y.getDimSize(0) != x.getDimSize(0) || y.getDimSize(1) != x.getDimSize(1))
    return op.emitOpError() << "y is " << sizesText(y.getShape()) << ", needs the batch and channels of x, "
                            << sizesText(x.getShape());
  for (int64_t d = 0; d < x.getRank() - 2; ++d) {
    int64_t size = x.getDimSize(d + 2), window = op.getWindow()[d], out = y.getDimSize(d + 2),
            stride = op.getStrides()[d];
    Wide room = roomOf(op, d, size, window);
    Wide padded = Wide(size) + op.getPadsLo()[d] + op.getPadsHi()[d];
    Wide least = room < 0 ? 0 : room / stride + 1, most = padded < 1 ? 0 : (padded - 1) / stride + 1;
    if (out < std::max<Wide>(least, 1) || out > most)
      return op.emitOpError() << "spatial dimension " << d << " of y has " << out << " elements; a window of " << window
                              << " with stride " << stride << " over " << int64_t(padded) << " padded elements gives "
                              << int64_t(std::max<Wide>(least, 1)) << " (floor mode) to " << int64_t(most);
  }
  return success();
}

LogicalResult MaxPoolOp::verify() { return checkPool(*this, getX().getType(), getType()); }
LogicalResult AvgPoolOp::verify() { return checkPool(*this, getX().getType(), getType()); }
LogicalResult AvgPoolGradOp::verify() { return checkPool(*this, getType(), getDy().getType()); }
LogicalResult MaxPoolGradOp::verify() {
  RankedTensorType x = getX().getType();
  if (failed(checkResult(*this, x, getType(), x.getShape())))
    return failure();
  return checkPool(*this, x, getDy().getType());
}
