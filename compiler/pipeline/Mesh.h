// Decides the mesh and the number of microbatches from what the user said.
#ifndef LLCC_COMPILER_PIPELINE_MESH_H
#define LLCC_COMPILER_PIPELINE_MESH_H

#include "compiler/pipeline/CompileOptions.h"
#include <utility>

namespace llcc {

using MeshAxes = std::vector<std::pair<std::string, int64_t>>;

/// The mesh that the flags alone determine: --mesh, or devices along the one axis of data, tensor or pipeline. Empty
/// where a search has to choose (hybrid without --mesh). `error` gets a sentence that names the flags where they
/// contradict.
MeshAxes meshFromFlags(const CompileOptions &options, std::string &error);

/// Devices that the user asked for: --devices, else the product of --mesh, else 4 (1 for `single`).
int64_t deviceCount(const CompileOptions &options);

/// Microbatches of a step of `batch` samples: --microbatches, else 1 without a pipeline, else the largest divisor of
/// the batch that is at most twice the stages (bubble (p-1)/(m+p-1), reference/parallel.md §7). `error` where the batch
/// does not divide.
int64_t microbatchCount(const CompileOptions &options, int64_t batch, const MeshAxes &mesh, std::string &error);

} // namespace llcc

#endif
