// What llcc-split-pipeline finds out before it writes: which values of @gradients and @update go from stage to stage.
#ifndef LLCC_PASSES_SHARD_PIPELINESPLIT_H
#define LLCC_PASSES_SHARD_PIPELINESPLIT_H

#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Schedule.h"
#include "passes/shard/Stages.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {

/// A value that goes from one stage to another; all messages have a global order, their position in a list.
struct StageMessage {
  Value value;
  int64_t from, to;    ///< stages
  Task::Phase phase;   ///< of the task after which it is sent
  int64_t piece = 0;   ///< …and the piece of that task
  unsigned result = 0; ///< of a gradient's sum: which result of @gradients is summed
};

/// What the two functions say about stages. Filled by analyze(); the first five are given. The assignment counts pieces
/// of the model (Schedule), everything else stages; with one chunk they are the same.
struct PipelineSplit {
  func::FuncOp gradients, update;
  int64_t stages = 1, microbatches = 1;
  Schedule schedule;
  StageAssignment assignment;
  llvm::StringMap<unsigned> parameters; ///< name → argument of @gradients
  SmallVector<StageMessage> shared;     ///< parameters that several stages use, at the start
  SmallVector<StageMessage> messages;   ///< of each microbatch
  SmallVector<StageMessage> sums;     ///< parts of gradients of tied weights, summed over the microbatches: once a step
  SmallVector<StageMessage> exchange; ///< within the update
  DenseSet<Operation *> weightOnly;   ///< backward ops that no message depends on, where the schedule runs them apart
  DenseMap<Value, llvm::SmallBitVector> origins; ///< stages that a value of @update depends on
  SmallVector<DenseSet<Value>> wanted;           ///< values of @update that each stage computes

  /// Fails with a message where a stage has no node or an argument of @update has no parameter.
  LogicalResult analyze();
  /// The piece on which an op of @gradients runs; nothing for those that each stage runs, or none.
  std::optional<int64_t> pieceOf(Operation *op) const {
    auto found = assignment.stage.find(op);
    return op && found != assignment.stage.end() ? std::optional<int64_t>(found->second) : std::nullopt;
  }
  /// In which task an op of @gradients runs, on its stage.
  Task::Phase phaseOf(Operation *op) const {
    if (!assignment.backward.contains(op))
      return Task::Phase::Forward;
    return weightOnly.contains(op) ? Task::Phase::Weight : Task::Phase::Backward;
  }
  /// Where result `result` of @gradients, a gradient or a part of one, is summed over the microbatches.
  int64_t stageOfGradient(unsigned result);
  /// Number of the first message of `sums`.
  int64_t sumTag() const { return shared.size() + messages.size() * microbatches; }
  const llvm::SmallBitVector &originsOf(Value value) const { return origins.find(value)->second; }
  /// Stage on which a capture of @update stands: the first that has its operand.
  int64_t captureStage(CaptureOp op) const { return std::max(0, originsOf(op.getX()).find_first()); }
  /// Argument of @gradients that holds parameter `name`.
  std::optional<unsigned> parameterNamed(StringRef name) const {
    auto found = parameters.find(name);
    return found == parameters.end() ? std::nullopt : std::optional<unsigned>(found->second);
  }
  /// Stage that keeps and updates a parameter; for the empty name, that of states that belong to none (the loss scale),
  /// the last stage, where the loss is.
  int64_t ownerOf(StringRef parameter) const {
    auto arg = parameterNamed(parameter);
    return arg ? schedule.stageOf(assignment.owner.lookup(*arg)) : parameter.empty() ? stages - 1 : 0;
  }
  /// The piece that keeps a parameter of @gradients.
  int64_t pieceOfOwner(StringRef parameter) const {
    auto arg = parameterNamed(parameter);
    return arg ? assignment.owner.lookup(*arg) : 0;
  }

private:
  std::optional<int64_t> pieceOfGradient(unsigned result);
  void findMessages();
  void findWeightOnly();
  FailureOr<int64_t> updateArgStage(unsigned i);
  LogicalResult findOrigins();
  void findWanted();
};

/// The analysis of @gradients and @update of `module`, with the table of `schedule`: a name, or a file that ends with
/// .csv; `chunks` 0: two if interleaved, what the file says, or one. Casts of @gradients are first cloned to their
/// readers, so that 16 bits are what is sent; gradients of tied weights have a result for each stage (TiedGradients.h).
FailureOr<PipelineSplit> readPipelineSplit(ModuleOp module, StringRef schedule, int64_t chunks = 0);

} // namespace mlir::llcc

#endif
