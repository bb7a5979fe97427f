// Chooses data x tensor x pipeline for a number of devices by a stated cost: --strategy=hybrid.
#ifndef LLCC_PASSES_SHARD_CHOOSEMESH_H
#define LLCC_PASSES_SHARD_CHOOSEMESH_H

#include "compiler/ir/LLCC.h"

namespace mlir::llcc {

/// A device and the links between devices.
struct DeviceModel {
  double flops;     ///< sustained, 1/s
  double bandwidth; ///< of a link, bytes/s
  double latency;   ///< of a message, s

  /// A thread with AVX2, tensors handed over through shared memory: orders of magnitude, not measured.
  static DeviceModel cpu() { return {5e10, 1e10, 2e-6}; }
  /// H200: half of 989 TFLOP/s dense bf16, NVLink 450 GB/s a direction, 7 us floor of a NCCL launch.
  static DeviceModel cuda() { return {4.9e14, 4.5e11, 7e-6}; }
};

struct MeshCandidate {
  int64_t data, tensor, pipeline;
  int64_t microbatches;
  std::string infeasible; ///< why not; empty where feasible
  /// Seconds a step: compute with padding and bubble, and communication of each axis.
  double compute = 0, dataTime = 0, tensorTime = 0, pipelineTime = 0;
  double total() const { return compute + dataTime + tensorTime + pipelineTime; }
  int64_t axes() const { return (data > 1) + (tensor > 1) + (pipeline > 1); }
};

struct MeshChoice {
  MeshAttr mesh; ///< axes of size 1 left out, at least one stays
  int64_t microbatches;
  SmallVector<MeshCandidate> candidates; ///< best first, infeasible ones last
  /// The table, a line a candidate, for --explain.
  std::string explain() const;
};

/// Tries every factorisation of `devices` on the module after import or after the train stage. Cost of a step of m
/// microbatches:
///
///     (m + p - 1) * (slowest stage of one microbatch: 3 * forward flops / flops, as blocks with padding
///                    + 2 * tensor collectives of the forward ops [the backward pass has as many])
///     + (m + p - 1) * 2 * point-to-point activation where p > 1
///     + all-reduce over data of the gradient bytes of the largest stage
///
/// with all-reduce(n, S) = 2 * gather(n, S), gather(n, S) = latency + (n-1)/n * S / bandwidth, all-to-all = latency +
/// (n-1)/n^2 * S / bandwidth (alpha-beta, Alpa; bubble of 1F1B). Flops and tensor collectives are counted on the real
/// placements: seeds and propagation run for each (data, tensor). Stages: the best contiguous cut into p of the weight
/// layers.
///
/// Feasible: data <= rows of a microbatch; pipeline <= weight layers; tensor: at least one weight has an output
/// dimension that long (layers that have not run whole, and are counted so). Where candidates with two or more axes are
/// feasible only those count, as that is what hybrid means; ties go to data, then tensor. `microbatches` 0: 1 without
/// pipeline, else the largest divisor of the batch that is <= 4 * pipeline and leaves a row for each member. An error
/// where nothing is feasible, with the reasons.
FailureOr<MeshChoice> chooseMesh(ModuleOp module, int64_t devices, const DeviceModel &device, int64_t microbatches = 0);

} // namespace mlir::llcc

#endif
