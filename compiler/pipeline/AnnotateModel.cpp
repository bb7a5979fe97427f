// `llcc export --annotate`.
#include "compiler/pipeline/AnnotateModel.h"
#include "compiler/pipeline/ExportModel.h"
#include "compiler/pipeline/Pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::llcc;

namespace {
/// One parameter or input, over all stages that have it.
struct Placed {
  ShardingAttr sharding;
  int64_t rank = 0;
  llvm::SmallSetVector<int64_t, 4> stages;
};
} // namespace

/// The file's dimension of each dimension of the tensor, or -1: the file may have the same elements without a dimension
/// for the parts of its columns (llcc.file_shape).
static SmallVector<int64_t> fileDims(func::FuncOp forward, StringRef name, int64_t rank) {
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (unsigned i = 0; forward && i < forward.getNumArguments(); ++i) {
    auto param = forward.getArgAttrOfType<StringAttr>(i, "llcc.param");
    auto file = forward.getArgAttrOfType<DenseI64ArrayAttr>(i, "llcc.file_shape");
    auto type = dyn_cast<RankedTensorType>(forward.getArgument(i).getType());
    if (!param || param.getValue() != name || !file || !type || type.getRank() != rank)
      continue;
    dims = llvm::to_vector(llvm::seq<int64_t>(0, file.size()));
    for (auto [dim, size] : llvm::enumerate(file.asArrayRef()))
      if (int64_t(dims.size()) < rank && type.getDimSize(dim) != size)
        dims.insert(dims.begin() + dim, -1);
  }
  return dims;
}

DevicePlan mlir::llcc::collectDevicePlan(ModuleOp module) {
  DevicePlan plan;
  auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
  for (auto [axis, size] : llvm::zip(mesh.getAxes(), mesh.getSizes()))
    plan.name += (plan.name.empty() ? "" : ",") + axis.str() + "=" + std::to_string(size);
  plan.devices = mesh.getDevices();
  llvm::MapVector<StringRef, Placed> tensors;
  for (auto step : module.getOps<func::FuncOp>()) {
    int64_t stage;
    StringRef name = step.getName();
    if (!name.consume_front("step_stage") || name.getAsInteger(10, stage))
      continue;
    for (unsigned i = 0; i < step.getNumArguments(); ++i)
      for (StringRef key : {"llcc.param", "llcc.input"}) {
        auto known = step.getArgAttrOfType<StringAttr>(i, key);
        auto type = dyn_cast<RankedTensorType>(step.getArgument(i).getType());
        if (!known || !type)
          continue;
        Placed &placed = tensors[known.getValue()];
        placed.sharding = step.getArgAttrOfType<ShardingAttr>(i, "llcc.placement");
        placed.rank = type.getRank();
        placed.stages.insert(stage);
      }
  }
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  for (auto &[name, placed] : tensors) {
    DevicePlan::Tensor tensor;
    tensor.name = name.str();
    SmallVector<int64_t> dims = fileDims(forward, name, placed.rank);
    auto axesOf = [&](int64_t dim) {
      return placed.sharding ? placed.sharding.getAxes(dim) : SmallVector<StringAttr>();
    };
    bool sayable = int64_t(dims.size()) == placed.rank;
    for (int64_t dim = 0; sayable && dim < placed.rank; ++dim) {
      int64_t parts = mesh.getSize(axesOf(dim));
      sayable = dims[dim] >= 0 || parts == 1;
      if (dims[dim] >= 0)
        tensor.parts.push_back(parts);
    }
    if (!sayable)
      continue;
    for (int64_t device = 0; device < plan.devices; ++device) {
      llvm::SmallDenseMap<StringRef, int64_t> at;
      int64_t rest = device;
      for (auto [axis, size] : llvm::reverse(llvm::zip(mesh.getAxes(), mesh.getSizes()))) {
        at[axis.getValue()] = rest % size;
        rest /= size;
      }
      int64_t shard = 0;
      for (int64_t dim = 0; dim < placed.rank; ++dim)
        for (StringAttr axis : axesOf(dim))
          shard = shard * mesh.getSize(axis.getValue()) + at.lookup(axis.getValue());
      bool has = mesh.getPosition("pipeline") < 0 || placed.stages.contains(at.lookup("pipeline"));
      tensor.shard.push_back(has ? shard : -1);
    }
    plan.tensors.push_back(std::move(tensor));
  }
  if (auto stages = module->getAttrOfType<DictionaryAttr>("llcc.stages"); stages && mesh.getSize("pipeline") > 1)
    for (NamedAttribute entry : stages)
      plan.stages[entry.getName().str()] = cast<IntegerAttr>(entry.getValue()).getInt();
  return plan;
}

int ::llcc::annotateModel(const CompileOptions &options, const std::string &out) {
  if (options.zero == 3)
    return llvm::errs() << "llcc export: --zero=3 keeps parameters in other parts than it computes with, for which "
                           "annotations have no words; leave --zero out\n",
           int(ExitUsage);
  if (options.chunks > 1 || options.schedule == "interleaved")
    return llvm::errs()
               << "llcc export: a stage that holds several pieces of the model cannot be annotated, a node has "
                  "one stage; leave --chunks and --schedule=interleaved out\n",
           int(ExitUsage);
  DevicePlan plan;
  if (int code = planDevices(options, plan))
    return code;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ImportErrors errors;
  AnnotateSummary summary;
  if (failed(writeAnnotated(options.model, out, plan, &context, errors, summary))) {
    for (const std::string &message : errors.messages)
      llvm::errs() << message << "\n";
    return errors.exitCode ? errors.exitCode : int(ExitBug);
  }
  if (!summary.unread.empty()) {
    llvm::errs() << "not annotated, as no node reads them under their name: ";
    llvm::interleaveComma(summary.unread, llvm::errs());
    llvm::errs() << "\n";
  }
  llvm::errs() << "wrote " << out << ": configuration \"" << plan.name << "\" of " << plan.devices << " devices, "
               << summary.specs << " sharding specs on " << summary.nodes
               << " nodes; llcc reads them with --mesh=" << plan.name << "\n";
  return ExitOk;
}
