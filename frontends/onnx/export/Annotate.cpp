// Writes multi-device annotations.
#include "frontends/onnx/export/Annotate.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/export/WriteModel.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"

namespace mlir::llcc {

using namespace frontend;

static void describe(const DevicePlan::Tensor &tensor, ::onnx::ShardingSpecProto &spec) {
  spec.set_tensor_name(tensor.name);
  int64_t count = 1;
  for (auto [axis, parts] : llvm::enumerate(tensor.parts)) {
    count *= parts;
    if (parts == 1)
      continue;
    auto *dim = spec.add_sharded_dim();
    dim->set_axis(int64_t(axis));
    dim->add_simple_sharding()->set_num_shards(parts);
  }
  for (int64_t shard = 0; shard < count; ++shard) {
    std::vector<int64_t> group;
    for (auto [device, part] : llvm::enumerate(tensor.shard))
      if (part == shard)
        group.push_back(int64_t(device));
    if (group.size() == 1) {
      spec.add_device(group.front());
      continue;
    }
    spec.add_device(-1 - shard);
    auto *entry = spec.add_index_to_device_group_map();
    entry->set_key(-1 - shard);
    for (int64_t device : group)
      entry->add_value(device);
  }
}

LogicalResult writeAnnotated(StringRef path, StringRef out, const DevicePlan &plan, MLIRContext *context,
                             ImportErrors &errors, AnnotateSummary &summary) {
  ::onnx::ModelProto model;
  if (failed(readModel(path, model, memoryLimit({}), errors)))
    return failure();
  constexpr int64_t kFirstVersion = 11; // that has annotations
  model.set_ir_version(std::max<int64_t>(model.ir_version(), kFirstVersion));
  model.clear_configuration();
  auto *configuration = model.add_configuration();
  configuration->set_name(plan.name);
  configuration->set_num_devices(int32_t(plan.devices));

  llvm::StringMap<const DevicePlan::Tensor *> tensors;
  for (const DevicePlan::Tensor &tensor : plan.tensors)
    tensors[tensor.name] = &tensor;
  llvm::StringSet<> read;
  llvm::StringMap<int64_t> madeOn; // stage of the node that makes a value
  for (auto &node : *model.mutable_graph()->mutable_node()) {
    node.clear_device_configurations();
    int64_t stage = 0;
    for (const auto &input : node.input())
      stage = std::max(stage, madeOn.lookup(input));
    if (auto found = plan.stages.find(nodeName(node).str()); found != plan.stages.end())
      stage = found->second;
    for (const auto &output : node.output())
      madeOn[output] = stage;
    auto *on = node.add_device_configurations();
    on->set_configuration_id(plan.name);
    if (!plan.stages.empty())
      on->set_pipeline_stage(int32_t(stage));
    llvm::StringSet<> said;
    for (const auto &input : node.input()) {
      auto found = tensors.find(input);
      if (found == tensors.end() || !said.insert(input).second)
        continue;
      describe(*found->second, *on->add_sharding_spec());
      read.insert(input);
      ++summary.specs;
    }
    ++summary.nodes;
  }
  for (const DevicePlan::Tensor &tensor : plan.tensors)
    if (!read.contains(tensor.name))
      summary.unread.push_back(tensor.name);
  ExternalFiles files(llvm::sys::path::parent_path(path).str());
  int code = 0;
  if (std::string wrong = writeModel(model, files, out.str(), context, code); !wrong.empty()) {
    errors.add(ImportErrors::Bad, wrong);
    errors.exitCode = code;
    return failure();
  }
  return success();
}

} // namespace mlir::llcc
