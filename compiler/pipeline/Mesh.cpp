// Mesh and microbatches from flags.
#include "compiler/pipeline/Mesh.h"
#include <algorithm>

namespace llcc {

static int64_t product(const MeshAxes &mesh) {
  int64_t n = 1;
  for (auto &[axis, size] : mesh)
    n *= size;
  return n;
}

static int64_t sizeOfAxis(const MeshAxes &mesh, const std::string &name) {
  for (auto &[axis, size] : mesh)
    if (axis == name)
      return size;
  return 1;
}

int64_t deviceCount(const CompileOptions &options) {
  if (options.devices)
    return options.devices;
  if (!options.mesh.empty())
    return product(options.mesh);
  return options.strategy == "single" ? 1 : 4;
}

MeshAxes meshFromFlags(const CompileOptions &options, std::string &error) {
  const std::string &strategy = options.strategy;
  if (!options.mesh.empty()) {
    if (options.devices && options.devices != product(options.mesh))
      error = "--devices=" + std::to_string(options.devices) + " and --mesh disagree, the mesh has " +
              std::to_string(product(options.mesh)) + " devices; leave --devices out";
    for (auto &[axis, size] : options.mesh)
      if (strategy != "single" && strategy != "hybrid" && strategy != "auto" && axis != strategy && size > 1)
        error = "--strategy=" + strategy + " does not cut along the mesh axis " + axis + "=" + std::to_string(size) +
                "; use --strategy=hybrid, or leave --strategy out";
    return options.mesh;
  }
  int64_t devices = deviceCount(options);
  if (strategy == "single") {
    if (devices > 1)
      error = "--devices=" + std::to_string(devices) +
              " needs a strategy; add --strategy=data, tensor, context, pipeline or hybrid";
    return {{"data", 1}};
  }
  if (strategy == "hybrid" || strategy == "auto")
    return {};
  return {{strategy, devices}};
}

int64_t microbatchCount(const CompileOptions &options, int64_t batch, const MeshAxes &mesh, std::string &error) {
  int64_t stages = sizeOfAxis(mesh, "pipeline");
  if (options.microbatches) {
    if (batch % options.microbatches)
      error = "--batch=" + std::to_string(batch) +
              " does not divide into --microbatches=" + std::to_string(options.microbatches) +
              " equal parts; choose a divisor of the batch";
    return options.microbatches;
  }
  int64_t count = 1; // sums over microbatches have bits of their own
  if (stages > 1 && options.deterministic != "strategy")
    for (int64_t m = 2; m <= 2 * stages && m <= batch; ++m)
      if (batch % m == 0)
        count = m;
  return count;
}

} // namespace llcc
