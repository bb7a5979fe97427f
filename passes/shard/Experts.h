// Expert parallelism: which weights are stacks of experts, where their computation begins and ends, and what it seeds.
#ifndef LLCC_PASSES_SHARD_EXPERTS_H
#define LLCC_PASSES_SHARD_EXPERTS_H

#include "passes/shard/Seeds.h"

namespace mlir::llcc {

/// The mesh axis over which experts lie, and tokens outside of them.
constexpr StringLiteral kExpertAxis = "expert";

/// One sentence on a node at which tokens come to experts or go back, for --explain.
struct ExpertMove {
  Operation *op;
  std::string text;
};

struct ExpertSeeds {
  SmallVector<BlockArgument> weights; ///< stacks that are cut
  SmallVector<ExpertMove> moves;
  std::string without; ///< why no stack can be cut, where none is
};

/// Expert parallelism (GShard, Lepikhin et al. 2021, section 3.2): the batch is cut over `expert` as over `data` (the
/// caller has seeded that, and propagated it), the weights of experts along their number, and so is all that is
/// computed between the tokens' way to the experts and back.
///
/// A *stack of experts* is a trainable weight of which block e meets slice e of an activation: a batch dimension of a
/// contraction. Found from there: further weights and biases along that dimension, up to the first contraction (which
/// reads tokens that all experts share, or such as were dispatched to each) and down to where the experts' results are
/// summed. The router, which has a dimension of that size too, stays with the tokens.
///
/// At both ends the cheaper way is taken by bytes, written down as llcc.along: experts that compute every token get
/// them by all-gather and give their sum by reduce-scatter, (E-1)/E of the tokens each; tokens that the model itself
/// dispatched to [experts, capacity] go there and back by all-to-all.
ExpertSeeds seedExperts(func::FuncOp func, MeshAttr mesh, Propagation &propagation, Seeds &seeds);

} // namespace mlir::llcc

#endif
