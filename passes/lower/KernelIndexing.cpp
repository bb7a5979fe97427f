// Forms scatter and sort: kernels that write where data says.
#include "passes/lower/KernelLoops.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::llcc;

/// Groups of digits one after the other; a number in [0, size) is a digit unless size is 1.
static Coord joined(std::initializer_list<Coord> groups) {
  Coord all;
  for (const Coord &group : groups)
    all.append(group.begin(), group.end());
  return all;
}
static Coord digit(Value value, int64_t size) { return size == 1 ? Coord() : Coord{{value, size}}; }

// An element of the extent is one column: a place before and one behind the axis. Whoever has it owns all its rows, so
// it may write without asking others, in the order of the indices.
LogicalResult KernelLoops::emitScatter() {
  Operation *op = results[0].getDefiningOp();
  if (results.size() != 1 || !isa_and_nonnull<ScatterAddOp, ScatterOp>(op))
    return kernel.emitError("scatter kernel must return one llcc.scatter or llcc.scatter_add and nothing else");
  const Scatter s = isa<ScatterOp>(op) ? Scatter(cast<ScatterOp>(op)) : Scatter(cast<ScatterAddOp>(op));
  Type type = cast<RankedTensorType>(results[0].getType()).getElementType();
  Value zero = e.number(type, 0), none = e.index(0);
  int64_t columns = s.batch * s.before * s.behind;
  runs(0, columns, [&](const Coord &lead, Value start, Value from, Value to) {
    auto each = [&](function_ref<void(ArrayRef<Coord>)> body) { // body(batch, before, behind)
      loop(from, to, 1, [&](Value j) { body(e.split(inRun(0, lead, start, j), {s.batch, s.before, s.behind})); });
    };
    loop(none, e.index(s.rows), 1, [&](Value r) {
      each([&](ArrayRef<Coord> at) {
        Coord place = joined({at[0], at[1], digit(r, s.rows), at[2]});
        e.store(s.data ? e.pull(s.data, place) : zero, outs[0], e.linear(place));
      });
    });
    // Where a run lies in one batch, its row is read once.
    int64_t run = spaces[0].empty() ? 1 : spaces[0].back(), inner = s.before * s.behind;
    bool oneBatch = s.batch == 1 || (inner > 1 && inner % run == 0);
    loop(none, e.index(s.count), 1, [&](Value i) {
      Value row, inside;
      if (oneBatch) {
        Coord batch = s.batch == 1 ? Coord() : e.split(lead, {s.batch, inner / run})[0];
        row = e.row(s.indices, joined({batch, digit(i, s.count)}), s.rows, &inside);
      }
      each([&](ArrayRef<Coord> at) {
        Value in = inside;
        Value r = row ? row : e.row(s.indices, joined({at[0], digit(i, s.count)}), s.rows, &in);
        Value update = e.pull(s.updates, joined({at[0], at[1], digit(i, s.count), at[2]}));
        Value place = e.linear(joined({at[0], at[1], digit(r, s.rows), at[2]}));
        e.store(e.put(s, in, e.load(outs[0], place, type), update), outs[0], place);
      });
    });
  });
  return success();
}

// Batcher's odd-even merge sort (Knuth 5.2.2 M): compares that do not depend on the data, in log(n)^2/2 rounds, in
// place on the indices. Equal elements are told apart by their index, so the order is total and the network stable.
LogicalResult KernelLoops::emitSort() {
  auto op = results[0].getDefiningOp<ArgsortOp>();
  if (results.size() != 1 || !op)
    return kernel.emitError("sort kernel must return one llcc.argsort and nothing else");
  ArrayRef<int64_t> shape = shapeOf(op.getX());
  int64_t axis = op.getAxis(), n = shape[axis];
  int64_t outer = product(shape.take_front(axis)), inner = product(shape.drop_front(axis + 1));
  Type type = op.getType().getElementType();
  OpBuilder &b = e.builder;
  auto asIndex = [&](Value i) { return arith::IndexCastOp::create(b, e.loc, b.getIndexType(), i).getResult(); };
  auto larger = [&](Value x, Value y) -> Value { // NaN is the largest
    if (!isa<FloatType>(x.getType()))
      return arith::CmpIOp::create(
          b, e.loc, x.getType().isInteger(1) ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, x, y);
    Value above = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::OGT, x, y);
    Value xNaN = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::UNO, x, x);
    Value yNumber = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::ORD, y, y);
    return arith::OrIOp::create(b, e.loc, above, e.both(xNaN, yNumber));
  };
  auto between = [&](Value first, Value last, Value step, function_ref<void(Value)> body) {
    auto loop = scf::ForOp::create(b, e.loc, first, last, step);
    OpBuilder::InsertionGuard guard(b);
    PullEmitter::Scope scope(e);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    body(loop.getInductionVar());
  };
  Value zero = e.index(0), one = e.index(1), size = e.index(n);
  Value levels = e.index(llvm::Log2_64_Ceil(std::max<int64_t>(n, 1)));
  runs(0, outer * inner, [&](const Coord &lead, Value start, Value from, Value to) {
    loop(from, to, 1, [&](Value column) {
      SmallVector<Coord> at = e.split(inRun(0, lead, start, column), {outer, inner});
      auto place = [&](Value i) { return e.linear(joined({at[0], digit(i, n), at[1]})); };
      loop(zero, size, 1, [&](Value i) { e.store(arith::IndexCastOp::create(b, e.loc, type, i), outs[0], place(i)); });
      between(zero, levels, one, [&](Value level) {
        Value p = arith::ShLIOp::create(b, e.loc, one, level);
        between(zero, e.add(level, one), one, [&](Value part) {
          Value k = arith::ShRUIOp::create(b, e.loc, p, part), twice = e.add(k, k);
          Value whole = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, k, p);
          Value begins = arith::SelectOp::create(b, e.loc, whole, zero, k);
          Value ends = arith::MaxSIOp::create(b, e.loc, e.sub(size, k), begins);
          between(begins, ends, twice, [&](Value j) {
            Value width = arith::MinSIOp::create(b, e.loc, k, e.sub(e.sub(size, j), k));
            between(zero, width, one, [&](Value i) {
              Value low = e.add(i, j), high = e.add(low, k), block = e.add(p, p);
              Value same = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq,
                                                 arith::DivUIOp::create(b, e.loc, low, block),
                                                 arith::DivUIOp::create(b, e.loc, high, block));
              Value lowPlace = place(low), highPlace = place(high);
              Value iLow = e.load(outs[0], lowPlace, type), iHigh = e.load(outs[0], highPlace, type);
              auto element = [&](Value i) { return e.pull(op.getX(), joined({at[0], digit(asIndex(i), n), at[1]})); };
              Value x = element(iLow), y = element(iHigh);
              if (op.getDescending())
                std::swap(x, y);
              Value later = larger(x, y), sooner = larger(y, x);
              Value behind = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::sgt, iLow, iHigh);
              Value tied = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, later, sooner);
              Value swap = e.both(same, arith::OrIOp::create(b, e.loc, later, e.both(tied, behind)));
              e.store(arith::SelectOp::create(b, e.loc, swap, iHigh, iLow), outs[0], lowPlace);
              e.store(arith::SelectOp::create(b, e.loc, swap, iLow, iHigh), outs[0], highPlace);
            });
          });
        });
      });
    });
  });
  return success();
}
