// Gradients of gather and scatter: what is read by an index is added there, what is written there is read.
#include "passes/train/Gradients.h"

namespace mlir::llcc {
namespace {

/// What the places of `op`'s indices hold of `table`, in the shape of the updates.
template <typename Op> Value gatherAt(Op op, Backward &b, Value table) {
  auto type = RankedTensorType::get(typeOf(op.getUpdates()).getShape(), typeOf(table).getElementType());
  return GatherOp::create(b.builder, b.loc, type, table, op.getIndices(), op.getAxis(), op.getBatch());
}

/// A value for each index of `op`, in the shape of the updates.
Value spreadIndices(ScatterOp op, Backward &b, Value x) {
  int64_t batch = op.getBatch(), rank = op.getIndices().getType().getRank();
  SmallVector<int64_t> dims = dimsFrom(0, batch);
  for (int64_t d = batch; d < rank; ++d)
    dims.push_back(op.getAxis() + d - batch);
  return b.broadcast(x, op.getUpdates().getType().getShape(), dims);
}

/// The same, 0 for updates that are dropped.
Value gatherKept(ScatterOp op, Backward &b, Value table) {
  Value indices = op.getIndices();
  int64_t rows = op.getData().getType().getDimSize(op.getAxis());
  auto number = [&](int64_t n) -> Value {
    Type element = typeOf(indices).getElementType();
    return arith::ConstantOp::create(b.builder, b.loc,
                                     DenseElementsAttr::get(typeOf(indices), b.builder.getIntegerAttr(element, n)));
  };
  Value low = b.compare(arith::CmpIPredicate::sge, indices, number(-rows));
  Value high = b.compare(arith::CmpIPredicate::slt, indices, number(rows));
  return b.keep(spreadIndices(op, b, b.binary<arith::AndIOp>(low, high)), gatherAt(op, b, table));
}

Value scatterAt(ScatterOp op, Backward &b, Value data, Value updates, ReduceKindAttr kind) {
  return ScatterOp::create(b.builder, b.loc, data.getType(), data, updates, op.getIndices(), op.getAxis(),
                           op.getBatch(), kind);
}

/// Zeros of data's shape plus `updates` at their places.
Value addAt(ScatterOp op, Backward &b, Value updates) {
  return scatterAt(op, b, b.constant(op.getData().getType(), 0), updates,
                   ReduceKindAttr::get(op.getContext(), ReduceKind::Sum));
}

Value equal(Backward &b, Value x, Value y) { return b.compare(arith::CmpFPredicate::OEQ, x, y); }

/// No kind: the last update at a place stands there. A scatter of update numbers tells which one that is: along the
/// indices' dimensions, as all else of an update moves together.
void putRule(ScatterOp op, Backward &b) {
  RankedTensorType data = op.getData().getType(), updates = op.getUpdates().getType();
  b.give(op.getData(), [&] { return scatterAt(op, b, b.dy, b.constant(updates, 0), {}); });
  b.give(op.getUpdates(), [&] {
    int64_t axis = op.getAxis(), batch = op.getBatch(), rank = op.getIndices().getType().getRank() - batch;
    Type i64 = b.builder.getI64Type();
    SmallVector<int64_t> shape(op.getIndices().getType().getShape()), places(shape.begin(), shape.begin() + batch);
    int64_t count = 1;
    for (int64_t size : ArrayRef<int64_t>(shape).drop_front(batch))
      count *= size;
    places.push_back(data.getDimSize(axis));
    auto line = RankedTensorType::get({count}, i64);
    Value number = IotaOp::create(b.builder, b.loc, line, 0);
    number = b.reshape(number, ArrayRef<int64_t>(shape).drop_front(batch));
    number = b.broadcast(number, shape, dimsFrom(batch, batch + rank));
    auto placesType = RankedTensorType::get(places, i64);
    Value none = arith::ConstantOp::create(b.builder, b.loc,
                                           DenseElementsAttr::get(placesType, b.builder.getI64IntegerAttr(-1)));
    Value last =
        ScatterOp::create(b.builder, b.loc, placesType, none, number, op.getIndices(), batch, batch, ReduceKindAttr());
    Value there =
        GatherOp::create(b.builder, b.loc, RankedTensorType::get(shape, i64), last, op.getIndices(), batch, batch);
    Value stands = b.compare(arith::CmpIPredicate::eq, there, number);
    return b.keep(spreadIndices(op, b, stands), gatherAt(op, b, b.dy));
  });
}

/// prod: the product of all others at the place, as in the rule of reduce <prod>; data is one of the factors.
void productRule(ScatterOp op, Backward &b) {
  Value data = op.getData(), updates = op.getUpdates();
  Type element = typeOf(data).getElementType();
  auto nonzero = [&](Value x) { return b.select(equal(b, x, b.constantLike(x, 0)), b.constantLike(x, 1), x); };
  auto isZero = [&](Value x) { return b.indicator(equal(b, x, b.constantLike(x, 0)), element); };
  Value product = b.mul(b.dy, scatterAt(op, b, nonzero(data), nonzero(updates), op.getKindAttr()));
  Value zeros = b.add(isZero(data), addAt(op, b, isZero(updates)));
  Value none = b.keep(equal(b, zeros, b.constantLike(zeros, 0)), product);
  Value one = b.keep(equal(b, zeros, b.constantLike(zeros, 1)), product);
  auto rest = [&](Value x, Value none, Value one) {
    return b.select(equal(b, x, b.constantLike(x, 0)), one, b.div(none, nonzero(x)));
  };
  b.give(data, [&] { return rest(data, none, one); });
  b.give(updates, [&] { return rest(updates, gatherKept(op, b, none), gatherKept(op, b, one)); });
}

/// max and min: in equal parts to data and the updates that have the extreme value.
void extremeRule(ScatterOp op, Backward &b) {
  Value data = op.getData(), updates = op.getUpdates(), y = op.getResult();
  Type element = typeOf(data).getElementType();
  Value hitData = equal(b, data, y), hitUpdates = equal(b, updates, gatherAt(op, b, y));
  Value count = b.add(b.indicator(hitData, element), addAt(op, b, b.indicator(hitUpdates, element)));
  Value part = b.div(b.dy, count);
  b.give(data, [&] { return b.keep(hitData, part); });
  b.give(updates, [&] { return b.keep(hitUpdates, gatherKept(op, b, part)); });
}

void scatterRule(ScatterOp op, Backward &b) {
  if (!op.getKind())
    return putRule(op, b);
  switch (*op.getKind()) {
  case ReduceKind::Sum:
    b.give(op.getData(), [&] { return b.dy; });
    b.give(op.getUpdates(), [&] { return gatherKept(op, b, b.dy); });
    return;
  case ReduceKind::Prod:
    return productRule(op, b);
  case ReduceKind::Max:
  case ReduceKind::Min:
    return extremeRule(op, b);
  }
}
} // namespace

void addIndexingGradients(GradientTable &table) {
  table.add<GatherOp>([](GatherOp op, Backward &b) {
    b.give(op.getTable(), [&]() -> Value {
      return ScatterAddOp::create(b.builder, b.loc, op.getTable().getType(), b.dy, op.getIndices(), op.getAxis(),
                                  op.getBatch());
    });
  });
  table.add<ScatterAddOp>(
      [](ScatterAddOp op, Backward &b) { b.give(op.getUpdates(), [&] { return gatherAt(op, b, b.dy); }); });
  table.add<ScatterOp>(scatterRule);
}
} // namespace mlir::llcc
