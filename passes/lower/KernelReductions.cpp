// Reductions of a row: the order of their additions follows from their length alone.
//
// A float sum that the loop vectoriser may reassociate has as many lanes as its cost model likes, which looks at all
// that stands in the loop. So one value would get other bits in another kernel: llcc-recompute, for one, computes
// forward values again beside ops of the backward pass. Here the lanes are written down. Element i of the innermost
// dimension goes to lane i modulo kLanes, and the lanes are added pairwise at the end:
//
//   lane[0..15] = neutral
//   for s = 0; s < n / 16 * 16; s += 16            for j = 0..n % 16: lane[j] += x[n / 16 * 16 + j]
//     for j = 0..16: lane[j] += x[s + j]           for h = 8, 4, 2, 1: for j = 0..h: lane[j] += lane[j + h]
//
// No flag allows another order, so these are the bits, vectorised or not. Loops over lanes carry `llcc.lanes`, from
// which codegen/cpu makes hints: as one vector operation each, they leave the lanes in registers.
#include "passes/lower/KernelLoops.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::llcc;

static constexpr int64_t kLanes = 16;
/// Shorter ones are added one after the other.
static constexpr int64_t kShortest = 8;
/// Terms that are added before they join the total: 64 a lane, so that a sum over millions is as exact as one over
/// thousands.
static constexpr int64_t kChunk = 64 * kLanes;

Value KernelLoops::scratch(int64_t size, Type type) {
  OpBuilder &b = e.builder;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(e.index(0));
  return memref::AllocaOp::create(b, e.loc, MemRefType::get({size}, type.isInteger(1) ? b.getI8Type() : type),
                                  b.getI64IntegerAttr(64));
}

SmallVector<Value> KernelLoops::reduceLanes(ArrayRef<int64_t> sizes, ArrayRef<ReduceOp> group, PullEmitter::Body body) {
  OpBuilder &b = e.builder;
  SmallVector<Value> inits;
  bool rounds = false;
  for (ReduceOp reduce : group) {
    Type type = e.wideOf(reduce.getType().getElementType());
    inits.push_back(e.neutral(reduce.getKind(), type));
    rounds |= isa<FloatType>(type) && (reduce.getKind() == ReduceKind::Sum || reduce.getKind() == ReduceKind::Prod);
  }
  if (!rounds || e.sumsInOrder() || sizes.empty() || sizes.back() < kShortest)
    return e.nest(sizes, inits, body);

  SmallVector<Value> lanes;
  for (Value init : inits)
    lanes.push_back(scratch(kLanes, init.getType()));
  auto laneLoop = [&](Value to, int64_t width, function_ref<void(Value)> each) {
    auto op = scf::ForOp::create(b, e.loc, e.index(0), to, e.index(1));
    op->setAttr("llcc.lanes", b.getI64IntegerAttr(width));
    OpBuilder::InsertionGuard guard(b);
    PullEmitter::Scope scope(e);
    b.setInsertionPoint(op.getBody()->getTerminator());
    each(op.getInductionVar());
  };
  auto begin = [&] {
    laneLoop(e.index(kLanes), kLanes, [&](Value j) {
      for (auto [lane, init] : llvm::zip(lanes, inits))
        e.store(init, lane, j);
    });
  };
  // Elements [from, to) of the innermost dimension; `from` is a multiple of kLanes.
  auto accumulate = [&](ArrayRef<Value> outer, Value from, Value to) {
    auto add = [&](Value element, Value j) {
      SmallVector<Value> ivs(outer), accs;
      ivs.push_back(element);
      for (auto [lane, init] : llvm::zip(lanes, inits))
        accs.push_back(e.load(lane, j, init.getType()));
      for (auto [lane, next] : llvm::zip(lanes, body(ivs, accs)))
        e.store(next, lane, j);
    };
    int64_t rest = sizes.back() % kLanes;
    Value full =
        rest ? Value(arith::SubIOp::create(b, e.loc, to, arith::RemUIOp::create(b, e.loc, to, e.index(kLanes)))) : to;
    if (sizes.back() >= kLanes)
      loop(from, full, kLanes,
           [&](Value strip) { laneLoop(e.index(kLanes), kLanes, [&](Value j) { add(e.add(strip, j), j); }); });
    if (rest)
      laneLoop(e.sub(to, full), kLanes / 2, [&](Value j) { add(e.add(full, j), j); });
  };
  auto end = [&] {
    for (int64_t half = kLanes / 2; half > 0; half /= 2)
      laneLoop(e.index(half), half, [&](Value j) {
        for (auto [op, lane, init] : llvm::zip(group, lanes, inits)) {
          ReduceKind kind = ReduceOp(op).getKind();
          Value low = e.load(lane, j, init.getType()), high = e.load(lane, e.add(j, e.index(half)), init.getType());
          e.store(e.combine(kind, low, high), lane, j);
        }
      });
    SmallVector<Value> sums;
    for (auto [lane, init] : llvm::zip(lanes, inits))
      sums.push_back(e.load(lane, e.index(0), init.getType()));
    return sums;
  };

  // Terms of all dimensions meet in one set of lanes only where these are few, else each run of the innermost dimension
  // has its own, and what it gives joins the total.
  Value size = e.index(sizes.back());
  if (product(sizes) <= 2 * kChunk) {
    begin();
    e.nest(sizes.drop_back(), {}, [&](ArrayRef<Value> outer, ValueRange) {
      accumulate(outer, e.index(0), size);
      return SmallVector<Value>();
    });
    return end();
  }
  return e.nest(sizes.drop_back(), inits, [&](ArrayRef<Value> outer, ValueRange accs) {
    return e.carry(e.index(0), size, kChunk, accs, [&](Value chunk, ValueRange totals) {
      begin();
      accumulate(outer, chunk, arith::MinSIOp::create(b, e.loc, e.add(chunk, e.index(kChunk)), size));
      SmallVector<Value> next, parts = end();
      for (auto [op, total, part] : llvm::zip(group, totals, parts))
        next.push_back(e.combine(ReduceOp(op).getKind(), total, part));
      return next;
    });
  });
}
