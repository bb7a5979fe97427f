// Seeds that users write: `--shard='h.*.attn.w:{?,tensor}'`.
#ifndef LLCC_PASSES_SHARD_USERSEEDS_H
#define LLCC_PASSES_SHARD_USERSEEDS_H

#include "passes/shard/Propagation.h"

namespace mlir::llcc {

/// Dimensions of an argument that may take more axes although it has a seed (array of i64), and when the seed is
/// propagated (i64; lower first, without one: last).
constexpr StringLiteral kOpenAttr = "llcc.open", kPriorityAttr = "llcc.priority";

/// Writes what `texts` say on arguments of `func` as llcc.sharding, llcc.open and llcc.priority. Each text is
///
///     GLOB:{D0,D1,…}[pN]      N is its priority (0 where there is none); D is a list of mesh axes joined by *, major
///     first; then ? if the dimension may take more
///
/// so `?` leaves a dimension to propagation, nothing keeps it whole, `tensor` cuts it over that axis and no other,
/// `data?` cuts it at least over data. GLOB is matched with the names of parameters, inputs and labels; the first text
/// that matches an argument counts. Errors name the flag, and the names that are there where none matches.
LogicalResult applyUserSeeds(func::FuncOp func, MeshAttr mesh, ArrayRef<std::string> texts);

/// Turns llcc.shards, numbers of parts that the model's file asks for, into seeds of arguments that have none: over the
/// axes whose members llcc.shard_of_device says, or the axis of that many members, `data` first for what is batched,
/// `tensor` first for the rest. A dimension for which the
/// mesh has no such axis is left to the strategy, with a warning; so is all of it on a mesh of one device, without.
void applyShards(func::FuncOp func, MeshAttr mesh);

/// Gives `propagation` the seeds of arguments that have them, in order of priority: each priority is propagated to the
/// fixpoint before the next one is looked at, so that what is more important decides conflicts. Seeds of the strategy,
/// which have no priority, come after those.
void seedByPriority(func::FuncOp func, Propagation &propagation, ArrayRef<std::optional<Placement>> seeds);

} // namespace mlir::llcc

#endif
