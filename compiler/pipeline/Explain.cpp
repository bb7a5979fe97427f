// Prints the decisions of the shard and lower stages.
#include "compiler/pipeline/Explain.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace mlir;
using namespace mlir::llcc;

static int64_t bytesOf(Type type) {
  auto shaped = cast<ShapedType>(type);
  return shaped.getNumElements() * ((shaped.getElementTypeBitWidth() + 7) / 8);
}

static std::string bytesText(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(unit ? "%.2f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

static std::string placementText(ShardingAttr sharding) {
  std::string text = "[";
  for (int64_t i = 0, n = sharding.getDims().size(); i < n; ++i) {
    text += i ? ", " : "";
    SmallVector<StringAttr> axes = sharding.getAxes(i);
    for (size_t j = 0; j < axes.size(); ++j)
      text += (j ? "*" : "") + axes[j].str();
    text += axes.empty() ? "-" : "";
  }
  return text + "]";
}

namespace {
/// Collectives of one kind, axes and node, counted together.
struct Traffic {
  int64_t count = 0, bytes = 0, tensors = 0;
};
} // namespace

static void countTraffic(func::FuncOp step, std::map<std::string, Traffic> &traffic) {
  step.walk([&](Operation *op) {
    StringRef name = op->getName().stripDialect();
    if (!isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, SendOp>(op))
      return;
    std::string key = name.str();
    if (auto axes = op->getAttrOfType<ArrayAttr>("axes"))
      for (Attribute axis : axes)
        key += " " + cast<StringAttr>(axis).str();
    if (auto send = dyn_cast<SendOp>(op))
      key += " to stage " + std::to_string(send.getTo());
    if (StringRef node = nodeOf(op->getLoc()); !node.empty())
      key += std::string(isBackward(op->getLoc()) ? "  backward of " : "  ") + "\"" + node.str() + "\"";
    Traffic &t = traffic[key];
    ++t.count;
    for (Value operand : op->getOperands()) {
      t.bytes += bytesOf(operand.getType());
      ++t.tensors;
    }
  });
}

void mlir::llcc::explainSharding(ModuleOp module) {
  llvm::raw_ostream &out = llvm::errs();
  auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
  out << "mesh: ";
  for (auto [axis, size] : llvm::zip(mesh.getAxes(), mesh.getSizes()))
    out << axis.getValue() << "=" << size << " ";
  out << "(" << mesh.getDevices() << " devices)\n";
  for (auto step : module.getOps<func::FuncOp>()) {
    if (!step.getName().starts_with("step_stage"))
      continue;
    out << "stage " << step.getName().drop_front(10) << "\n  parameters (dimension: mesh axes that cut it)\n";
    for (unsigned i = 0; i < step.getNumArguments(); ++i) {
      auto name = step.getArgAttrOfType<StringAttr>(i, "llcc.param");
      if (!name)
        continue;
      out << "    " << llvm::left_justify(name.getValue(), 36);
      if (auto sharding = step.getArgAttrOfType<ShardingAttr>(i, "llcc.placement"))
        out << placementText(sharding) << "  ";
      out << bytesText(bytesOf(step.getArgument(i).getType())) << " a device\n";
    }
    std::map<std::string, Traffic> traffic;
    countTraffic(step, traffic);
    out << "  communication of a step\n" << (traffic.empty() ? "    none\n" : "");
    for (auto &[key, t] : traffic)
      out << "    " << t.count << " x " << key << ": " << t.tensors << " tensor" << (t.tensors == 1 ? "" : "s") << ", "
          << bytesText(double(t.bytes)) << "\n";
  }
}

void mlir::llcc::explainMemory(ModuleOp module) {
  llvm::raw_ostream &out = llvm::errs();
  out << "memory (exactly what a device allocates)\n";
  for (auto program : module.getOps<ProgramOp>()) {
    llvm::MapVector<StringRef, int64_t> kinds;
    int64_t instructions = 0;
    program.walk([&](Operation *op) {
      if (auto buffer = dyn_cast<BufferOp>(op))
        kinds[buffer.getSpace()] += bytesOf(buffer.getType());
      instructions += isa<ExecOp>(op);
    });
    out << "  " << llvm::left_justify(program.getSymName(), 16) << bytesText(double(program.getArenaBytes())) << ", "
        << instructions << " instructions; ";
    // Temporaries share bytes: their sum says how much the plan saves.
    for (auto &[kind, bytes] : kinds)
      out << kind << (kind == "temp" ? " (before sharing) " : " ") << bytesText(double(bytes)) << "  ";
    out << "\n";
  }
}
