// `--explain`: what was chosen and why, for people, on stderr.
#ifndef LLCC_COMPILER_PIPELINE_EXPLAIN_H
#define LLCC_COMPILER_PIPELINE_EXPLAIN_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/shard/Cluster.h"

namespace mlir::llcc {

/// "1.50 KiB": for people.
std::string bytesText(double bytes);

/// After train: the types of parameters and of what forward nodes hand on.
void explainPrecision(ModuleOp module);
/// After shard: placement of each parameter, every collective with bytes and the node it comes from, stages.
void explainSharding(ModuleOp module);
/// After lower: memory of each program by kind, instructions, kernels.
void explainMemory(ModuleOp module);
/// After lower: how much of each kind of communication runs beside compute, as planned, on `cluster`.
void explainOverlap(ModuleOp module, const Cluster &cluster);

} // namespace mlir::llcc

#endif
