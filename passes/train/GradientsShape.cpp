// Gradients of what moves, repeats and combines elements: each is the transposed linear map.
#include "passes/train/Gradients.h"

namespace mlir::llcc {
namespace {

void broadcastRule(BroadcastOp op, Backward &b) {
  b.give(op.getX(), [&] {
    RankedTensorType from = op.getX().getType(), to = op.getType();
    SmallVector<int64_t> repeated; // dimensions of the result along which x does not vary
    for (int64_t dim = 0, i = 0; dim < to.getRank(); ++dim) {
      bool ofX = i < from.getRank() && op.getDims()[i] == dim;
      if (!ofX || from.getDimSize(i) != to.getDimSize(dim))
        repeated.push_back(dim);
      i += ofX;
    }
    return b.reshape(b.sum(b.dy, repeated), from.getShape());
  });
}

void sliceRule(SliceOp op, Backward &b) {
  b.give(op.getX(), [&]() -> Value {
    RankedTensorType from = op.getX().getType(), to = op.getType();
    if (to.getNumElements() == 0)
      return b.constant(from, 0);
    SmallVector<int64_t> hi, interior;
    for (int64_t dim = 0; dim < to.getRank(); ++dim) {
      int64_t reach = (to.getDimSize(dim) - 1) * op.getStrides()[dim] + 1; // elements from the first to the last taken
      hi.push_back(from.getDimSize(dim) - op.getStarts()[dim] - reach);
      interior.push_back(op.getStrides()[dim] - 1);
    }
    return PadOp::create(b.builder, b.loc, from, b.dy, op.getStarts(), hi, interior, APFloat(0.0));
  });
}

void padRule(PadOp op, Backward &b) {
  b.give(op.getX(), [&]() -> Value {
    SmallVector<int64_t> strides;
    for (int64_t interior : op.getInterior())
      strides.push_back(interior + 1);
    return SliceOp::create(b.builder, b.loc, op.getX().getType(), b.dy, op.getLo(), strides);
  });
}

void concatRule(ConcatOp op, Backward &b) {
  SmallVector<int64_t> starts(op.getType().getRank(), 0), strides(op.getType().getRank(), 1);
  for (Value x : op.getXs()) {
    b.give(x, [&]() -> Value { return SliceOp::create(b.builder, b.loc, x.getType(), b.dy, starts, strides); });
    starts[op.getDim()] += typeOf(x).getDimSize(op.getDim());
  }
}

/// max and min: in equal parts to all elements that have the extreme value (torch.amax).
Value extremeRule(ReduceOp op, Backward &b) {
  RankedTensorType from = op.getX().getType();
  Value extreme = b.restore(op.getResult(), from.getShape(), op.getDims());
  Value hit = b.compare(arith::CmpFPredicate::OEQ, op.getX(), extreme);
  Value count = b.sum(b.indicator(hit, from.getElementType()), op.getDims());
  return b.keep(hit, b.restore(b.div(b.dy, count), from.getShape(), op.getDims()));
}

/// prod: the product of the other elements. Where no element is zero that is y/x; where one is, only that element has a
/// slope, the product of the rest; where two are, none has (torch.prod).
Value productRule(ReduceOp op, Backward &b) {
  RankedTensorType from = op.getX().getType();
  ArrayRef<int64_t> dims = op.getDims();
  auto restore = [&](Value v) { return b.restore(v, from.getShape(), dims); };
  auto equals = [&](Value v, double n) { return b.compare(arith::CmpFPredicate::OEQ, v, b.constantLike(v, n)); };
  Value isZero = equals(op.getX(), 0);
  Value nonzero = b.select(isZero, b.constantLike(op.getX(), 1), op.getX());
  Value product = b.mul(b.dy, b.reduce(ReduceKind::Prod, nonzero, dims));
  Value zeros = b.sum(b.indicator(isZero, from.getElementType()), dims);
  Value ofZero = restore(b.keep(equals(zeros, 1), product));
  Value ofOther = b.div(restore(b.keep(equals(zeros, 0), product)), nonzero);
  return b.select(isZero, ofZero, ofOther);
}

void reduceRule(ReduceOp op, Backward &b) {
  b.give(op.getX(), [&]() -> Value {
    switch (op.getKind()) {
    case ReduceKind::Sum:
      return b.restore(b.dy, op.getX().getType().getShape(), op.getDims());
    case ReduceKind::Max:
    case ReduceKind::Min:
      return extremeRule(op, b);
    case ReduceKind::Prod:
      return productRule(op, b);
    }
    llvm_unreachable("four kinds of reduction");
  });
}
} // namespace

void addShapeGradients(GradientTable &table) {
  table.add<BroadcastOp>(broadcastRule);
  table.add<ReshapeOp>([](ReshapeOp op, Backward &b) {
    b.give(op.getX(), [&] { return b.reshape(b.dy, op.getX().getType().getShape()); });
  });
  table.add<TransposeOp>([](TransposeOp op, Backward &b) {
    b.give(op.getX(), [&] {
      SmallVector<int64_t> inverse(op.getPerm().size());
      for (auto [i, dim] : llvm::enumerate(op.getPerm()))
        inverse[dim] = i;
      return b.transpose(b.dy, inverse);
    });
  });
  table.add<ReduceOp>(reduceRule);
  table.add<SliceOp>(sliceRule);
  table.add<PadOp>(padRule);
  table.add<ConcatOp>(concatRule);
  table.add<ReverseOp>([](ReverseOp op, Backward &b) {
    b.give(op.getX(),
           [&]() -> Value { return ReverseOp::create(b.builder, b.loc, b.dy.getType(), b.dy, op.getDims()); });
  });
}
} // namespace mlir::llcc
