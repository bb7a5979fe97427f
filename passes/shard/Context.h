// Context parallelism: which dimensions are sequences, and their seeds.
#ifndef LLCC_PASSES_SHARD_CONTEXT_H
#define LLCC_PASSES_SHARD_CONTEXT_H

#include "passes/shard/Seeds.h"

namespace mlir::llcc {

/// The product of queries and keys of one attention, forward pass: a contraction of two activations whose result a
/// maximum runs over along the keys (softmax). Scale, mask and bias may stand between.
struct ScoresOp {
  DotOp dot;
  int64_t queries, keys; ///< dimensions of its result: the sequence that asks, the one that is asked
  Value keyed;           ///< the operand that holds the keys…
  int64_t keyedDim;      ///< …and their dimension there
  Value weights,
      values; ///< what the softmax becomes and is multiplied with, null if unknown, and where they have the keys
  int64_t weightsDim = -1, valuesDim = -1;
};

/// Every attention of `func`, in program order.
SmallVector<ScoresOp> findScores(func::FuncOp func);

/// Finds every attention and keeps its products from being cut along the keys, forward and backward (llcc.whole_loops):
/// each query meets all keys, it is the queries that are cut. Before a Propagation of `func` is made, as that reads the
/// rules.
SmallVector<ScoresOp> keepKeysWhole(func::FuncOp func);

/// Context parallelism (Ring Attention, Liu et al. 2023): seeds (llcc.seed) the queries of every attention's scores and
/// its keys, each along its own sequence, over `context`; propagation finds the rest, token-wise work back to the ids
/// and labels and on to the loss. What embeddings give for ids of the batch is seeded as well, unless a recurrence runs
/// along the sequence: a model without attention may have tokens too. Runs the propagation; before seedBatch, which
/// closes the inputs. Returns the longest sequence that was found (0: none), seeding only those that have a token for
/// each member.
int64_t seedContext(func::FuncOp func, MeshAttr mesh, ArrayRef<ScoresOp> attention, Propagation &propagation);

} // namespace mlir::llcc

#endif
