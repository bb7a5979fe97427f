// Reads ONNX's multi-device annotations.
#include "frontends/onnx/DeviceAnnotations.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc::frontend {

void readDeviceAnnotations(const ::onnx::ModelProto &model, StringRef file, func::FuncOp function,
                           ImportErrors &errors) {
  llvm::StringMap<unsigned> arguments;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    for (StringRef key : {"llcc.param", "llcc.input"})
      if (auto name = function.getArgAttrOfType<StringAttr>(i, key))
        arguments[name.getValue()] = i;
  std::string configuration;
  for (const auto &declared : model.configuration())
    if (configuration.empty())
      configuration = declared.name();
  bool stages = false;
  for (const auto &node : model.graph().node())
    for (const auto &device : node.device_configurations()) {
      if (device.configuration_id() != configuration)
        continue;
      stages |= device.pipeline_stage() != 0;
      for (const auto &spec : device.sharding_spec()) {
        auto found = arguments.find(spec.tensor_name());
        if (found == arguments.end())
          continue;
        auto warn = [&](const Twine &what) {
          errors.warn(file + ": node " + quote(nodeName(node)) + ": sharding of " + quote(spec.tensor_name()) + " " +
                      what + "; it is not read");
        };
        auto type = dyn_cast<RankedTensorType>(function.getArgument(found->second).getType());
        SmallVector<int64_t> shards(type ? type.getRank() : 0, 1);
        bool readable = true;
        for (const auto &dim : spec.sharded_dim()) {
          int64_t rank = shards.size(), axis = dim.axis() < 0 ? dim.axis() + rank : dim.axis();
          if (axis < 0 || axis >= rank) {
            warn("names axis " + Twine(dim.axis()) + ", it has " + Twine(rank) + " dimensions");
            readable = false;
          } else if (dim.simple_sharding_size() != 1 || dim.simple_sharding(0).num_shards() < 1) {
            warn("cuts axis " + Twine(dim.axis()) + " as several");
            readable = false;
          } else {
            shards[axis] = dim.simple_sharding(0).num_shards();
          }
        }
        if (!readable)
          continue;
        auto now = DenseI64ArrayAttr::get(function.getContext(), shards);
        auto before = function.getArgAttrOfType<DenseI64ArrayAttr>(found->second, "llcc.shards");
        if (before && before != now)
          warn("is another one than at the node before");
        else
          function.setArgAttr(found->second, "llcc.shards", now);
      }
    }
  if (stages)
    errors.warn(file + ": pipeline stages of configuration " + quote(configuration) +
                " are not read; llcc cuts the model itself");
}

} // namespace mlir::llcc::frontend
