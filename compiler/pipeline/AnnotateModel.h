// The plan as ONNX's multi-device annotations say it, from the partitioned module.
#ifndef LLCC_COMPILER_PIPELINE_ANNOTATEMODEL_H
#define LLCC_COMPILER_PIPELINE_ANNOTATEMODEL_H

#include "compiler/ir/LLCC.h"
#include "frontends/onnx/export/Annotate.h"

namespace mlir::llcc {

/// Where parameters and inputs lie between the steps, and which stage each ONNX node is on. `module` holds @step_stage*
/// after the shard stage, and @forward with logical shapes.
DevicePlan collectDevicePlan(ModuleOp module);

} // namespace mlir::llcc

#endif
