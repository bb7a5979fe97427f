// Form scatter on a GPU: a warp owns some rows of some columns, and looks for what goes there.
#include "passes/lower/GpuLoops.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::llcc;

/// Warps that fill a GPU; more of them only look at the indices more often.
static constexpr int64_t kWarps = 132 * 16, kWarpsOfBlock = 4;

static Coord joined(std::initializer_list<Coord> groups) {
  Coord all;
  for (const Coord &group : groups)
    all.append(group.begin(), group.end());
  return all;
}
static Coord digit(Value value, int64_t size) { return size == 1 ? Coord() : Coord{{value, size}}; }

// Every warp reads all indices of its batch, 32 at a time, and applies those that name one of its rows, in the order of
// the indices: no atomics, and the bits of the reference. Reading 65,536 indices by 2,000 warps is some 0.1 ms of an
// H100, from L2.
LogicalResult GpuLoops::emitScatter() {
  Operation *op = results[0].getDefiningOp();
  if (results.size() != 1 || !isa_and_nonnull<ScatterAddOp, ScatterOp>(op))
    return kernel.emitError("scatter kernel must return one llcc.scatter or llcc.scatter_add and nothing else");
  const Scatter s = isa<ScatterOp>(op) ? Scatter(cast<ScatterOp>(op)) : Scatter(cast<ScatterAddOp>(op));
  Type type = cast<RankedTensorType>(results[0].getType()).getElementType();
  OpBuilder &b = e.builder;
  walked = {1};
  Digits batches = digits(0, s.batch), columns = digits(1, s.before * s.behind);
  int64_t tiles = (columns.count() + 31) / 32, busy = std::max<int64_t>(1, kWarps / (s.batch * tiles));
  int64_t rows = std::max<int64_t>(1, (s.rows + busy - 1) / busy), parts = (s.rows + rows - 1) / rows;
  int64_t warps = parts * s.batch * tiles;
  block = 32 * kWarpsOfBlock;
  grid = (warps + kWarpsOfBlock - 1) / kWarpsOfBlock;
  Value size = e.index(32), one = e.number(b.getI32Type(), 1), zero = e.number(b.getI32Type(), 0);
  Value warp = e.add(e.mul(blockNumber(), e.index(kWarpsOfBlock)), arith::DivUIOp::create(b, e.loc, thread(), size));
  Value self = arith::RemUIOp::create(b, e.loc, thread(), size);
  Value bit = arith::ShLIOp::create(b, e.loc, one, arith::IndexCastOp::create(b, e.loc, b.getI32Type(), self));
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, e.loc, predicate, x, y);
  };

  guarded(below(warp, warps, grid * kWarpsOfBlock), [&] {
    SmallVector<Coord> mine = e.split(e.delinearise(warp, {parts, s.batch, tiles}), {parts, s.batch, tiles});
    Value from = e.mul(e.linear(mine[0]), e.index(rows));
    Value to = arith::MinSIOp::create(b, e.loc, e.add(from, e.index(rows)), e.index(s.rows));
    Coord batch = place(batches, e.linear(mine[1]));
    Value column = e.add(e.mul(e.linear(mine[2]), size), self);
    Value live = below(column, columns.count(), tiles * 32);
    Coord at = place(columns, clamped(column, live, columns.count()));
    auto each = [&](function_ref<void(const Coord &before, const Coord &behind)> body) {
      guarded(live, [&] {
        loadFirst([&] {
          for (int64_t k = 0; k < columns.width; ++k) {
            SmallVector<Coord> sides = e.split(lane(columns, at, k), {s.before, s.behind});
            body(sides[0], sides[1]);
          }
        });
      });
    };
    e.carry(from, to, 1, {}, [&](Value r, ValueRange) {
      each([&](const Coord &before, const Coord &behind) {
        Coord place = joined({batch, before, digit(r, s.rows), behind});
        e.store(s.data ? e.pull(s.data, place) : e.number(type, 0), outs[0], e.linear(place));
      });
      return SmallVector<Value>();
    });
    e.carry(e.index(0), e.index(s.count), 32, {}, [&](Value first, ValueRange) {
      Value i = e.add(first, self), known = below(i, s.count, (s.count + 31) / 32 * 32), inside;
      Value r = e.row(s.indices, joined({batch, digit(clamped(i, known, s.count), s.count)}), s.rows, &inside);
      Value hit = e.both(compare(arith::CmpIPredicate::sge, r, from), compare(arith::CmpIPredicate::slt, r, to));
      hit = e.both(hit, known);
      if (s.drops)
        hit = e.both(hit, inside);
      Value hits = arith::SelectOp::create(b, e.loc, hit, bit, zero);
      for (int64_t offset = 16; offset > 0; offset /= 2) // of all lanes
        hits = arith::OrIOp::create(b, e.loc, hits, shuffle(hits, offset));
      Value number = arith::IndexCastOp::create(b, e.loc, b.getI32Type(), r);
      auto loop = scf::WhileOp::create(b, e.loc, TypeRange(b.getI32Type()), ValueRange(hits));
      OpBuilder::InsertionGuard guard(b);
      PullEmitter::Scope scope(e);
      Block *test = b.createBlock(&loop.getBefore(), {}, {b.getI32Type()}, {e.loc});
      Value left = test->getArgument(0);
      scf::ConditionOp::create(b, e.loc, compare(arith::CmpIPredicate::ne, left, zero), left);
      Block *body = b.createBlock(&loop.getAfter(), {}, {b.getI32Type()}, {e.loc});
      left = body->getArgument(0);
      Value next = arith::AndIOp::create(b, e.loc, left, arith::SubIOp::create(b, e.loc, left, one));
      b.setInsertionPoint(scf::YieldOp::create(b, e.loc, next));
      // The lowest bit is a power of two: the exponent of it as a float is its number.
      Value lowest = arith::AndIOp::create(b, e.loc, left, arith::SubIOp::create(b, e.loc, zero, left));
      Value power = arith::UIToFPOp::create(b, e.loc, b.getF32Type(), lowest);
      power = arith::ShRUIOp::create(b, e.loc, arith::BitcastOp::create(b, e.loc, b.getI32Type(), power),
                                     e.number(b.getI32Type(), 23));
      Value who = arith::SubIOp::create(b, e.loc, power, e.number(b.getI32Type(), 127));
      Value there = gpu::ShuffleOp::create(b, e.loc, number, who, e.number(b.getI32Type(), 32), gpu::ShuffleMode::IDX)
                        .getShuffleResult();
      Value row = arith::IndexCastUIOp::create(b, e.loc, b.getIndexType(), there);
      Value update = e.add(first, arith::IndexCastUIOp::create(b, e.loc, b.getIndexType(), who));
      Value yes = e.number(b.getI1Type(), 1);
      each([&](const Coord &before, const Coord &behind) {
        Value value = e.pull(s.updates, joined({batch, before, digit(update, s.count), behind}));
        Value place = e.linear(joined({batch, before, digit(row, s.rows), behind}));
        e.store(e.put(s, yes, e.load(outs[0], place, type), value), outs[0], place);
      });
      return SmallVector<Value>();
    });
  });
  return success();
}
