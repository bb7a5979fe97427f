// The llcc ops and their folders; verifiers stand in Verify*.cpp, by family. Folders look through chains only where no
// type is placed: on placed types the value between may be where it is for a reason.
#include "compiler/ir/LLCC.h"

// One number for each tensor of a bucket: `0, 1`.
static mlir::ParseResult parseNumbers(mlir::OpAsmParser &parser, mlir::DenseI64ArrayAttr &numbers) {
  llvm::SmallVector<int64_t> list;
  if (parser.parseCommaSeparatedList([&]() { return parser.parseInteger(list.emplace_back()); }))
    return mlir::failure();
  numbers = parser.getBuilder().getDenseI64ArrayAttr(list);
  return mlir::success();
}
static void printNumbers(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::DenseI64ArrayAttr numbers) {
  llvm::interleaveComma(numbers.asArrayRef(), printer);
}

#define GET_OP_CLASSES
#include "compiler/ir/Ops.cpp.inc"

using namespace mlir;
using namespace mlir::llcc;

// The producer of `x` if it is an Op and nothing from its operand to `result` is placed.
template <class Op> static Op producer(Value x, RankedTensorType result) {
  auto op = x.getDefiningOp<Op>();
  if (!op || op.getX().getType().getEncoding() || op.getType().getEncoding() || result.getEncoding())
    return {};
  return op;
}

// reshape(x) of the same type is x; reshape(reshape(x)) is one reshape.
OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  auto inner = producer<ReshapeOp>(getX(), getType());
  if (!inner)
    return {};
  getXMutable().assign(inner.getX());
  return getResult();
}

// transpose by the identity is x; transpose(transpose(x)) is one transpose.
OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (getX().getType() == getType() && llvm::is_sorted(getPerm()))
    return getX();
  auto inner = producer<TransposeOp>(getX(), getType());
  if (!inner)
    return {};
  SmallVector<int64_t> perm;
  for (int64_t p : getPerm())
    perm.push_back(inner.getPerm()[p]);
  setPerm(perm);
  getXMutable().assign(inner.getX());
  return getResult();
}

// broadcast that repeats nothing is x; broadcast(broadcast(x)) is one broadcast.
OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  auto inner = producer<BroadcastOp>(getX(), getType());
  if (!inner)
    return {};
  SmallVector<int64_t> dims;
  for (int64_t d : inner.getDims())
    dims.push_back(getDims()[d]);
  setDims(dims);
  getXMutable().assign(inner.getX());
  return getResult();
}

// Nothing cut, padded, reduced or joined: x.
OpFoldResult SliceOp::fold(FoldAdaptor) { return getX().getType() == getType() ? getX() : OpFoldResult(); }
OpFoldResult PadOp::fold(FoldAdaptor) { return getX().getType() == getType() ? getX() : OpFoldResult(); }
OpFoldResult ReduceOp::fold(FoldAdaptor) { return getX().getType() == getType() ? getX() : OpFoldResult(); }
OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getXs().size() == 1 && getXs()[0].getType() == getType() ? OpFoldResult(getXs()[0]) : OpFoldResult();
}
