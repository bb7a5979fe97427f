// Step time and memory of a partitioned step on a cluster, before anything is generated: `--simulate`.
#ifndef LLCC_PASSES_SHARD_SIMULATE_H
#define LLCC_PASSES_SHARD_SIMULATE_H

#include "passes/shard/Cluster.h"
#include <map>

namespace mlir::llcc {

/// What one device of one stage does in a step. Times in seconds, the sum of the first four is the step.
struct StageCost {
  double compute = 0; ///< kernels run
  double exposed = 0; ///< kernels wait for a collective of their own task
  double bubble = 0;  ///< waits for other stages
  double update = 0;  ///< from the end of the last backward pass to the end of the step: what of the reductions of
                      ///< gradients is not hidden, the optimizer, gathers
  double hidden = 0;  ///< collectives that ran beside kernels
  double flops = 0;   ///< contractions of a step
  std::map<std::string, double> dearest; ///< seconds a step of kernels and collectives, by op and ONNX node
  std::map<std::string, double> sent;    ///< bytes a step, by mesh axes ("data", "tensor"; "pipeline": messages)
  /// Bytes. Activations: what backward passes need, times microbatches in flight, and the largest live set of one pass.
  double parameters = 0, state = 0, gradients = 0, activations = 0;
  double memory() const { return parameters + state + gradients + activations; }
};

struct Simulation {
  SmallVector<StageCost> stages;
  double step = 0;       ///< s
  double modelFlops = 0; ///< of all devices, without what is recomputed
  int64_t devices = 1, microbatches = 1;
  double samples = 0; ///< of a step
  /// Stage that computes longest, and the one that needs most memory.
  size_t slowest() const, largest() const;
};

/// Plays the step on `cluster`. `module` holds @gradients and @update with local types, after llcc-convert-to-spmd;
/// `schedule` is a name or a CSV file, `chunks` a number as for llcc-split-pipeline.
///
/// A pass of a stage (forward, backward, weight gradients) is its ops in program order: kernels one after the other on
/// one stream, collectives on a stream for each set of mesh axes, each op when its operands are there. Elementwise and
/// shape ops are parts of the kernels that read them; a kernel costs the larger of flops and memory traffic (roofline).
/// The table of the schedule orders the passes; a pass begins when its device is free and its message is there. The
/// update follows the last backward pass, whose gradients' reductions start as soon as these are there.
FailureOr<Simulation> simulateStep(ModuleOp module, const Cluster &cluster, StringRef schedule, int64_t chunks = 0);

} // namespace mlir::llcc

#endif
