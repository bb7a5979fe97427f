// Form fold: reductions that keep some dimensions; parts of the extent own kept positions.
#include "passes/lower/KernelLoops.h"
#include "passes/lower/KernelShapes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::llcc;

// Kept positions that are accumulated together when the operand's last dimension is kept: 1 KiB of f32.
static constexpr int64_t blockSize = 256;
// Float sums run over at most about this many terms before they are added to the total, which bounds the rounding
// error.
static constexpr int64_t chunkSize = 128;

// Last dimension reduced: for each kept position the reduced ones inside, in registers. Last dimension kept: reduced
// positions outside, a block of kept ones inside, so that the inner loop walks memory in order and vectorises.
LogicalResult KernelLoops::emitFold() {
  FailureOr<FoldShape> shape = FoldShape::of(kernel);
  if (failed(shape))
    return failure();
  SmallVector<ReduceOp> &reduces = shape->reduces;
  SmallVector<FoldShape::Group> &groups = shape->groups;
  SmallVector<int64_t> keptSizes, reducedSizes;
  struct Slot {
    bool reduced;
    int64_t space, position;
  };
  SmallVector<Slot> slots; // of the operand's digits, in order
  for (auto [g, group] : llvm::enumerate(groups))
    for (auto [position, size] : llvm::enumerate(space(g, group.size))) {
      (group.reduced ? reducedSizes : keptSizes).push_back(size);
      slots.push_back({group.reduced, int64_t(g), int64_t(position)});
    }
  // Digits of the operand from kept and reduced ones; both are loops.
  auto operand = [&](const Coord &kept, const Coord &reduced) {
    Coord at;
    size_t k = 0, r = 0;
    for (const Slot &slot : slots) {
      at.push_back(slot.reduced ? reduced[r++] : kept[k++]);
      e.bindLoop(at.back(), slot.space, slot.position);
    }
    return at;
  };
  auto digitsOf = [](ArrayRef<Value> values, ArrayRef<int64_t> sizes) {
    Coord at;
    for (auto [value, size] : llvm::zip(values, sizes))
      at.push_back({value, size});
    return at;
  };
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, results.size()));
  SmallVector<Value> inits;
  for (ReduceOp reduce : reduces)
    inits.push_back(e.neutral(reduce.getKind(), e.wideOf(reduce.getType().getElementType())));

  if (!shape->keepsLast()) {
    loop(begin, end, 1, [&](Value number) {
      Coord kept = e.delinearise(number, keptSizes);
      e.bindLinear(kept, number);
      SmallVector<Value> sums = e.nest(reducedSizes, inits, [&](ArrayRef<Value> ivs, ValueRange accs) {
        Coord at = operand(kept, digitsOf(ivs, reducedSizes));
        SmallVector<Value> next;
        for (auto [reduce, acc] : llvm::zip(reduces, accs))
          next.push_back(e.combine(reduce.getKind(), acc, e.convert(e.pull(reduce.getX(), at), acc.getType())));
        return next;
      });
      for (auto [reduce, sum] : llvm::zip(reduces, sums))
        e.bindValue(reduce, kept, e.convert(sum, reduce.getType().getElementType()));
      storeResults(all, kept);
    });
    return success();
  }

  OpBuilder &b = e.builder;
  constexpr int64_t keptSpace = -1; // all kept digits together: runs along the last
  spaces[keptSpace] = keptSizes;
  int64_t total = product(reducedSizes);
  SmallVector<Value> blocks, parts; // accumulators of a block; those of a chunk
  auto buffer = [&](ReduceOp reduce) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(e.index(0));
    Type type = e.wideOf(reduce.getType().getElementType());
    return memref::AllocaOp::create(b, e.loc, MemRefType::get({blockSize}, type.isInteger(1) ? b.getI8Type() : type),
                                    b.getI64IntegerAttr(64));
  };
  auto chunked = [&](ReduceOp reduce) {
    return !e.sumsInOrder() && total > 2 * chunkSize && reduce.getKind() == ReduceKind::Sum &&
           isa<FloatType>(reduce.getType().getElementType());
  };
  for (ReduceOp reduce : reduces) {
    blocks.push_back(buffer(reduce));
    parts.push_back(chunked(reduce) ? buffer(reduce) : blocks.back());
  }
  bool anyChunk = llvm::any_of(reduces, chunked);
  auto typeOf = [&](size_t i) { return e.wideOf(reduces[i].getType().getElementType()); };

  runs(keptSpace, product(keptSizes), [&](const Coord &lead, Value start, Value from, Value to) {
    loop(from, to, blockSize, [&](Value first) {
      Value left = arith::SubIOp::create(b, e.loc, to, first);
      Value length = arith::MinSIOp::create(b, e.loc, left, e.index(blockSize));
      auto each = [&](function_ref<void(Value)> body) { loop(e.index(0), length, 1, body); };
      each([&](Value j) {
        for (size_t i = 0; i < reduces.size(); ++i)
          e.store(inits[i], blocks[i], j);
      });
      auto accumulate = [&](const Coord &reduced) {
        each([&](Value j) {
          Coord kept = lead;
          kept.push_back({e.add(first, j), keptSizes.back()});
          Coord at = operand(kept, reduced);
          for (auto [i, reduce] : llvm::enumerate(reduces)) {
            Value old = e.load(parts[i], j, typeOf(i));
            Value element = e.convert(e.pull(reduce.getX(), at), typeOf(i));
            e.store(e.combine(reduce.getKind(), old, element), parts[i], j);
          }
        });
      };
      auto walk = [&](ArrayRef<int64_t> sizes, Coord outer) {
        e.nest(sizes, {}, [&](ArrayRef<Value> ivs, ValueRange) {
          Coord reduced = outer;
          Coord inner = digitsOf(ivs, sizes);
          reduced.append(inner.begin(), inner.end());
          accumulate(reduced);
          return SmallVector<Value>();
        });
      };
      if (!anyChunk) {
        walk(reducedSizes, {});
      } else {
        int64_t outer = reducedSizes.front(), step = std::max<int64_t>(1, chunkSize / (total / outer));
        loop(e.index(0), e.index(outer), step, [&](Value chunk) {
          each([&](Value j) {
            for (size_t i = 0; i < reduces.size(); ++i)
              if (chunked(reduces[i]))
                e.store(inits[i], parts[i], j);
          });
          Value stop = arith::MinSIOp::create(b, e.loc, e.add(chunk, e.index(step)), e.index(outer));
          loop(chunk, stop, 1, [&](Value i) { walk(ArrayRef<int64_t>(reducedSizes).drop_front(), {{i, outer}}); });
          each([&](Value j) {
            for (size_t i = 0; i < reduces.size(); ++i)
              if (chunked(reduces[i]))
                e.store(
                    arith::AddFOp::create(b, e.loc, e.load(blocks[i], j, typeOf(i)), e.load(parts[i], j, typeOf(i))),
                    blocks[i], j);
          });
        });
      }
      each([&](Value j) {
        Coord kept = lead;
        kept.push_back({e.add(first, j), keptSizes.back()});
        e.bindLinear(kept, e.add(start, kept.back().value));
        for (auto [i, reduce] : llvm::enumerate(reduces))
          e.bindValue(reduce, kept, e.convert(e.load(blocks[i], j, typeOf(i)), reduce.getType().getElementType()));
        storeResults(all, kept);
      });
    });
  });
  return success();
}
