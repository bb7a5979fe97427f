// Reads the description of a cluster, a TOML file: `--simulate=CLUSTER.toml`.
#ifndef LLCC_COMPILER_PIPELINE_CLUSTERFILE_H
#define LLCC_COMPILER_PIPELINE_CLUSTERFILE_H

#include "passes/shard/Cluster.h"

namespace mlir::llcc {

/// Keys (compiler/pipeline/README.md has an example): name, devices, flops, memory_bandwidth, memory (bytes, or text as
/// "80G"), efficiency, launch, and [[link]] tables, innermost first, with name, devices, bandwidth, latency. On failure
/// `error` is a sentence that names the file, the line and the key.
FailureOr<Cluster> readCluster(const std::string &path, std::string &error);

} // namespace mlir::llcc

#endif
