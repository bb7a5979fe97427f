// Forms map and row, and the loops that all forms are made of.
#include "passes/lower/KernelLoops.h"
#include "passes/lower/KernelShapes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::llcc;

KernelLoops::KernelLoops(func::FuncOp kernel, PullEmitter &emitter, LoopSpaces &spaces, ArrayRef<Value> outs,
                         Value begin, Value end)
    : kernel(kernel), e(emitter), spaces(spaces), outs(outs), begin(begin), end(end) {
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    results.push_back(result);
}

LogicalResult KernelLoops::emit() {
  StringRef form = kernel->getAttrOfType<StringAttr>("llcc.kernel").getValue();
  if (results.empty())
    return kernel.emitError("kernel has no result, needs at least one");
  if (form == "map")
    return emitMap();
  if (form == "row")
    return emitRow();
  if (form == "fold")
    return emitFold();
  if (form == "scatter")
    return emitScatter();
  if (form == "sort")
    return emitSort();
  return kernel.emitError() << "kernel form is '" << form << "', needs map, row, fold, scatter or sort";
}

//===-- Loops ---------------------------------------------------------------===//

ArrayRef<int64_t> KernelLoops::space(int64_t id, int64_t n) {
  auto [it, fresh] = spaces.try_emplace(id);
  if (fresh && n != 1)
    it->second.push_back(n);
  return it->second;
}

void KernelLoops::loop(Value from, Value to, int64_t step, function_ref<void(Value)> body) {
  auto op = scf::ForOp::create(e.builder, e.loc, from, to, e.index(step));
  OpBuilder::InsertionGuard guard(e.builder);
  PullEmitter::Scope scope(e);
  e.builder.setInsertionPoint(op.getBody()->getTerminator());
  body(op.getInductionVar());
}

void KernelLoops::bindLoops(int64_t id, const Coord &at) {
  for (auto [position, digit] : llvm::enumerate(at))
    e.bindLoop(digit, id, position);
}

void KernelLoops::runs(int64_t id, int64_t n, function_ref<void(const Coord &, Value, Value, Value)> body) {
  ArrayRef<int64_t> sizes = space(id, n);
  if (sizes.size() <= 1)
    return body({}, e.index(0), begin, end);
  OpBuilder &b = e.builder;
  Value inner = e.index(sizes.back());
  Value first = arith::DivUIOp::create(b, e.loc, begin, inner);
  Value last = arith::DivUIOp::create(b, e.loc, e.add(end, e.index(sizes.back() - 1)), inner);
  loop(first, last, 1, [&](Value run) {
    Value start = e.mul(run, inner);
    Value from = arith::MaxSIOp::create(b, e.loc, arith::SubIOp::create(b, e.loc, begin, start), e.index(0));
    Value to = arith::MinSIOp::create(b, e.loc, arith::SubIOp::create(b, e.loc, end, start), inner);
    Coord lead = e.delinearise(run, sizes.drop_back());
    bindLoops(id, lead);
    e.bindLinear(lead, run);
    body(lead, start, from, to);
  });
}

Coord KernelLoops::inRun(int64_t id, const Coord &lead, Value start, Value j) {
  Coord at = lead;
  if (!spaces[id].empty())
    at.push_back({j, spaces[id].back()});
  bindLoops(id, at);
  e.bindLinear(at, e.add(start, j));
  return at;
}

SmallVector<Value> KernelLoops::whole(int64_t id, int64_t n, ValueRange inits,
                                      function_ref<SmallVector<Value>(const Coord &, ValueRange)> body) {
  ArrayRef<int64_t> sizes = space(id, n);
  return e.nest(sizes, inits, [&](ArrayRef<Value> ivs, ValueRange accs) {
    Coord at;
    for (auto [iv, size] : llvm::zip(ivs, sizes))
      at.push_back({iv, size});
    bindLoops(id, at);
    return body(at, accs);
  });
}

// Terms that are added before they join the total: in the lanes of a vector that is some 64 each, so that a sum over
// millions is as exact as one over thousands.
static constexpr int64_t chunkSize = 4096;

SmallVector<Value> KernelLoops::reduceWhole(int64_t id, int64_t n, ArrayRef<ReduceOp> group,
                                            function_ref<SmallVector<Value>(const Coord &, ValueRange)> body) {
  SmallVector<Value> inits;
  for (ReduceOp reduce : group)
    inits.push_back(e.neutral(reduce.getKind(), e.wideOf(reduce.getType().getElementType())));
  ArrayRef<int64_t> sizes = space(id, n);
  if (sizes.empty() || e.sumsInOrder() || sizes.back() <= 2 * chunkSize)
    return whole(id, n, inits, body);
  Value size = e.index(sizes.back());
  return e.nest(sizes.drop_back(), inits, [&](ArrayRef<Value> ivs, ValueRange accs) {
    return e.carry(e.index(0), size, chunkSize, accs, [&](Value chunk, ValueRange totals) {
      Value stop = arith::MinSIOp::create(e.builder, e.loc, e.add(chunk, e.index(chunkSize)), size);
      SmallVector<Value> parts = e.carry(chunk, stop, 1, inits, [&](Value iv, ValueRange inner) {
        Coord at;
        for (auto [lead, digit] : llvm::zip(ivs, sizes))
          at.push_back({lead, digit});
        at.push_back({iv, sizes.back()});
        bindLoops(id, at);
        return body(at, inner);
      });
      SmallVector<Value> next;
      for (auto [i, reduce] : llvm::enumerate(SmallVector<ReduceOp>(group)))
        next.push_back(e.combine(reduce.getKind(), totals[i], parts[i]));
      return next;
    });
  });
}

void KernelLoops::storeResults(ArrayRef<int64_t> which, const Coord &at) {
  SmallVector<Value> scalars;
  for (int64_t r : which)
    scalars.push_back(e.pull(results[r], at));
  for (auto [r, scalar] : llvm::zip(which, scalars))
    e.store(scalar, outs[r], e.linear(at));
}

static Coord joined(const Coord &a, const Coord &b) {
  Coord at = a;
  at.append(b.begin(), b.end());
  return at;
}

//===-- Map -----------------------------------------------------------------===//

LogicalResult KernelLoops::emitMap() {
  int64_t n = elementsOf(results[0]);
  for (Value result : results)
    if (shapeOf(result) != shapeOf(results[0]))
      return kernel.emitError() << "map kernel has results of types " << results[0].getType() << " and "
                                << result.getType() << ", needs one shape";
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, results.size()));
  runs(0, n, [&](const Coord &lead, Value start, Value from, Value to) {
    loop(from, to, 1, [&](Value j) { storeResults(all, inRun(0, lead, start, j)); });
  });
  return success();
}

//===-- Row -----------------------------------------------------------------===//

/// Whether `found` holds for `value` or an operand that it is computed from, up to reductions (whose values are known
/// when it is pulled).
static bool anyBelow(Value value, function_ref<bool(Value)> found) {
  SmallVector<Value> work{value};
  DenseSet<Value> seen;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (found(next))
      return true;
    if (Operation *op = next.getDefiningOp(); op && !isa<ReduceOp>(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  return false;
}

/// Elements that cost more to compute again than to store and load: those with a transcendental function below them.
static bool isCostly(Value value, int64_t rows) {
  return anyBelow(value, [&](Value below) {
    Operation *op = below.getDefiningOp();
    return op && isa<math::MathDialect>(op->getDialect()) && elementsOf(below) > rows &&
           !isa<math::AbsFOp, math::SqrtOp, math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp,
                math::TruncOp, math::CopySignOp, math::FmaOp>(op);
  });
}

// For each row: reductions in the order of their dependences, those of one depth and length in one loop; then values of
// one element a row; then one loop for each result length, buffers that overwrite an argument last.
LogicalResult KernelLoops::emitRow() {
  FailureOr<RowShape> shape = RowShape::of(kernel);
  if (failed(shape))
    return failure();
  int64_t count = shape->count;
  auto &levels = shape->levels;
  auto &stores = shape->stores;
  std::map<int64_t, Value> waiting; // result → the element that its buffer holds until then
  for (auto &[key, group] : levels) {
    auto store = stores.find({false, key.second});
    if (store == stores.end() || key.second == 1)
      continue;
    for (ReduceOp reduce : group) {
      Value element = reduce.getX();
      auto needed = [&](int64_t r) { return anyBelow(results[r], [&](Value below) { return below == element; }); };
      if (!isCostly(element, count) || llvm::none_of(store->second, needed) ||
          llvm::any_of(waiting, [&](auto &entry) { return entry.second == element; }))
        continue;
      for (int64_t r : store->second)
        if (getElementTypeOrSelf(results[r].getType()) == reduce.getType().getElementType() &&
            waiting.emplace(r, element).second)
          break;
    }
  }

  ArrayRef<int64_t> rowSizes = space(0, count);
  loop(begin, end, 1, [&](Value number) {
    Coord row = e.delinearise(number, rowSizes);
    bindLoops(0, row);
    e.bindLinear(row, number);
    int64_t id = 1;
    DenseSet<Value> kept; // stored by an earlier loop
    for (auto &level : levels) {
      SmallVector<ReduceOp> &group = level.second;
      SmallVector<Value> sums = reduceWhole(id++, level.first.second, group, [&](const Coord &inner, ValueRange accs) {
        SmallVector<Value> next;
        Coord at = joined(row, inner);
        for (auto [reduce, acc] : llvm::zip(group, accs)) {
          Value element = e.pull(reduce.getX(), at);
          next.push_back(e.combine(reduce.getKind(), acc, e.convert(element, acc.getType())));
          for (auto &[r, value] : waiting)
            if (value == reduce.getX() && !kept.contains(value))
              e.store(element, outs[r], e.linear(at));
        }
        return next;
      });
      for (ReduceOp reduce : group)
        kept.insert(reduce.getX());
      for (auto [reduce, sum] : llvm::zip(group, sums))
        e.bindValue(reduce, row, e.convert(sum, reduce.getType().getElementType()));
    }
    for (bool last : {false, true})
      for (auto &store : stores)
        if (store.first.first == last)
          whole(id++, store.first.second, {}, [&](const Coord &inner, ValueRange) {
            Coord at = joined(row, inner);
            for (int64_t r : store.second)
              if (auto element = waiting.find(r); element != waiting.end())
                e.bindValue(element->second, at,
                            e.load(outs[r], e.linear(at), getElementTypeOrSelf(results[r].getType())));
            storeResults(store.second, at);
            return SmallVector<Value>();
          });
  });
  return success();
}
