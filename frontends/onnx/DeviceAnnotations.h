// ONNX's own multi-device annotations (IR version 11): which tensors a model's author cuts into how many parts.
#ifndef LLCC_FRONTENDS_ONNX_DEVICEANNOTATIONS_H
#define LLCC_FRONTENDS_ONNX_DEVICEANNOTATIONS_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::llcc::frontend {

/// Writes `llcc.shards = array<i64: parts of each dimension>` on arguments of `function` whose tensors the nodes'
/// sharding specs name, of the first configuration of the model, and `llcc.shard_of_device = array<i64: part of each
/// device>` where a spec names the devices of all parts. Axes may be negative. Where a node is on another pipeline
/// stage than 0, the module gets `llcc.stages`, node → stage. What cannot be read (a dimension that is cut as several,
/// other parts than another node asks for) is a warning: annotations are hints (onnx docs/IR.md, "Multi-Device").
/// `file` begins messages.
void readDeviceAnnotations(const ::onnx::ModelProto &model, StringRef file, func::FuncOp function,
                           ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
