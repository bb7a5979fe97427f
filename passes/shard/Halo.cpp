// Arithmetic of convolutions in blocks.
#include "passes/shard/Halo.h"

namespace mlir::llcc {

Halo Halo::get(Operation *op, ArrayRef<int64_t> x, ArrayRef<int64_t> y, ArrayRef<int64_t> w, int64_t spatial) {
  auto number = [&](StringRef name) { return op->getAttrOfType<DenseI64ArrayAttr>(name)[spatial]; };
  return {x[2 + spatial], y[2 + spatial], w[2 + spatial], number("strides"), number("dilations"), number("pads_lo")};
}

int64_t Halo::mostBlocks() const {
  // Padding beyond the kernel's reach, or outputs that leave out a rest of the inputs: blocks would not fit together.
  if (outputs < 1 || inputs != outputs * stride || lo > reach())
    return 1;
  for (int64_t blocks = outputs; blocks > 1; --blocks) {
    int64_t block = outputs / blocks;
    if (outputs % blocks == 0 && block * stride >= std::max(before(), after()) &&
        block >= std::max(outputsBefore(), outputsAfter()))
      return blocks;
  }
  return 1;
}

namespace {
RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Boxes of one dimension, the others whole.
struct Rows {
  OpBuilder &b;
  Location loc;
  int64_t dim;

  RankedTensorType sized(Value x, int64_t rows) const {
    SmallVector<int64_t> shape(typeOf(x).getShape());
    shape[dim] = rows;
    return typeOf(x).clone(shape);
  }
  int64_t count(Value x) const { return typeOf(x).getDimSize(dim); }
  Value slice(Value x, int64_t from, int64_t rows) const {
    SmallVector<int64_t> starts(typeOf(x).getRank(), 0), strides(typeOf(x).getRank(), 1);
    starts[dim] = from;
    return rows == count(x) ? x : Value(SliceOp::create(b, loc, sized(x, rows), x, starts, strides));
  }
  Value pad(Value x, int64_t before, int64_t after) const {
    SmallVector<int64_t> lo(typeOf(x).getRank(), 0), hi = lo, none = lo;
    lo[dim] = before;
    hi[dim] = after;
    return PadOp::create(b, loc, sized(x, count(x) + before + after), x, lo, hi, none, APFloat(0.0));
  }
  /// x between the last `before` rows of the member in front and the first `after` of the one behind. Each side is one
  /// gather of those rows alone, moved on by one member: what comes in at the edge are zeros.
  Value extend(Value x, int64_t before, int64_t after, const CutRows &cut) const {
    SmallVector<Value> borders, parts;
    SmallVector<Type> types;
    SmallVector<int64_t> dims, sizes;
    for (auto [rows, from] : {std::pair(before, count(x) - before), {after, int64_t(0)}})
      if (rows > 0) {
        borders.push_back(slice(x, from, rows));
        types.push_back(sized(x, rows * cut.members));
        dims.push_back(dim);
        sizes.push_back(rows * cut.members);
      }
    if (borders.empty())
      return x;
    auto gather = AllGatherOp::create(b, loc, types, borders, b.getDenseI64ArrayAttr(dims),
                                      b.getDenseI64ArrayAttr(sizes), cut.axes);
    auto own = [&](Value all, int64_t rows) -> Value {
      return AxisSliceOp::create(b, loc, sized(x, rows), all, b.getI64IntegerAttr(dim), cut.axes);
    };
    if (before > 0)
      parts.push_back(own(slice(pad(gather.getResult(0), before, 0), 0, before * cut.members), before));
    parts.push_back(x);
    if (after > 0) {
      Value all = gather.getResults().back();
      parts.push_back(own(pad(slice(all, after, after * (cut.members - 1)), 0, after), after));
    }
    return ConcatOp::create(b, loc, sized(x, count(x) + before + after), parts, b.getI64IntegerAttr(dim));
  }
};
} // namespace

Value makeLocalConvolution(OpBuilder &b, Operation *op, Value first, Value second, RankedTensorType result,
                           ArrayRef<CutRows> cuts) {
  Location loc = op->getLoc();
  SmallVector<int64_t> lo(op->getAttrOfType<DenseI64ArrayAttr>("pads_lo").asArrayRef()),
      hi(op->getAttrOfType<DenseI64ArrayAttr>("pads_hi").asArrayRef());
  RankedTensorType type = result;
  for (const CutRows &cut : cuts) {
    Rows rows{b, loc, 2 + cut.spatial};
    lo[cut.spatial] = hi[cut.spatial] = 0;
    if (!isa<ConvInputGradOp>(op)) {
      first = rows.extend(first, cut.halo.before(), cut.halo.after(), cut);
      continue;
    }
    // The inputs that all outputs in reach have read, of which the member's own are a part.
    first = rows.extend(first, cut.halo.outputsBefore(), cut.halo.outputsAfter(), cut);
    SmallVector<int64_t> shape(type.getShape());
    shape[rows.dim] = (rows.count(first) - 1) * cut.halo.stride + cut.halo.reach() + 1;
    type = type.clone(shape);
  }
  Operation *made = b.clone(*op);
  made->setOperands({first, second});
  made->getResult(0).setType(type);
  made->setAttr("pads_lo", b.getDenseI64ArrayAttr(lo));
  made->setAttr("pads_hi", b.getDenseI64ArrayAttr(hi));
  Value y = made->getResult(0);
  for (const CutRows &cut : cuts) {
    if (!isa<ConvInputGradOp>(op))
      break;
    Rows rows{b, loc, 2 + cut.spatial};
    int64_t start = cut.halo.outputsBefore() * cut.halo.stride + cut.halo.lo, size = result.getDimSize(rows.dim);
    if (int64_t missing = start + size - rows.count(y); missing > 0) // rows that no output has read
      y = rows.pad(y, 0, missing);
    y = rows.slice(y, start, size);
  }
  return y;
}

} // namespace mlir::llcc
