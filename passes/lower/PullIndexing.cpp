// Ops of PullEmitter whose positions are data: gather and scatter, and those that depend on where the device is in the
// mesh.
#include "passes/lower/PullEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::llcc;

static void append(Coord &to, const Coord &digits) { to.append(digits.begin(), digits.end()); }

Value PullEmitter::row(Value indices, const Coord &at, int64_t rows, Value *inside) {
  Value number = pull(indices, at);
  Value position = isa<IndexType>(number.getType())
                       ? number
                       : arith::IndexCastOp::create(builder, loc, builder.getIndexType(), number).getResult();
  Value negative = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, position, index(0));
  position = arith::SelectOp::create(builder, loc, negative, add(position, index(rows)), position);
  if (inside)
    *inside = within(position, rows);
  position = arith::MaxSIOp::create(builder, loc, position, index(0));
  return arith::MinSIOp::create(builder, loc, position, index(rows - 1));
}

Value PullEmitter::emitGather(GatherOp op, const Coord &at) {
  ArrayRef<int64_t> table = shapeOf(op.getTable());
  int64_t axis = op.getAxis(), batch = product(table.take_front(op.getBatch()));
  int64_t before = product(table.slice(op.getBatch(), axis - op.getBatch()));
  int64_t count = product(shapeOf(op.getIndices()).drop_front(op.getBatch()));
  SmallVector<Coord> groups = split(at, {batch, before, count, product(table.drop_front(axis + 1))});
  Coord source = groups[0], which = groups[0];
  append(source, groups[1]);
  append(which, groups[2]);
  if (table[axis] > 1)
    source.push_back({row(op.getIndices(), which, table[axis]), table[axis]});
  append(source, groups[3]);
  return pull(op.getTable(), source);
}

template <typename Op> static void setSizes(Scatter &s, Op op) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  int64_t axis = op.getAxis(), batch = op.getBatch();
  s.updates = op.getUpdates();
  s.indices = op.getIndices();
  s.batch = product(shape.take_front(batch));
  s.before = product(shape.slice(batch, axis - batch));
  s.rows = shape[axis];
  s.behind = product(shape.drop_front(axis + 1));
  s.count = product(shapeOf(s.indices).drop_front(batch));
}

Scatter::Scatter(ScatterAddOp op) : kind(ReduceKind::Sum), drops(false) { setSizes(*this, op); }
Scatter::Scatter(ScatterOp op) : data(op.getData()), kind(op.getKind()), drops(true) { setSizes(*this, op); }

Value PullEmitter::put(const Scatter &scatter, Value inside, Value old, Value update) {
  Value value = update;
  if (scatter.kind == ReduceKind::Sum && isa<FloatType>(old.getType()))
    value = arith::AddFOp::create(builder, loc, old, update);
  else if (scatter.kind)
    value = combine(*scatter.kind, old, update);
  return scatter.drops ? arith::SelectOp::create(builder, loc, inside, value, old).getResult() : value;
}

// Read at one position the walk runs over all indices: right, and slow. The scatter form of a kernel writes in place
// instead.
Value PullEmitter::emitScatter(const Scatter &s, const Coord &at) {
  SmallVector<Coord> groups = split(at, {s.batch, s.before, s.rows, s.behind});
  Value wanted = linear(groups[2]);
  Type type = cast<RankedTensorType>(s.updates.getType()).getElementType();
  Value start = s.data ? pull(s.data, at) : number(type, 0);
  return nest({s.count}, start, [&](ArrayRef<Value> ivs, ValueRange accs) {
    Coord which = groups[0], source = groups[0];
    append(source, groups[1]);
    for (Coord *coord : {&which, &source})
      if (s.count > 1)
        coord->push_back({ivs[0], s.count});
    append(source, groups[3]);
    Value inside, place = row(s.indices, which, s.rows, &inside);
    Value hit = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, place, wanted);
    Value acc = accs[0];
    return SmallVector<Value>{branch(
        hit, [&] { return put(s, inside, acc, pull(s.updates, source)); }, [&] { return acc; })};
  })[0];
}

//===-- Mesh ----------------------------------------------------------------===//

Value PullEmitter::deviceCoord(StringRef axis) {
  Value &coord = deviceCoords[axis];
  if (coord)
    return coord;
  int64_t position = mesh ? mesh.getPosition(axis) : -1;
  if (position < 0)
    return coord = index(0);
  Value at = index(position), asIndex;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(at);
  Value number = memref::LoadOp::create(builder, loc, coords, at);
  asIndex = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), number);
  return deviceCoords[axis] = asIndex;
}

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

Value PullEmitter::emitAxisSlice(AxisSliceOp op, const Coord &at) {
  ArrayRef<int64_t> from = shapeOf(op.getX()), shape = op.getType().getShape();
  int64_t dim = op.getDim(), members = 1;
  Value member = index(0);
  for (StringAttr axis : op.getAxes().getAsRange<StringAttr>()) {
    int64_t size = mesh ? mesh.getSize(axis.getValue()) : 1;
    member = add(mul(member, index(size)), deviceCoord(axis.getValue()));
    members *= size;
  }
  SmallVector<Coord> groups =
      split(at, {product(shape.take_front(dim)), shape[dim], product(shape.drop_front(dim + 1))});
  Value position = add(mul(member, index(shape[dim])), linear(groups[1]));
  Coord source = groups[0];
  if (from[dim] > 1)
    source.push_back({position, from[dim]});
  append(source, groups[2]);
  Value inside = members * shape[dim] > from[dim] ? within(position, from[dim]) : Value();
  return branch(
      inside, [&] { return pull(op.getX(), source); }, [&] { return number(op.getType().getElementType(), 0); });
}

Value PullEmitter::emitMask(MaskOp op, const Coord &at) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getType()).getShape();
  int64_t dim = op.getDim();
  SmallVector<Coord> groups =
      split(at, {product(shape.take_front(dim)), shape[dim], product(shape.drop_front(dim + 1))});
  SmallVector<std::pair<StringRef, int64_t>> levels; // axis, size of the block that it cuts
  int64_t size = op.getExtent();
  for (StringAttr axis : op.getAxes().getAsRange<StringAttr>()) {
    levels.push_back({axis.getValue(), size});
    size = ceilDiv(size, mesh ? mesh.getSize(axis.getValue()) : 1);
  }
  // From the innermost level out: a position in a block becomes one in the block that holds it, and must lie in that.
  Value position = linear(groups[1]), valid;
  int64_t block = size;
  for (auto [axis, outer] : llvm::reverse(levels)) {
    position = add(mul(deviceCoord(axis), index(block)), position);
    if (block * (mesh ? mesh.getSize(axis) : 1) > outer)
      valid = both(valid, within(position, outer));
    block = outer;
  }
  return branch(
      valid, [&] { return pull(op.getX(), at); },
      [&] { return number(getElementTypeOrSelf(op.getType()), op.getValue().convertToDouble()); });
}

Value PullEmitter::emitAxisOffset(AxisOffsetOp op) {
  Value offset = index(0);
  int64_t size = op.getExtent();
  for (StringAttr axis : op.getAxes().getAsRange<StringAttr>()) {
    size = ceilDiv(size, mesh ? mesh.getSize(axis.getValue()) : 1);
    offset = add(offset, mul(deviceCoord(axis.getValue()), index(size)));
  }
  Type type = cast<RankedTensorType>(op.getType()).getElementType();
  if (isa<IndexType>(type))
    return offset;
  Value whole = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), offset);
  if (isa<FloatType>(type))
    return arith::SIToFPOp::create(builder, loc, type, whole);
  return type.isInteger(64) ? whole : arith::TruncIOp::create(builder, loc, type, whole).getResult();
}
