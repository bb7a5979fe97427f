// Reads ONNX's multi-device annotations.
#include "frontends/onnx/DeviceAnnotations.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc::frontend {

/// The number of its part, row-major over the dimensions, for each device; -1 where it has none. Empty where `spec`
/// does not tell.
static SmallVector<int64_t> shardOfDevices(const ::onnx::ShardingSpecProto &spec, int64_t parts, int64_t devices) {
  if (spec.device_size() != parts || devices < 1 || devices > (1 << 20))
    return {};
  SmallVector<int64_t> shard(devices, -1);
  for (int64_t part = 0; part < parts; ++part) {
    std::vector<int64_t> group = {spec.device(int(part))};
    for (const auto &entry : spec.index_to_device_group_map())
      if (entry.key() == spec.device(int(part)))
        group.assign(entry.value().begin(), entry.value().end());
    for (int64_t device : group) {
      if (device < 0 || device >= devices || shard[device] >= 0)
        return {};
      shard[device] = part;
    }
  }
  return shard;
}

void readDeviceAnnotations(const ::onnx::ModelProto &model, StringRef file, func::FuncOp function,
                           ImportErrors &errors) {
  llvm::StringMap<unsigned> arguments;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    for (StringRef key : {"llcc.param", "llcc.input"})
      if (auto name = function.getArgAttrOfType<StringAttr>(i, key))
        arguments[name.getValue()] = i;
  std::string configuration;
  int64_t devices = 0;
  for (const auto &declared : model.configuration())
    if (configuration.empty()) {
      configuration = declared.name();
      devices = declared.num_devices();
    }
  for (const auto &declared : model.configuration())
    if (declared.name() != configuration)
      errors.warn(file + ": configuration " + quote(declared.name()) + " of devices is not read, only the first, " +
                  quote(configuration));
  Builder b(function.getContext());
  llvm::StringMap<int64_t> stages;
  auto isDeclared = [&](const std::string &name) {
    return llvm::any_of(model.configuration(), [&](const auto &declared) { return declared.name() == name; });
  };
  for (const auto &node : model.graph().node())
    for (const auto &device : node.device_configurations()) {
      if (device.configuration_id() != configuration) {
        if (!isDeclared(device.configuration_id()))
          errors.warn(file + ": node " + quote(nodeName(node)) + ": configuration " + quote(device.configuration_id()) +
                      " of devices is not declared by the model; it is not read");
        continue;
      }
      if (device.has_pipeline_stage() && device.pipeline_stage() < 0)
        errors.warn(file + ": node " + quote(nodeName(node)) + ": pipeline stage " + Twine(device.pipeline_stage()) +
                    " is below 0; it is not read");
      else if (device.has_pipeline_stage() && !nodeName(node).empty())
        stages[nodeName(node)] = device.pipeline_stage();
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
        int64_t parts = 1;
        for (int64_t n : shards)
          parts = std::min<int64_t>(parts * n, int64_t(1) << 30);
        auto where = shardOfDevices(spec, parts, devices);
        if (where.empty() && spec.device_size() > 0)
          errors.warn(file + ": node " + quote(nodeName(node)) + ": sharding of " + quote(spec.tensor_name()) +
                      " names no group of the " + Twine(devices) + " devices for each of its " + Twine(parts) +
                      " parts; which device gets which part is left to llcc");
        if (!where.empty())
          function.setArgAttr(found->second, "llcc.shard_of_device", b.getDenseI64ArrayAttr(where));
      }
    }
  if (llvm::all_of(stages, [](auto &entry) { return entry.second == 0; }))
    return;
  NamedAttrList list;
  for (auto &entry : stages)
    list.set(entry.first(), b.getI64IntegerAttr(entry.second));
  function->getParentOp()->setAttr("llcc.stages", list.getDictionary(function.getContext()));
}

} // namespace mlir::llcc::frontend
