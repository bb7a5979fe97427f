// The threads of one kernel on a GPU: which positions each computes and what they exchange; PullEmitter computes what
// stands at them.
//
// Everything is made of two things. A *vector* is a few neighbouring positions along the last digit of a loop space, in
// one thread: their loads and stores stand side by side, so that the backend joins them (16 bytes each where
// alignment allows). A *team* is a power of two of neighbouring threads that share one row or one kept position: thread
// r of G has the vectors r, r + G, …, so that the threads of a warp read neighbouring bytes; a reduction is summed in
// each thread, then across the team by butterfly shuffles, then across warps through workgroup memory. The order of
// every sum is fixed by the shapes: the same bits from every run.
//
// A row that fits is unrolled: its positions are SSA values that all loops of the row share, so that what was pulled
// once (loads, exponentials) stays in registers and memory is read once. Longer rows are walked once for each level of
// reductions; the second walk finds them in L2.
#ifndef LLCC_PASSES_LOWER_GPULOOPS_H
#define LLCC_PASSES_LOWER_GPULOOPS_H

#include "passes/lower/KernelLoops.h"
#include "passes/lower/KernelShapes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::llcc {

/// What drafts found out for the last emission.
struct VectorPlan {
  /// Positions a vector holds, by loop space; a space that is not there is walked one by one.
  std::map<int64_t, int64_t> widths;
  /// Map: the digit along which most bytes are read that are no neighbours along the last digit, and bytes of one
  /// element of these; -1: none.
  int64_t across = -1, acrossBytes = 0;
};

/// Emits the body of a kernel into a gpu.func whose buffers are bound in `emitter`.
class GpuLoops {
public:
  /// `kernel`: on tensors; `outs`: the flat buffer of each result. `draft`: only the positions matter, for which cuts
  /// they ask.
  GpuLoops(func::FuncOp kernel, gpu::GPUFuncOp function, PullEmitter &emitter, LoopSpaces &spaces, VectorPlan &plan,
           ArrayRef<Value> outs, bool draft);

  /// Emits by `llcc.kernel`; a body that breaks its form's contract (README.md) is reported.
  LogicalResult emit();

  /// Threads of a block, and blocks.
  int64_t getBlock() const { return block; }
  int64_t getGrid() const { return grid; }
  /// After a draft: cuts the last digits of loop spaces that are walked in vectors, and notes the rest of the plan.
  void choosePlan();

private:
  /// Loop digits of one or more spaces, major first; the last one's vector digit is not among them.
  struct Digits {
    SmallVector<int64_t> sizes;
    SmallVector<std::pair<int64_t, int64_t>> names; ///< (space, position)
    int64_t width = 1;                              ///< of the vectors
    int64_t count() const { return product(sizes); }
    void append(const Digits &other);
  };
  /// Where a thread is in its team.
  struct Team {
    int64_t size = 1;
    Value rank; ///< [0, size)
  };
  /// What is to be done at one vector: `inside` (null: always) says whether it exists; where it does not, `at` is one
  /// that does.
  using Visit = function_ref<SmallVector<Value>(const Coord &at, Value inside, ValueRange accs)>;

  LogicalResult emitMap();
  LogicalResult emitRow();
  LogicalResult emitFold();
  void emitFoldColumns(const FoldShape &fold, const Digits &kept, const Digits &reduced);
  void emitFoldTeams(const FoldShape &fold, const Digits &kept, const Digits &reduced);
  LogicalResult emitScatter();
  /// Each thread does one unit of the extent, as a CPU would.
  LogicalResult emitSerial(int64_t extent);

  /// The digits of loop space `id`, which counts to `n`.
  Digits digits(int64_t id, int64_t n);
  /// Vector number `q` of `digits`, bound for pulling.
  Coord place(const Digits &digits, Value q);
  /// Thread number `q` of a map kernel whose operands lie across: a warp takes a tile of both directions.
  Coord placeInTile(const Digits &digits, Value q);
  /// The digit of `at` along which neighbours are neighbours in memory for most of what is read, unless it is the last.
  void findAcross(const Coord &at);
  /// Position `k` of the vector `at`.
  Coord lane(const Digits &digits, const Coord &at, int64_t k);
  /// Visits all vectors of `digits` that a thread of `team` has, carrying accumulators. `keep`: unrolled.
  SmallVector<Value> sweep(const Digits &digits, Team team, bool keep, ValueRange inits, Visit visit);
  /// Accumulates `reduces` over the vectors of a team's thread, then over the team: the finished values, in all
  /// threads. `join`: the position in the operand of a position in `digits`.
  void reduce(ArrayRef<ReduceOp> reduces, const Digits &digits, Team team, bool keep,
              function_ref<Coord(const Coord &)> join, SmallVector<Value> &sums);
  /// Combines each value over the team; all threads get it.
  SmallVector<Value> overTeam(ArrayRef<ReduceOp> reduces, ValueRange values, Team team);
  Value shuffle(Value value, int64_t offset);
  /// Runs `body`, then puts the loads that it emitted before its arithmetic.
  void loadFirst(function_ref<void()> body);
  /// Pulls `which` results at each position of a vector, then stores them all where `inside` (null: always).
  void storeVector(ArrayRef<int64_t> which, const Digits &digits, const Coord &at, Value inside,
                   function_ref<Coord(const Coord &)> join);
  /// if (condition) body(), in its own scope; a null condition is true.
  void guarded(Value condition, function_ref<void()> body);
  /// Number of this thread in its block, of this block in the grid.
  Value thread(), blockNumber();
  /// Workgroup memory for `n` elements of `type`.
  Value workgroup(Type type, int64_t n);
  /// value < limit; null where `bound` values of it always are.
  Value below(Value value, int64_t limit, int64_t bound);
  /// min(value, limit - 1) where `inside` is not null.
  Value clamped(Value value, Value inside, int64_t limit);
  /// Bytes that go well into one vector of the kernel's operands, as a number of positions.
  int64_t widestVector();

  func::FuncOp kernel;
  gpu::GPUFuncOp function;
  PullEmitter &e;
  LoopSpaces &spaces;
  VectorPlan &plan;
  SmallVector<Value> results, outs;
  bool draft;
  int64_t block = 128, grid = 1;
  SmallVector<int64_t> walked; ///< spaces that may be cut into vectors
  /// Positions that the thread has already, by (first space, vectors, team): those of an unrolled walk.
  std::map<std::tuple<int64_t, int64_t, int64_t>, SmallVector<std::pair<Coord, Value>>> shares;
  Value threadNumber, blockIndex;
};

} // namespace mlir::llcc

#endif
