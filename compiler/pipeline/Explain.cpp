// Prints the decisions of the shard and lower stages.
#include "compiler/pipeline/Explain.h"
#include "compiler/ir/Provenance.h"
#include "compiler/ir/Ring.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace mlir;
using namespace mlir::llcc;

static int64_t bytesOf(Type type) {
  auto shaped = cast<ShapedType>(type);
  return shaped.getNumElements() * ((shaped.getElementTypeBitWidth() + 7) / 8);
}

std::string mlir::llcc::bytesText(double bytes) {
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
    if (!isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp, SendOp>(op))
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

static std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

void mlir::llcc::explainPrecision(ModuleOp module) {
  auto gradients = module.lookupSymbol<func::FuncOp>("gradients");
  if (!gradients)
    return;
  struct Kept {
    int64_t bytes = 0;
    llvm::SetVector<StringRef> nodes;
  };
  std::map<std::string, Kept> kept; // by element type
  for (Operation &op : gradients.getBody().front())
    for (Value value : op.getResults()) {
      Type element = getElementTypeOrSelf(value.getType());
      StringRef node = nodeOf(op.getLoc());
      if (!isa<FloatType>(element) || node.empty() || isBackward(op.getLoc()) || isa<arith::ConstantOp>(op) ||
          (isa<arith::ExtFOp>(op) && op.getOperand(0).getDefiningOp()) ||
          (isa<arith::TruncFOp>(op) && isa<BlockArgument>(op.getOperand(0))))
        continue;
      bool leaves = llvm::any_of(value.getUsers(), [&](Operation *user) {
        return nodeOf(user->getLoc()) != node || isBackward(user->getLoc());
      });
      if (!leaves)
        continue;
      Kept &k = kept[typeText(element)];
      k.bytes += bytesOf(value.getType());
      k.nodes.insert(node);
    }
  llvm::raw_ostream &out = llvm::errs();
  out << "precision of what forward nodes hand on, of a microbatch\n";
  for (auto &[type, k] : kept) {
    out << "  " << llvm::left_justify(type, 6) << bytesText(double(k.bytes)) << ": ";
    llvm::interleaveComma(k.nodes, out, [&](StringRef node) { out << "\"" << node << "\""; });
    out << "\n";
  }
  std::map<std::string, std::vector<std::string>> held; // what parameters are held and multiplied as
  for (unsigned i = 0; i < gradients.getNumArguments(); ++i) {
    auto name = gradients.getArgAttrOfType<StringAttr>(i, "llcc.param");
    if (!name)
      continue;
    BlockArgument arg = gradients.getArgument(i);
    std::string text = "held in " + typeText(getElementTypeOrSelf(arg.getType()));
    for (Operation *user : arg.getUsers())
      if (auto cast = dyn_cast<arith::TruncFOp>(user))
        text = "held in " + typeText(getElementTypeOrSelf(arg.getType())) + ", rounded to " +
               typeText(getElementTypeOrSelf(cast.getType())) + " once a step";
    held[text].push_back(name.str());
  }
  out << "precision of parameters; their gradients are summed, over microbatches and devices, in the type that holds "
         "them\n";
  for (auto &[text, names] : held) {
    out << "  " << text << ": ";
    llvm::interleaveComma(names, out);
    out << "\n";
  }
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
      out << "    " << llvm::left_justify(name.getValue(), 36) << " ";
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
