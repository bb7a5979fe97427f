// The sharding rule of each op: one function an op family, one table that finds it.
#include "passes/shard/Rules.h"
#include "passes/shard/Halo.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

namespace mlir::llcc {
namespace {

SmallVector<int64_t> shapeOf(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type ? SmallVector<int64_t>(type.getShape()) : SmallVector<int64_t>();
}

/// Collects a rule; starts with every dimension whole.
struct Builder {
  ShardingRule rule;
  explicit Builder(Operation *op) {
    for (Value v : op->getOperands())
      rule.operands.emplace_back(shapeOf(v).size(), kWhole);
    for (Value v : op->getResults())
      rule.results.emplace_back(shapeOf(v).size(), kWhole);
  }
  int pass(int64_t size) { return add({size}); }
  int reduce(int64_t size, ReduceKind kind = ReduceKind::Sum) { return add({size, true, kind}); }
  int reduce(int64_t size, bool even) { return add({size, true, ReduceKind::Sum, even}); }
  int even(int64_t size) { return add({size, false, ReduceKind::Sum, true}); }
  void operand(int i, int64_t dim, int factor) { rule.operands[i][dim] = factor; }
  void result(int64_t dim, int factor) { rule.results[0][dim] = factor; }

private:
  int add(Factor factor) {
    rule.factors.push_back(factor);
    return rule.factors.size() - 1;
  }
};

/// Dimension i of every tensor is one factor. Operands of another rank (a scalar condition) stay whole.
ShardingRule elementwise(Operation *op) {
  Builder b(op);
  SmallVector<int64_t> shape = shapeOf(op->getNumResults() ? op->getResult(0) : op->getOperand(0));
  for (auto [dim, size] : llvm::enumerate(shape)) {
    int factor = b.pass(size);
    for (auto *tensors : {&b.rule.operands, &b.rule.results})
      for (SmallVector<int> &dims : *tensors)
        if (dims.size() == shape.size())
          dims[dim] = factor;
  }
  return b.rule;
}

ShardingRule broadcast(BroadcastOp op) {
  Builder b(op);
  SmallVector<int64_t> x = shapeOf(op.getX()), y = shapeOf(op.getResult());
  for (auto [dim, size] : llvm::enumerate(y))
    b.result(dim, b.pass(size));
  for (auto [i, dim] : llvm::enumerate(op.getDims()))
    if (x[i] == y[dim])
      b.operand(0, i, b.rule.results[0][dim]);
  return b.rule;
}

/// Splits both shapes into the shortest runs of dimensions with equal products, most major first. In a run, the major
/// dimensions a of x and c of the result share one factor: an axis that divides both cuts equal row-major blocks on
/// both sides. Everything minor stays whole. A run of one real dimension on both sides is that dimension itself,
/// padding and all.
ShardingRule reshape(ReshapeOp op) {
  Builder b(op);
  SmallVector<int64_t> x = shapeOf(op.getX()), y = shapeOf(op.getResult());
  if (llvm::is_contained(x, 0))
    return b.rule;
  auto real = [](ArrayRef<int64_t> shape) {
    SmallVector<int64_t> dims;
    for (auto [dim, size] : llvm::enumerate(shape))
      if (size != 1)
        dims.push_back(dim);
    return dims;
  };
  SmallVector<int64_t> xs = real(x), ys = real(y);
  for (size_t i = 0, j = 0; i < xs.size();) {
    size_t i0 = i, j0 = j;
    int64_t left = x[xs[i++]], right = y[ys[j++]];
    while (left != right)
      left < right ? left *= x[xs[i++]] : right *= y[ys[j++]];
    int64_t a = x[xs[i0]], c = y[ys[j0]], shared = std::gcd(a, c);
    bool same = i - i0 == 1 && j - j0 == 1;
    if (shared == 1)
      continue;
    int factor = same ? b.pass(a) : b.even(shared);
    b.operand(0, xs[i0], factor);
    b.result(ys[j0], factor);
  }
  return b.rule;
}

ShardingRule transpose(TransposeOp op) {
  Builder b(op);
  for (auto [dim, from] : llvm::enumerate(op.getPerm())) {
    int factor = b.pass(shapeOf(op.getResult())[dim]);
    b.operand(0, from, factor);
    b.result(dim, factor);
  }
  return b.rule;
}

ShardingRule reduce(ReduceOp op) {
  Builder b(op);
  int64_t out = 0;
  for (auto [dim, size] : llvm::enumerate(shapeOf(op.getX()))) {
    if (llvm::is_contained(op.getDims(), int64_t(dim))) {
      b.operand(0, dim, b.reduce(size, op.getKind()));
      continue;
    }
    int factor = b.pass(size);
    b.operand(0, dim, factor);
    b.result(out++, factor);
  }
  return b.rule;
}

/// Dimensions of x that the op leaves as they are pass; the others are whole.
template <typename Touched> ShardingRule untouched(Operation *op, Touched touched) {
  Builder b(op);
  for (auto [dim, size] : llvm::enumerate(shapeOf(op->getResult(0)))) {
    if (touched(dim))
      continue;
    int factor = b.pass(size);
    for (unsigned i = 0; i < op->getNumOperands(); ++i)
      b.operand(i, dim, factor);
    b.result(dim, factor);
  }
  return b.rule;
}

/// Places in `gathered` (the result of a gather, the updates of a scatter) and `table` that run together: what stands
/// before and behind the axis. `t`, `i`, `g`: where table, indices, gathered stand, -1 the result.
struct Indexing {
  int t, i, g;
  int64_t axis, batch;
};

/// Batch dimensions run along all three, the indices' own ones along indices and gathered: `ofIndex` makes their
/// factors, kWhole keeps them whole.
void indexing(Builder &b, Operation *op, Indexing at, llvm::function_ref<int(int64_t)> ofIndex) {
  auto value = [&](int k) { return k < 0 ? op->getResult(0) : op->getOperand(k); };
  auto set = [&](int k, int64_t dim, int factor) { k < 0 ? b.result(dim, factor) : b.operand(k, dim, factor); };
  int64_t rank = shapeOf(value(at.i)).size() - at.batch;
  for (auto [dim, size] : llvm::enumerate(shapeOf(value(at.g)))) {
    int64_t d = dim;
    bool index = d >= at.axis && d < at.axis + rank;
    int factor = index ? ofIndex(size) : b.pass(size);
    set(at.g, d, factor);
    if (index)
      set(at.i, d - at.axis + at.batch, factor);
    else
      set(at.t, d < at.axis ? d : d - rank + 1, factor);
    if (d < at.batch)
      set(at.i, d, factor);
  }
}

/// Members that hold other rows of the table look up those and give zeros for the rest: the result is their sum.
ShardingRule gather(GatherOp op) {
  Builder b(op);
  indexing(b, op, {0, 1, -1, int64_t(op.getAxis()), int64_t(op.getBatch())}, [&](int64_t n) { return b.pass(n); });
  if (isa<FloatType>(op.getTable().getType().getElementType()))
    b.operand(0, op.getAxis(), b.reduce(shapeOf(op.getTable())[op.getAxis()]));
  return b.rule;
}

/// Members that hold other indices add other rows: the result is their sum. Members that keep other rows of the result
/// drop the rest.
ShardingRule scatterAdd(ScatterAddOp op) {
  Builder b(op);
  indexing(b, op, {-1, 1, 0, int64_t(op.getAxis()), int64_t(op.getBatch())}, [&](int64_t n) { return b.reduce(n); });
  b.result(op.getAxis(), b.pass(shapeOf(op.getResult())[op.getAxis()]));
  return b.rule;
}

/// The order of the updates counts: each member needs all of its rows.
ShardingRule scatter(ScatterOp op) {
  Builder b(op);
  indexing(b, op, {-1, 2, 1, int64_t(op.getAxis()), int64_t(op.getBatch())}, [&](int64_t) { return kWhole; });
  b.rule.operands[0] = b.rule.results[0];
  return b.rule;
}

ShardingRule dot(DotOp op) {
  Builder b(op);
  SmallVector<int64_t> l = shapeOf(op.getLhs()), r = shapeOf(op.getRhs());
  int64_t out = 0;
  for (auto [i, j] : llvm::zip(op.getLhsBatch(), op.getRhsBatch())) {
    int factor = b.pass(l[i]);
    b.operand(0, i, factor);
    b.operand(1, j, factor);
    b.result(out++, factor);
  }
  for (auto [i, j] : llvm::zip(op.getLhsContract(), op.getRhsContract())) {
    int factor = b.reduce(l[i]);
    b.operand(0, i, factor);
    b.operand(1, j, factor);
  }
  auto free = [&](int operand, ArrayRef<int64_t> shape, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract) {
    for (auto [dim, size] : llvm::enumerate(shape)) {
      if (llvm::is_contained(batch, int64_t(dim)) || llvm::is_contained(contract, int64_t(dim)))
        continue;
      int factor = b.pass(size);
      b.operand(operand, dim, factor);
      b.result(out++, factor);
    }
  };
  free(0, l, op.getLhsBatch(), op.getLhsContract());
  free(1, r, op.getRhsBatch(), op.getRhsContract());
  return b.rule;
}

/// The batch dimension n and the channels c of x and m of y are factors; a spatial dimension is one in as many equal
/// blocks as have what their neighbours ask for (Halo). `x`, `w`, `y` are the positions of x [n, c, ..],
/// w [m, c/groups, ..] and y [n, m, ..]: 0 and 1 operands, 2 the result, which lacks the factor that is reduced. With
/// groups the axis takes whole groups, of all three.
ShardingRule convolution(Operation *op, int x, int w, int y, int64_t groups) {
  Builder b(op);
  auto dims = [&](int i) -> SmallVector<int> & { return i == 2 ? b.rule.results[0] : b.rule.operands[i]; };
  auto size = [&](int i, int dim) { return shapeOf(i == 2 ? op->getResult(0) : op->getOperand(i))[dim]; };
  auto shape = [&](int i) { return shapeOf(i == 2 ? op->getResult(0) : op->getOperand(i)); };
  SmallVector<int64_t> xs = shape(x), ys = shape(y), ws = shape(w);
  for (int64_t spatial = 0; spatial + 2 < int64_t(xs.size()); ++spatial)
    if (int64_t blocks = Halo::get(op, xs, ys, ws, spatial).mostBlocks(); blocks > 1)
      dims(x)[2 + spatial] = dims(y)[2 + spatial] = w == 2 ? b.reduce(blocks, true) : b.even(blocks);
  int n = w == 2 ? b.reduce(size(x, 0)) : b.pass(size(x, 0));
  dims(x)[0] = dims(y)[0] = n;
  if (groups != 1) {
    dims(x)[1] = dims(w)[0] = dims(y)[1] = b.even(groups);
    return b.rule;
  }
  int c = y == 2 ? b.reduce(size(x, 1)) : b.pass(size(x, 1));
  int m = x == 2 ? b.reduce(size(y, 1)) : b.pass(size(y, 1));
  dims(x)[1] = dims(w)[1] = c;
  dims(y)[1] = dims(w)[0] = m;
  return b.rule;
}

/// Batch and channels pass. Windows slide over the rest; where they stand beside each other and leave nothing over,
/// blocks of them do as well. `x` and `y`: positions of what has windows and of what has one element for each, -1 the
/// result.
ShardingRule pool(Operation *op, int x, int y) {
  Builder b(op);
  SmallVector<int64_t> xs = shapeOf(x < 0 ? op->getResult(0) : op->getOperand(x)),
                       ys = shapeOf(y < 0 ? op->getResult(0) : op->getOperand(y));
  auto number = [&](StringRef name, int64_t spatial) { return op->getAttrOfType<DenseI64ArrayAttr>(name)[spatial]; };
  for (int64_t dim = 0; dim < int64_t(xs.size()); ++dim) {
    int factor = kWhole;
    if (dim < 2)
      factor = b.pass(xs[dim]);
    else if (int64_t s = dim - 2; number("window", s) == number("strides", s) && number("pads_lo", s) == 0 &&
                                  number("dilations", s) == 1 && xs[dim] == ys[dim] * number("strides", s))
      factor = b.even(ys[dim]);
    for (unsigned i = 0; i < op->getNumOperands(); ++i)
      b.operand(i, dim, factor);
    b.result(dim, factor);
  }
  return b.rule;
}

/// Sequences are independent: dimension 1 of what has steps, dimension 0 of states and lengths. Units meet in every
/// step.
ShardingRule recurrence(Operation *op, Value steps) {
  Builder b(op);
  int sequences = b.pass(shapeOf(steps)[1]);
  for (auto [values, rules] :
       {std::pair<ValueRange, SmallVector<SmallVector<int>> *>{op->getOperands(), &b.rule.operands},
        {op->getResults(), &b.rule.results}})
    for (auto [value, dims] : llvm::zip(values, *rules))
      if (dims.size() == 3)
        dims[1] = sequences;
  auto state = [&](Value value) {
    if (value)
      for (auto [own, dims] : llvm::zip(op->getOperands(), b.rule.operands))
        if (own == value)
          dims[0] = sequences;
  };
  llvm::TypeSwitch<Operation *>(op).Case<RecurrenceOp, RecurrenceGradOp>([&](auto o) {
    for (Value value : {Value(o.getH0()), Value(o.getC0()), Value(o.getLengths())})
      state(value);
  });
  if (isa<RecurrenceGradOp>(op))
    for (SmallVector<int> &dims : b.rule.results)
      if (dims.size() == 2)
        dims[0] = sequences;
  return b.rule;
}

/// Every dimension from `axis` on is normalised over: whole. scale and bias live there.
ShardingRule layerNorm(LayerNormOp op) {
  Builder b(op);
  for (int64_t dim = 0; dim < int64_t(op.getAxis()); ++dim) {
    int factor = b.pass(shapeOf(op.getX())[dim]);
    b.operand(0, dim, factor);
    b.result(dim, factor);
  }
  return b.rule;
}

/// x passes; the statistics are one number a channel and stay as they are.
ShardingRule track(TrackOp op) {
  Builder b(op);
  for (auto [dim, size] : llvm::enumerate(shapeOf(op.getX()))) {
    int factor = b.pass(size);
    b.operand(0, dim, factor);
    b.result(dim, factor);
  }
  return b.rule;
}

} // namespace

static ShardingRule ruleOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, ShardingRule>(op)
      .Case<arith::ConstantOp>([](auto c) {
        auto splat = dyn_cast<SplatElementsAttr>(c.getValue());
        return splat ? elementwise(c) : Builder(c).rule;
      })
      .Case<IotaOp, CaptureOp>([](Operation *o) { return elementwise(o); })
      .Case<BroadcastOp>([](auto o) { return broadcast(o); })
      .Case<ReshapeOp>([](auto o) { return reshape(o); })
      .Case<TransposeOp>([](auto o) { return transpose(o); })
      .Case<ReduceOp>([](auto o) { return reduce(o); })
      .Case<SliceOp>([](auto o) {
        return untouched(o, [&](int64_t d) {
          return o.getStarts()[d] != 0 || o.getStrides()[d] != 1 || shapeOf(o.getX())[d] != shapeOf(o.getResult())[d];
        });
      })
      .Case<PadOp>([](auto o) {
        return untouched(o, [&](int64_t d) { return o.getLo()[d] || o.getHi()[d] || o.getInterior()[d]; });
      })
      .Case<ConcatOp>([](auto o) { return untouched(o, [&](int64_t d) { return d == int64_t(o.getDim()); }); })
      .Case<GatherOp>([](auto o) { return gather(o); })
      .Case<ScatterAddOp>([](auto o) { return scatterAdd(o); })
      .Case<ScatterOp>([](auto o) { return scatter(o); })
      .Case<ArgsortOp>([](auto o) { return untouched(o, [&](int64_t d) { return d == int64_t(o.getAxis()); }); })
      .Case<ReverseOp>(
          [](auto o) { return untouched(o, [&](int64_t d) { return llvm::is_contained(o.getDims(), d); }); })
      .Case<DotOp>([](auto o) { return dot(o); })
      .Case<ConvOp>([](auto o) { return convolution(o, 0, 1, 2, o.getGroups()); })
      .Case<ConvInputGradOp>([](auto o) { return convolution(o, 2, 1, 0, o.getGroups()); })
      .Case<ConvWeightGradOp>([](auto o) { return convolution(o, 0, 2, 1, o.getGroups()); })
      .Case<RecurrenceOp>([](auto o) { return recurrence(o, o.getX()); })
      .Case<RecurrenceGradOp>([](auto o) { return recurrence(o, o.getDy()); })
      .Case<MaxPoolOp, AvgPoolOp>([](Operation *o) { return pool(o, 0, -1); })
      .Case<MaxPoolGradOp>([](Operation *o) { return pool(o, 0, 1); })
      .Case<AvgPoolGradOp>([](Operation *o) { return pool(o, -1, 0); })
      // Whole ops are gone before the shard stage; `llcc ops` says what their parts will do.
      .Case<SoftmaxOp, LogSoftmaxOp>(
          [](auto o) { return untouched(o, [&](int64_t d) { return d == int64_t(o.getAxis()); }); })
      .Case<LayerNormOp>([](auto o) { return layerNorm(o); })
      .Case<StandardizeOp, RandomBitsOp>([](Operation *o) { return elementwise(o); }) // statistics cost one reduction
      .Case<TrackOp>([](TrackOp o) { return track(o); })
      .Default([](Operation *o) {
        bool pointwise = o->hasTrait<OpTrait::Elementwise>() && o->getNumResults() == 1;
        return pointwise ? elementwise(o) : Builder(o).rule;
      });
}

ShardingRule getShardingRule(Operation *op) {
  ShardingRule rule = ruleOf(op);
  auto keepWhole = [&](llvm::function_ref<bool(int)> which) {
    for (auto *tensors : {&rule.operands, &rule.results})
      for (SmallVector<int> &dims : *tensors)
        for (int &factor : dims)
          if (factor != kWhole && which(factor))
            factor = kWhole;
  };
  if (auto loops = op->getAttrOfType<DenseI64ArrayAttr>(kWholeLoopsAttr))
    keepWhole([&](int factor) { return llvm::is_contained(loops.asArrayRef(), factor); });
  // No loop that is reduced may be cut: what is summed is gathered first, so that it is summed as one device does.
  if (sumsWhole(op))
    keepWhole([&](int factor) { return rule.factors[factor].reduces; });
  return rule;
}

bool sumsWhole(Operation *op) {
  auto module = op->getParentOfType<ModuleOp>();
  return module && module->hasAttr("llcc.deterministic");
}

bool carriesPartial(Operation *op, ReduceKind kind) {
  if (isa<ReshapeOp, TransposeOp, SliceOp, ReverseOp, ConcatOp>(op))
    return true;
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return broadcast.getX().getType().getNumElements() == broadcast.getType().getNumElements();
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getKind() == kind;
  return isa<arith::AddFOp, arith::SubFOp, arith::NegFOp>(op) && kind == ReduceKind::Sum;
}

bool isFree(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return isa<SplatElementsAttr>(constant.getValue());
  return isa<IotaOp, BroadcastOp>(op);
}

} // namespace mlir::llcc
