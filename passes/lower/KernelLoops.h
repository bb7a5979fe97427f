// The loops of one kernel on CPU: where positions come from; PullEmitter computes what stands at them.
#ifndef LLCC_PASSES_LOWER_KERNELLOOPS_H
#define LLCC_PASSES_LOWER_KERNELLOOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/lower/PullEmitter.h"

namespace mlir::llcc {

/// Digit sizes of each loop space of a kernel (1s left out); refined by the cuts that an emission asks for.
using LoopSpaces = std::map<int64_t, SmallVector<int64_t>>;

/// Emits the body of a kernel into a function whose arguments are bound in `emitter`.
class KernelLoops {
public:
  /// `kernel`: on tensors; `outs`: the flat buffer of each result; `begin`, `end`: the part of the extent to do.
  KernelLoops(func::FuncOp kernel, PullEmitter &emitter, LoopSpaces &spaces, ArrayRef<Value> outs, Value begin,
              Value end);

  /// Emits by `llcc.kernel`; a body that breaks its form's contract (README.md) is reported.
  LogicalResult emit();

private:
  LogicalResult emitMap();
  LogicalResult emitRow();
  LogicalResult emitFold();
  LogicalResult emitScatter();
  LogicalResult emitSort();

  /// Digit sizes of `space`, which counts to `n`.
  ArrayRef<int64_t> space(int64_t id, int64_t n);
  /// for (value = from; value < to; value += step) body(value), in its own scope.
  void loop(Value from, Value to, int64_t step, function_ref<void(Value)> body);
  /// The part [begin, end) of `space` as runs along its last digit: body(leading digits, linear start of the run, from,
  /// to).
  void runs(int64_t id, int64_t n, function_ref<void(const Coord &, Value, Value, Value)> body);
  /// The position `lead` + j in `space`, bound for pulling.
  Coord inRun(int64_t id, const Coord &lead, Value start, Value j);
  /// Names the digits of `at` as loops of `space`.
  void bindLoops(int64_t id, const Coord &at);
  /// A loop nest over `space`: body(digits, accumulators).
  SmallVector<Value> whole(int64_t id, int64_t n, ValueRange inits,
                           function_ref<SmallVector<Value>(const Coord &, ValueRange)> body);
  /// As `whole` for the reductions `group`, from their neutral elements; long loops sum chunks first.
  SmallVector<Value> reduceWhole(int64_t id, int64_t n, ArrayRef<ReduceOp> group,
                                 function_ref<SmallVector<Value>(const Coord &, ValueRange)> body);
  /// Pulls the results `which` at `at`, then stores them all.
  void storeResults(ArrayRef<int64_t> which, const Coord &at);

  func::FuncOp kernel;
  PullEmitter &e;
  LoopSpaces &spaces;
  SmallVector<Value> results, outs;
  Value begin, end;
};

} // namespace mlir::llcc

#endif
