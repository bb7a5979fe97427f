// The strategies' choice of seeds: the batch, weights of tensor parallelism, sequences.
#ifndef LLCC_PASSES_SHARD_SEEDS_H
#define LLCC_PASSES_SHARD_SEEDS_H

#include "passes/shard/Propagation.h"

namespace mlir::llcc {

/// One entry for each argument; empty where nothing is asked for.
using Seeds = SmallVector<std::optional<Placement>>;

/// The weight of a contraction, convolution or transposed convolution: an operand that is a parameter, seen through
/// casts, transposes and reshapes.
struct WeightUse {
  unsigned operand; ///< position at the op
  BlockArgument param;
};
/// Empty for other ops, ops of the backward pass, and contractions of two activations.
std::optional<WeightUse> getWeightUse(Operation *op, func::FuncOp func);

/// The trainable table of an embedding that `op` reads by numbers of the batch, and its dimension of rows.
std::optional<std::pair<BlockArgument, int64_t>> getEmbedding(Operation *op, func::FuncOp func);

/// Name of the axis that cuts sequences (Context.h).
constexpr StringLiteral kContextAxis = "context";

/// On a parameter that llcc-split-heads has reshaped: which of its dimensions are heads.
constexpr StringLiteral kHeadsAttr = "llcc.heads";

/// The dimension of the parameter (argument) that dimension `dim` of `value` is, seen through what getWeightUse sees
/// through.
std::optional<int64_t> traceDim(Value value, int64_t dim);

/// Data parallelism: dimension 0 of every batched input and label that has no seed yet, over `axes`; its sequence over
/// `context`, where cutContext has brought it there; the rows of pictures over `spatial`, where so asked.
void seedBatch(func::FuncOp func, ArrayRef<StringRef> axes, Propagation &propagation, Seeds &seeds,
               bool spatial = false);

/// Name of the axis that cuts pictures along their first spatial dimension.
constexpr StringLiteral kSpatialAxis = "spatial";
/// Inputs of the batch that a convolution reads, seen through what keeps their shape.
SmallVector<BlockArgument> getPictures(func::FuncOp func);

/// Tensor parallelism after Megatron (Shoeybi et al. 2019, section 3), greedy in program order: a contraction of an
/// activation with a trainable weight whose contracted dimension is already cut runs row-parallel (propagation cuts the
/// weight's rows, the result is partial: one all-reduce). Any other one becomes column-parallel: the weight's output
/// dimension is cut, no communication. A table from which inputs of the batch pick rows is cut by rows: each member
/// looks up what it has, one all-reduce (tied to the classifier, it is cut by classes there). Dimensions shorter than
/// the axis are left whole. Runs the propagation. Returns false where nothing is cut over `tensor`.
bool seedWeights(func::FuncOp func, MeshAttr mesh, Propagation &propagation, Seeds &seeds);

/// Sequence parallelism (Korthikanti et al. 2022): between tensor-parallel blocks, activations are cut over `tensor`
/// along the sequence. Seeds (llcc.seed) the results of row-parallel products, which then are reduce-scattered there,
/// at their longest dimension that is a row and neither cut nor the batch; propagation finds the rest (norms, dropout,
/// residual sums). Runs the propagation, after seedWeights. Returns how many products were seeded.
unsigned seedSequence(func::FuncOp func, MeshAttr mesh, Propagation &propagation);

} // namespace mlir::llcc

#endif
