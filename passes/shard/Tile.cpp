// Blocks of values, op by op.
#include "passes/shard/Tile.h"
#include "compiler/ir/Provenance.h"

namespace mlir::llcc {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

ShardingRule getLoops(Operation *op) {
  auto mask = dyn_cast<MaskOp>(op);
  if (!mask)
    return getShardingRule(op);
  ShardingRule rule;
  SmallVector<int> dims;
  for (auto [dim, size] : llvm::enumerate(mask.getType().getShape())) {
    dims.push_back(dim == mask.getDim() ? kWhole : int(rule.factors.size()));
    if (dim != mask.getDim())
      rule.factors.push_back({size});
  }
  rule.operands = {dims};
  rule.results = {dims};
  return rule;
}

RankedTensorType Tile::blockType(Value value, int64_t dim) const {
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape[dim] = ring.block();
  return typeOf(value).clone(shape);
}

/// Made of counting alone: a causal mask, say. Computed anew rather than kept whole.
bool Tile::isCheap(Value value, int depth) const {
  Operation *op = value.getDefiningOp();
  if (!op || depth > 16)
    return false;
  if (isFree(op) || isa<AxisOffsetOp>(op))
    return true;
  return op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1 &&
         llvm::all_of(op->getOperands(), [&](Value x) { return isCheap(x, depth + 1); });
}

Operation *Tile::copy(Operation *op, ValueRange operands, Type result) {
  Operation *made = b.clone(*op);
  made->setOperands(operands);
  made->getResult(0).setType(result);
  made->setLoc(loc);
  if (again && !isBackward(op->getLoc()))
    made->setAttr("llcc.recomputed", b.getUnitAttr());
  return made;
}

/// Logical index of the block's first element: ((c - round) mod members) * block.
Value Tile::offset(Type element) {
  auto scalar = RankedTensorType::get({}, element);
  int64_t whole = ring.block() * ring.members;
  auto constant = [&](int64_t n) -> Value {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(scalar, b.getIntegerAttr(element, n)));
  };
  Value own = AxisOffsetOp::create(b, loc, scalar, b.getI64IntegerAttr(whole), ring.axes);
  if (round == 0)
    return own;
  Value moved = arith::SubIOp::create(b, loc, own, constant(round * ring.block()));
  Value wrapped = arith::AddIOp::create(b, loc, moved, constant(whole));
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, moved, constant(0));
  return arith::SelectOp::create(b, loc, negative, wrapped, moved);
}

Value Tile::valid() {
  auto index = RankedTensorType::get({ring.block()}, b.getI64Type());
  Value count = IotaOp::create(b, loc, index, b.getI64IntegerAttr(0));
  Value start = BroadcastOp::create(b, loc, index, offset(b.getI64Type()), b.getDenseI64ArrayAttr({}));
  Value logical = arith::AddIOp::create(b, loc, count, start);
  Value end = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(index, b.getI64IntegerAttr(ring.extent)));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, logical, end);
}

/// Of a value that is there whole: its blocks, moved on `round` times, then this member's.
Value Tile::cutOut(Value value, int64_t dim) {
  int64_t rank = typeOf(value).getRank(), whole = ring.block() * ring.members, split = whole - round * ring.block();
  auto sized = [&](int64_t size) {
    SmallVector<int64_t> shape(typeOf(value).getShape());
    shape[dim] = size;
    return typeOf(value).clone(shape);
  };
  SmallVector<int64_t> none(rank, 0), ones(rank, 1), after(rank, 0);
  if (ring.uneven()) {
    after[dim] = whole - ring.extent;
    value = PadOp::create(b, loc, sized(whole), value, none, after, none, APFloat(0.0));
  }
  if (round) {
    SmallVector<int64_t> from = none;
    from[dim] = split;
    Value last = SliceOp::create(b, loc, sized(whole - split), value, from, ones);
    Value first = SliceOp::create(b, loc, sized(split), value, none, ones);
    value = ConcatOp::create(b, loc, sized(whole), ValueRange{last, first}, b.getI64IntegerAttr(dim));
  }
  return AxisSliceOp::create(b, loc, sized(ring.block()), value, b.getI64IntegerAttr(dim), ring.axes);
}

FailureOr<Value> Tile::of(Value value, int64_t dim) {
  if (Value tile = known.lookup(value))
    return tile;
  Operation *op = value.getDefiningOp();
  auto done = [&](Value tile) -> FailureOr<Value> { return known[value] = tile; };
  if (!op || !(tiled.contains(op) || isCheap(value)))
    return done(cutOut(value, dim));
  RankedTensorType type = blockType(value, dim);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return done(arith::ConstantOp::create(b, loc, cast<SplatElementsAttr>(constant.getValue()).resizeSplat(type)));
  if (auto iota = dyn_cast<IotaOp>(op); iota && int64_t(iota.getDim()) == dim) {
    if (!isa<IntegerType>(type.getElementType()))
      return done(cutOut(value, dim));
    Value count = IotaOp::create(b, loc, type, iota.getDimAttr());
    Value start = BroadcastOp::create(b, loc, type, offset(type.getElementType()), b.getDenseI64ArrayAttr({}));
    return done(arith::AddIOp::create(b, loc, count, start));
  }
  ShardingRule rule = getLoops(op);
  int factor = op->getNumResults() == 1 ? rule.results[0][dim] : kWhole;
  if (factor == kWhole || rule.factors[factor].even)
    return stuck = op, failure();
  SmallVector<Value> operands;
  for (auto [operand, factors] : llvm::zip(op->getOperands(), rule.operands)) {
    auto at = llvm::find(factors, factor);
    if (at == factors.end()) {
      operands.push_back(free(operand));
      continue;
    }
    FailureOr<Value> tile = of(operand, at - factors.begin());
    if (failed(tile))
      return failure();
    operands.push_back(*tile);
  }
  return done(copy(op, operands, type)->getResult(0));
}

FailureOr<Value> Tile::part(Operation *op, ArrayRef<int64_t> dims) {
  SmallVector<Value> operands;
  for (auto [operand, dim] : llvm::zip(op->getOperands(), dims)) {
    if (dim < 0) {
      operands.push_back(free(operand));
      continue;
    }
    FailureOr<Value> tile = of(operand, dim);
    if (failed(tile))
      return failure();
    operands.push_back(*tile);
  }
  return copy(op, operands, op->getResult(0).getType())->getResult(0);
}

} // namespace mlir::llcc
