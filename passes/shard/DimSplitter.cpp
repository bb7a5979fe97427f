// The loops that dimensions share, and ops on split dimensions.
#include "passes/shard/DimSplitter.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {

using Sizes = DimSplitter::Sizes;
using Place = DimSplitter::Place;

static Place placeOf(Value value, int64_t dim) { return {value.getAsOpaquePointer(), dim}; }

/// Calls fn(dimensions of x, dimensions of y) for the shortest runs of real dimensions with equal products.
static void forEachRun(ReshapeOp op, function_ref<void(ArrayRef<int64_t>, ArrayRef<int64_t>)> fn) {
  ArrayRef<int64_t> x = shapeOf(op.getX()), y = shapeOf(op.getResult());
  if (llvm::is_contained(x, 0))
    return;
  auto real = [](ArrayRef<int64_t> shape) {
    Sizes dims;
    for (auto [dim, size] : llvm::enumerate(shape))
      if (size != 1)
        dims.push_back(dim);
    return dims;
  };
  Sizes xs = real(x), ys = real(y);
  for (size_t i = 0, j = 0; i < xs.size();) {
    size_t i0 = i, j0 = j;
    int64_t left = x[xs[i++]], right = y[ys[j++]];
    while (left != right)
      left < right ? left *= x[xs[i++]] : right *= y[ys[j++]];
    fn(ArrayRef(xs).slice(i0, i - i0), ArrayRef(ys).slice(j0, j - j0));
  }
}

void DimSplitter::forEachMerge(function_ref<void(Value merged, int64_t dim, Value parts, ArrayRef<int64_t> dims)> fn) {
  for (auto reshape : func.getOps<ReshapeOp>())
    forEachRun(reshape, [&](ArrayRef<int64_t> xs, ArrayRef<int64_t> ys) {
      if (ys.size() == 1 && xs.size() > 1)
        fn(reshape.getResult(), ys[0], reshape.getX(), xs);
      if (xs.size() == 1 && ys.size() > 1)
        fn(reshape.getX(), xs[0], reshape.getResult(), ys);
    });
}

void DimSplitter::run(function_ref<void(unsigned arg, RankedTensorType before)> changed) {
  if (sizes.empty())
    return;
  SmallVector<Operation *> ops;
  for (Operation &op : func.getBody().front())
    ops.push_back(&op);
  // A new argument in place of each that is split; who has no split form reads it merged again.
  SmallVector<BlockArgument> old(func.getArguments());
  SmallVector<std::pair<BlockArgument, BlockArgument>> made;
  for (BlockArgument arg : llvm::reverse(old)) {
    if (!isSplit(arg))
      continue;
    unsigned i = arg.getArgNumber();
    (void)func.insertArgument(i + 1, splitType(arg), func.getArgAttrDict(i), arg.getLoc());
    BlockArgument now = func.getArgument(i + 1);
    made.push_back({arg, now});
    split[arg] = now;
    b.setInsertionPointToStart(&func.getBody().front());
    Value merged = ReshapeOp::create(b, arg.getLoc(), arg.getType(), now);
    arg.replaceUsesWithIf(merged, [&](OpOperand &use) { return !joins(use.getOwner()); });
    if (merged.use_empty())
      merged.getDefiningOp()->erase();
  }
  for (Operation *op : ops)
    rewrite(op);
  for (Operation *op : llvm::reverse(ops))
    if (replaced.contains(op) && op->use_empty())
      op->erase();
  for (auto [arg, now] : llvm::reverse(made)) {
    auto before = cast<RankedTensorType>(arg.getType());
    unsigned i = arg.getArgNumber();
    (void)func.eraseArgument(i);
    if (changed)
      changed(i, before);
  }
}

bool DimSplitter::hasSplitForm(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return isa<SplatElementsAttr>(constant.getValue());
  return isa<BroadcastOp, TransposeOp, ReduceOp, SliceOp, PadOp, ConcatOp, ReverseOp, IotaOp, DotOp>(op) ||
         (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1);
}

void DimSplitter::join() {
  for (Operation &op : func.getBody().front()) {
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      forEachRun(reshape, [&](ArrayRef<int64_t> xs, ArrayRef<int64_t> ys) {
        for (auto [value, dims] : {std::pair(reshape.getX(), xs), {reshape.getResult(), ys}})
          for (int64_t dim : dims)
            classes.insert(placeOf(value, dim));
        if (xs.size() == 1 && ys.size() == 1)
          classes.unionSets(placeOf(reshape.getX(), xs[0]), placeOf(reshape.getResult(), ys[0]));
      });
    if (!hasSplitForm(&op))
      continue;
    ShardingRule rule = getShardingRule(&op);
    SmallVector<std::optional<Place>> first(rule.factors.size());
    auto add = [&](Value value, ArrayRef<int> factors) {
      for (auto [dim, f] : llvm::enumerate(factors)) {
        if (f == kWhole)
          continue;
        Place place = placeOf(value, dim);
        classes.insert(place);
        if (first[f])
          classes.unionSets(*first[f], place);
        first[f] = place;
      }
    };
    for (auto [value, factors] : llvm::zip(op.getOperands(), rule.operands))
      add(value, factors);
    for (auto [value, factors] : llvm::zip(op.getResults(), rule.results))
      add(value, factors);
  }
}

std::optional<Place> DimSplitter::leader(Value value, int64_t dim) const {
  auto it = classes.findLeader(placeOf(value, dim));
  return it == classes.member_end() ? std::nullopt : std::optional(*it);
}

/// What dimension `dim` is split into; none where it stays.
const Sizes *DimSplitter::partsOf(Value value, int64_t dim) const {
  auto at = leader(value, dim);
  auto found = at ? sizes.find(*at) : sizes.end();
  return found == sizes.end() ? nullptr : &found->second;
}
bool DimSplitter::isSplit(Value value) const {
  for (size_t dim = 0; dim < shapeOf(value).size(); ++dim)
    if (partsOf(value, dim))
      return true;
  return false;
}
RankedTensorType DimSplitter::splitType(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  Sizes shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    // A dimension of size 1 that is repeated along a split one is not of its class.
    if (const Sizes *parts = partsOf(value, dim))
      shape.append(*parts);
    else
      shape.push_back(type.getDimSize(dim));
  }
  return RankedTensorType::get(shape, type.getElementType());
}
/// Dimensions of the split value that dimension `dim` becomes.
Sizes DimSplitter::positions(Value value, int64_t dim) const {
  int64_t at = 0;
  for (int64_t before = 0; before < dim; ++before)
    at += partsOf(value, before) ? partsOf(value, before)->size() : 1;
  Sizes dims;
  for (size_t i = 0, n = partsOf(value, dim) ? partsOf(value, dim)->size() : 1; i < n; ++i)
    dims.push_back(at + i);
  return dims;
}
Sizes DimSplitter::positions(Value value, ArrayRef<int64_t> dims) const {
  Sizes all;
  for (int64_t dim : dims)
    all.append(positions(value, dim));
  return all;
}
/// How many dimensions the first `count` become.
int64_t DimSplitter::countOf(Value value, int64_t count) const {
  int64_t n = 0;
  for (int64_t dim = 0; dim < count; ++dim)
    n += partsOf(value, dim) ? partsOf(value, dim)->size() : 1;
  return n;
}
/// One number for each dimension; `fill` for the parts of a split one, which the op leaves as it is.
Sizes DimSplitter::expand(Value value, ArrayRef<int64_t> numbers, int64_t fill) const {
  Sizes all;
  for (auto [dim, number] : llvm::enumerate(numbers)) {
    if (const Sizes *parts = partsOf(value, dim))
      all.append(parts->size(), fill);
    else
      all.push_back(number);
  }
  return all;
}

Value DimSplitter::splitOf(Value value, Location loc) {
  if (!isSplit(value))
    return value;
  Value &known = split[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(value);
    known = ReshapeOp::create(b, loc, splitType(value), value);
  }
  return known;
}

/// Whether the op has a form on split dimensions: it takes each of those as a loop of its own, not as one that it
/// joins, cuts or looks up along (a flat row of samples that is concatenated, say).
bool DimSplitter::canSplit(Operation *op) const {
  if (!hasSplitForm(op))
    return false;
  if (auto iota = dyn_cast<IotaOp>(op); iota && partsOf(iota, iota.getDim()))
    return false;
  ShardingRule rule = getShardingRule(op);
  auto suits = [&](Value value, ArrayRef<int> factors) {
    for (size_t dim = 0; dim < shapeOf(value).size(); ++dim)
      if (partsOf(value, dim) && (dim >= factors.size() || factors[dim] == kWhole))
        return false;
    return true;
  };
  for (auto [value, factors] : llvm::zip(op->getOperands(), rule.operands))
    if (!suits(value, factors))
      return false;
  for (auto [value, factors] : llvm::zip(op->getResults(), rule.results))
    if (!suits(value, factors))
      return false;
  return true;
}

/// The op on split dimensions.
Operation *DimSplitter::makeSplit(Operation *op) {
  b.setInsertionPoint(op);
  IRMapping map;
  for (Value operand : op->getOperands())
    map.map(operand, splitOf(operand, op->getLoc()));
  b.setInsertionPoint(op);
  Operation *made = b.clone(*op, map);
  for (OpResult result : op->getResults())
    made->getResult(result.getResultNumber()).setType(splitType(result));
  llvm::TypeSwitch<Operation *>(op)
      .Case<arith::ConstantOp>([&](auto o) {
        auto value = cast<SplatElementsAttr>(o.getValue());
        cast<arith::ConstantOp>(made).setValueAttr(value.resizeSplat(cast<ShapedType>(made->getResult(0).getType())));
      })
      .Case<BroadcastOp>([&](BroadcastOp o) {
        Sizes dims;
        for (auto [i, dim] : llvm::enumerate(o.getDims())) {
          Sizes to = positions(o.getResult(), dim);
          bool unit = to.size() > 1 && !partsOf(o.getX(), i); // repeated: stands at one of them
          dims.append(to.begin(), unit ? to.begin() + 1 : to.end());
        }
        cast<BroadcastOp>(made).setDims(dims);
      })
      .Case<TransposeOp>([&](TransposeOp o) { cast<TransposeOp>(made).setPerm(positions(o.getX(), o.getPerm())); })
      .Case<ReduceOp>([&](ReduceOp o) { cast<ReduceOp>(made).setDims(positions(o.getX(), o.getDims())); })
      .Case<ReverseOp>([&](ReverseOp o) { cast<ReverseOp>(made).setDims(positions(o.getX(), o.getDims())); })
      .Case<SliceOp>([&](SliceOp o) {
        auto slice = cast<SliceOp>(made);
        slice.setStarts(expand(o.getX(), o.getStarts(), 0));
        slice.setStrides(expand(o.getX(), o.getStrides(), 1));
      })
      .Case<PadOp>([&](PadOp o) {
        auto pad = cast<PadOp>(made);
        pad.setLo(expand(o.getX(), o.getLo(), 0));
        pad.setHi(expand(o.getX(), o.getHi(), 0));
        pad.setInterior(expand(o.getX(), o.getInterior(), 0));
      })
      .Case<ConcatOp>([&](ConcatOp o) { cast<ConcatOp>(made).setDim(countOf(o.getResult(), o.getDim())); })
      .Case<IotaOp>([&](IotaOp o) { cast<IotaOp>(made).setDim(countOf(o.getResult(), o.getDim())); })
      .Case<DotOp>([&](DotOp o) {
        auto dot = cast<DotOp>(made);
        dot.setLhsBatch(positions(o.getLhs(), o.getLhsBatch()));
        dot.setRhsBatch(positions(o.getRhs(), o.getRhsBatch()));
        dot.setLhsContract(positions(o.getLhs(), o.getLhsContract()));
        dot.setRhsContract(positions(o.getRhs(), o.getRhsContract()));
      });
  return made;
}

void DimSplitter::rewrite(Operation *op) {
  bool touched = llvm::any_of(op->getOperands(), [&](Value v) { return isSplit(v); }) ||
                 llvm::any_of(op->getResults(), [&](Value v) { return isSplit(v); });
  if (!touched)
    return;
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    b.setInsertionPoint(op);
    Value x = splitOf(reshape.getX(), op->getLoc());
    b.setInsertionPoint(op);
    RankedTensorType type = splitType(reshape.getResult());
    Value y = x.getType() == type ? x : Value(ReshapeOp::create(b, op->getLoc(), type, x));
    return replace(op, y);
  }
  if (canSplit(op))
    return replace(op, makeSplit(op)->getResult(0));
  // As it was: from reshaped operands, which `replace` left.
}

/// `value` is the result of `op`, split.
void DimSplitter::replace(Operation *op, Value value) {
  Value old = op->getResult(0);
  replaced.insert(op);
  if (!isSplit(old)) {
    old.replaceAllUsesWith(value);
    return;
  }
  split[old] = value;
  // Users that have no split form read it merged again; the others do not look at this.
  b.setInsertionPoint(op);
  Value merged = ReshapeOp::create(b, op->getLoc(), old.getType(), value);
  old.replaceUsesWithIf(merged, [&](OpOperand &use) { return !joins(use.getOwner()); });
  if (merged.use_empty())
    merged.getDefiningOp()->erase();
}

/// True where the op will be made anew on split operands.
bool DimSplitter::joins(Operation *op) const { return isa<ReshapeOp>(op) || canSplit(op); }

} // namespace mlir::llcc
