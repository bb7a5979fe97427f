// Form row on a GPU: a team of threads a row.
#include "passes/lower/GpuLoops.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::llcc;

/// 32-bit registers that a thread of a kept row may use for what it has pulled; and in a block of 1024, which leaves 64
/// for everything.
static constexpr int64_t kKept = 48, kKeptCrowded = 20;
/// Threads that fill a GPU: with fewer rows, teams are larger.
static constexpr int64_t kBusy = 132 * 1024;
/// Threads of a row that is walked.
static constexpr int64_t kWalkers = 512;
static constexpr int64_t kRowBlock = 128;

static Coord joined(const Coord &a, const Coord &b) {
  Coord at = a;
  at.append(b.begin(), b.end());
  return at;
}

// As KernelLoops::emitRow, with what a loop of one thread does there done by a team here. Values that a thread computed
// for a reduction are not parked in a result's buffer: they stay in registers, or are cheaper to compute than to move.
LogicalResult GpuLoops::emitRow() {
  FailureOr<RowShape> shape = RowShape::of(kernel);
  if (failed(shape))
    return failure();
  int64_t count = shape->count, length = 1;
  std::map<int64_t, int64_t> spaceOf; // row length → loop space
  for (auto &level : shape->levels)
    spaceOf[level.first.second] = 0;
  for (auto &store : shape->stores)
    spaceOf[store.first.second] = 0;
  for (auto [i, entry] : llvm::enumerate(spaceOf)) {
    entry.second = i + 1;
    length = std::max(length, entry.first);
    if (entry.first > 1)
      walked.push_back(entry.second);
  }
  if (e.sumsInOrder() && llvm::any_of(reductionsOf(kernel), [](ReduceOp reduce) {
        return isa<FloatType>(reduce.getType().getElementType());
      })) {
    walked.clear();
    return emitSerial(count);
  }

  // What a thread keeps of each position: a register for each operand that has one value a position of every row.
  int64_t kept = 0;
  for (BlockArgument argument : kernel.getArguments())
    if (elementsOf(argument) >= count * length)
      kept += cast<RankedTensorType>(argument.getType()).getElementTypeBitWidth() > 32 ? 2 : 1;
  kept = std::max<int64_t>(1, kept);
  Digits longest = digits(spaceOf[length], length);
  int64_t vectors = longest.count();
  auto registers = [&](int64_t team) { return (vectors + team - 1) / team * longest.width * kept; };
  Team team;
  while (team.size < 1024 && team.size < vectors &&
         (registers(team.size) > kKept / (team.size < 32 ? 4 : 1) ||
          (registers(team.size) > 2 * longest.width * kept && team.size * count < kBusy)))
    team.size *= 2;
  bool keep = registers(team.size) <= (team.size > 512 ? kKeptCrowded : kKept);
  if (!keep && team.size > kWalkers && count * kWalkers >= kBusy)
    team.size = kWalkers;

  block = std::max(kRowBlock, team.size);
  if (team.size > 32)
    block = team.size; // its barriers are the block's
  int64_t teams = block / team.size;
  grid = std::max<int64_t>(1, (count + teams - 1) / teams);
  OpBuilder &b = e.builder;
  Value number = blockNumber();
  team.rank = thread();
  if (teams > 1) {
    Value size = e.index(team.size);
    number = e.add(e.mul(number, e.index(teams)), arith::DivUIOp::create(b, e.loc, thread(), size));
    team.rank = team.size == 1 ? e.index(0) : arith::RemUIOp::create(b, e.loc, thread(), size).getResult();
  }
  // Lanes of a row that is none do as the last row does, so that shuffles have all of a warp, and store nothing.
  Value live = below(number, count, grid * teams);
  Coord row = place(digits(0, count), clamped(number, live, count));

  auto inRow = [&](const Coord &inner) { return joined(row, inner); };
  for (auto &[key, group] : shape->levels) {
    SmallVector<Value> sums;
    reduce(group, digits(spaceOf[key.second], key.second), team, keep, inRow, sums);
    for (auto [reduce, sum] : llvm::zip_equal(group, sums))
      e.bindValue(ReduceOp(reduce), row, sum);
  }
  for (bool last : {false, true})
    for (auto &[key, which] : shape->stores) {
      if (key.first != last)
        continue;
      if (key.second == 1) { // one thread, as the value may overwrite what it is computed from
        Value first =
            team.size == 1 ? Value() : arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, team.rank, e.index(0));
        guarded(e.both(first, live),
                [&, which = ArrayRef<int64_t>(which)] { storeVector(which, Digits(), {}, {}, inRow); });
        continue;
      }
      Digits inner = digits(spaceOf[key.second], key.second);
      sweep(inner, team, keep, {}, [&, which = ArrayRef<int64_t>(which)](const Coord &at, Value inside, ValueRange) {
        storeVector(which, inner, at, e.both(inside, live), inRow);
        return SmallVector<Value>();
      });
    }
  return success();
}
