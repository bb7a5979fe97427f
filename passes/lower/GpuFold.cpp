// Form fold on a GPU: sums along leading dimensions by blocks of columns, all others by a team for each kept position.
#include "passes/lower/GpuLoops.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::llcc;

/// Threads of a block of columns, and bytes of workgroup memory that they may use.
static constexpr int64_t kColumnBlock = 256, kWorkgroup = 32 << 10;

LogicalResult GpuLoops::emitFold() {
  FailureOr<FoldShape> fold = FoldShape::of(kernel);
  if (failed(fold))
    return failure();
  if (e.sumsInOrder() &&
      llvm::any_of(fold->reduces, [](ReduceOp reduce) { return isa<FloatType>(reduce.getType().getElementType()); }))
    return emitSerial(elementsOf(fold->reduces[0]));
  if (!fold->groups.empty())
    walked = {int64_t(fold->groups.size()) - 1};
  Digits kept, reduced;
  for (auto [g, group] : llvm::enumerate(fold->groups))
    (group.reduced ? reduced : kept).append(digits(g, group.size));
  if (fold->keepsLast())
    emitFoldColumns(*fold, kept, reduced);
  else
    emitFoldTeams(*fold, kept, reduced);
  return success();
}

/// The digits of the operand, from those of kept and of reduced positions.
static Coord operandAt(const FoldShape &fold, LoopSpaces &spaces, const Coord &kept, const Coord &reduced) {
  Coord at;
  size_t k = 0, r = 0;
  for (auto [g, group] : llvm::enumerate(fold.groups))
    for (size_t i = 0; i < spaces[g].size(); ++i)
      at.push_back(group.reduced ? reduced[r++] : kept[k++]);
  return at;
}

// A block has X vectors of columns and Y rows of threads: thread (x, y) sums rows y, y + Y, … of its columns, a warp
// reads neighbouring columns. Then the Y partial sums of a column are added in order.
void GpuLoops::emitFoldColumns(const FoldShape &fold, const Digits &kept, const Digits &reduced) {
  OpBuilder &b = e.builder;
  ArrayRef<ReduceOp> reduces = fold.reduces;
  int64_t columns = kept.count(), total = reduced.count(), width = kept.width;
  int64_t x = std::min<int64_t>(32, llvm::PowerOf2Ceil(columns));
  int64_t y = std::min<int64_t>(kColumnBlock / x, llvm::bit_floor(uint64_t(std::max<int64_t>(1, total / 4))));
  int64_t bytes = 0;
  SmallVector<Value> neutral; // of each reduction and position of the vector
  for (ReduceOp reduce : reduces) {
    Type type = e.wideOf(reduce.getType().getElementType());
    bytes += x * width * std::max(1u, type.getIntOrFloatBitWidth() / 8);
    neutral.append(width, e.neutral(reduce.getKind(), type));
  }
  while (y > 1 && bytes * y > kWorkgroup)
    y /= 2;
  block = x * y;
  grid = std::max<int64_t>(1, (columns + x - 1) / x);
  Value column = y == 1 ? thread() : arith::RemUIOp::create(b, e.loc, thread(), e.index(x)).getResult();
  Team team{y, y == 1 ? e.index(0) : arith::DivUIOp::create(b, e.loc, thread(), e.index(x)).getResult()};
  Value number = e.add(e.mul(blockNumber(), e.index(x)), column);
  Value live = below(number, columns, grid * x);
  Coord at = place(kept, clamped(number, live, columns));

  SmallVector<Value> sums =
      sweep(reduced, team, false, neutral, [&](const Coord &row, Value inside, ValueRange before) {
        SmallVector<Value> next(before);
        loadFirst([&] {
          for (int64_t k = 0; k < width; ++k) {
            Coord position = operandAt(fold, spaces, lane(kept, at, k), row);
            for (auto [i, reduce] : llvm::enumerate(reduces)) {
              Value &sum = next[i * width + k];
              Value element = e.convert(e.pull(ReduceOp(reduce).getX(), position), sum.getType());
              if (inside)
                element = arith::SelectOp::create(b, e.loc, inside, element, neutral[i * width + k]);
              sum = e.combine(ReduceOp(reduce).getKind(), sum, element);
            }
          }
        });
        return next;
      });

  auto finish = [&](ValueRange totals) {
    for (auto [i, reduce] : llvm::enumerate(reduces))
      for (int64_t k = 0; k < width; ++k)
        e.bindValue(ReduceOp(reduce), lane(kept, at, k),
                    e.convert(totals[i * width + k], ReduceOp(reduce).getType().getElementType()));
    auto all = llvm::to_vector(llvm::seq<int64_t>(0, results.size()));
    storeVector(all, kept, at, {}, [](const Coord &position) { return position; });
  };
  if (y == 1)
    return guarded(live, [&] { finish(sums); });

  // [y][position of the vector][x]: neighbouring threads write neighbouring words.
  SmallVector<Value> parts;
  for (ReduceOp reduce : reduces) {
    Type type = e.wideOf(reduce.getType().getElementType());
    parts.push_back(workgroup(type.isInteger(1) ? b.getI8Type() : type, x * y * width));
  }
  auto slot = [&](Value row, int64_t k) {
    Value line = e.add(e.mul(row, e.index(width)), e.index(k));
    return e.add(e.mul(line, e.index(x)), column);
  };
  for (auto [i, part] : llvm::enumerate(parts))
    for (int64_t k = 0; k < width; ++k)
      e.store(sums[i * width + k], part, slot(team.rank, k));
  gpu::BarrierOp::create(b, e.loc);
  Value first = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, team.rank, e.index(0));
  guarded(e.both(first, live), [&] {
    finish(e.carry(e.index(1), e.index(y), 1, sums, [&](Value row, ValueRange before) {
      SmallVector<Value> next(before);
      for (auto [i, part] : llvm::enumerate(parts))
        for (int64_t k = 0; k < width; ++k) {
          Value &sum = next[i * width + k];
          sum = e.combine(ReduceOp(reduces[i]).getKind(), sum, e.load(part, slot(row, k), sum.getType()));
        }
      return next;
    }));
  });
}

void GpuLoops::emitFoldTeams(const FoldShape &fold, const Digits &kept, const Digits &reduced) {
  OpBuilder &b = e.builder;
  int64_t count = kept.count(), vectors = reduced.count();
  Team team;
  while (team.size < (count < 264 ? 1024 : 256) && team.size * 4 <= vectors)
    team.size *= 2;
  block = team.size > 32 ? team.size : 128;
  int64_t teams = block / team.size;
  grid = std::max<int64_t>(1, (count + teams - 1) / teams);
  Value number = blockNumber();
  team.rank = thread();
  if (teams > 1) {
    Value size = e.index(team.size);
    number = e.add(e.mul(number, e.index(teams)), arith::DivUIOp::create(b, e.loc, thread(), size));
    team.rank = team.size == 1 ? e.index(0) : arith::RemUIOp::create(b, e.loc, thread(), size).getResult();
  }
  Value live = below(number, count, grid * teams);
  Coord at = place(kept, clamped(number, live, count));
  SmallVector<Value> sums;
  reduce(
      fold.reduces, reduced, team, false, [&](const Coord &inner) { return operandAt(fold, spaces, at, inner); }, sums);
  for (auto [reduce, sum] : llvm::zip_equal(fold.reduces, sums))
    e.bindValue(ReduceOp(reduce), at, sum);
  Value first =
      team.size == 1 ? Value() : arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, team.rank, e.index(0));
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, results.size()));
  guarded(e.both(first, live), [&] { storeVector(all, Digits(), at, {}, [](const Coord &p) { return p; }); });
}
