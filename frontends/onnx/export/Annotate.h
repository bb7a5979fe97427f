// Writes a plan into a model as ONNX's own multi-device annotations (IR version 11).
#ifndef LLCC_FRONTENDS_ONNX_EXPORT_ANNOTATE_H
#define LLCC_FRONTENDS_ONNX_EXPORT_ANNOTATE_H

#include "frontends/onnx/Import.h"

namespace mlir::llcc {

/// What a plan says of a model, in the words of ONNX: devices are numbered as the mesh numbers them, its last axis
/// beside each other.
struct DevicePlan {
  std::string name;    ///< of the configuration: "data=2,tensor=2"
  int64_t devices = 1; ///< product of the mesh
  struct Tensor {
    std::string name;           ///< initializer or graph input
    std::vector<int64_t> parts; ///< of each dimension
    std::vector<int64_t> shard; ///< of each device: number of its part, row-major over `parts`; -1: has none
  };
  std::vector<Tensor> tensors;
  std::map<std::string, int64_t> stages; ///< pipeline stage of each node that computes; empty without a pipeline
};

/// For people: how many specs were written, and which tensors of the plan no node reads under their name.
struct AnnotateSummary {
  int64_t nodes = 0, specs = 0;
  std::vector<std::string> unread;
};

/// Writes the model at `path` to `out` with `plan` in place of what annotations it had: one configuration, for each
/// node its stage, and a sharding spec for each input that the plan places. A part that several devices hold is a
/// device group with a negative number, as docs/IR.md writes replicas. A node that computes nothing in the plan gets
/// the stage of what it reads. Weights are copied as writeModel does.
LogicalResult writeAnnotated(StringRef path, StringRef out, const DevicePlan &plan, MLIRContext *context,
                             ImportErrors &errors, AnnotateSummary &summary);

} // namespace mlir::llcc

#endif
