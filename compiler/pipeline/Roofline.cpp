// Counts bytes and floating-point operations of a lowered program's instructions, and divides by a device's peaks.
#include "compiler/pipeline/Roofline.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "compiler/pipeline/Explain.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <cmath>

namespace mlir::llcc {
namespace {

double bytesOf(Type type) {
  auto shaped = cast<ShapedType>(type);
  return double(shaped.getNumElements()) * ((shaped.getElementTypeBitWidth() + 7) / 8);
}

unsigned bitsOf(Value value) { return cast<ShapedType>(value.getType()).getElementTypeBitWidth(); }

std::string typeText(Value value) {
  std::string text;
  llvm::raw_string_ostream(text) << cast<ShapedType>(value.getType()).getElementType();
  return text;
}

/// "matmul", "conv_input_grad"
std::string lower(StringRef op) {
  std::string name;
  for (char c : op) {
    if (llvm::isUpper(c) && !name.empty())
      name += '_';
    name += llvm::toLower(c);
  }
  return name;
}

class Counter {
public:
  Counter(ModuleOp module, const RooflineDevice &device, const Cluster &cluster)
      : device(device), cluster(cluster), mesh(module->getAttrOfType<MeshAttr>("llcc.mesh")) {
    module.walk([&](Operation *op) {
      if (auto name = op->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
          name && op->hasAttr("llcc.bytes"))
        kernels[name] = op;
    });
  }

  Roofline count(ProgramOp program) {
    Roofline roofline;
    roofline.program = program.getSymName().str();
    std::map<std::string, RooflineEntry> entries;
    program.walk([&](ExecOp exec) {
      RooflineEntry one;
      if (!measure(exec, one))
        return;
      RooflineEntry &all = entries[one.name];
      one.nodes = std::move(all.nodes);
      StringRef node = nodeOf(exec.getLoc());
      if (auto named = exec.getArgs().getAs<StringAttr>("node"))
        node = named.getValue();
      if (!node.empty())
        one.nodes.insert(node);
      one.count = all.count + 1;
      one.bytes += all.bytes;
      one.flops += all.flops;
      one.seconds += all.seconds;
      all = std::move(one);
    });
    for (auto &[name, entry] : entries) {
      (entry.communication ? roofline.communication : roofline.seconds) += entry.seconds;
      roofline.launches += entry.communication ? 0 : entry.count;
      if (entry.text.empty())
        roofline.contractionFlops += entry.flops;
      roofline.entries.push_back(std::move(entry));
    }
    llvm::sort(roofline.entries,
               [](auto &a, auto &b) { return std::tie(b.seconds, a.name) < std::tie(a.seconds, b.name); });
    return roofline;
  }

private:
  /// False for what costs nothing: views, captures, feeds of a few bytes.
  bool measure(ExecOp exec, RooflineEntry &entry) {
    StringRef op = exec.getOp();
    auto ints = exec.getArgs().getAs<DenseI64ArrayAttr>("ints");
    for (Value value : exec.getIns())
      entry.bytes += bytesOf(value.getType());
    for (Value value : exec.getOuts())
      entry.bytes += bytesOf(value.getType());
    double rate = device.flops;
    if (op == "Launch") {
      entry.name = exec.getKernel().value_or("?").str();
      if (Operation *kernel = kernels.lookup(exec.getKernelAttr().getAttr())) {
        entry.bytes = double(kernel->getAttrOfType<IntegerAttr>("llcc.bytes").getInt());
        entry.flops = double(kernel->getAttrOfType<IntegerAttr>("llcc.flops").getInt());
        entry.text = kernel->getAttrOfType<StringAttr>("llcc.text").str();
      }
      if (llvm::any_of(exec.getIns(), [](Value x) { return bitsOf(x) == 64 && !isScalar(x) && isFloat(x); }))
        rate /= 2;
    } else if (op == "Matmul") {
      double size = 2;
      entry.name = "matmul ";
      for (int64_t i = 0; i < 4; ++i) {
        size *= double(ints[i]);
        entry.name += std::to_string(ints[i]) + (i < 3 ? "x" : " ");
      }
      entry.name += typeText(exec.getIns()[0]);
      entry.flops = size;
      rate = rateOf(exec.getIns()[0]);
    } else if (op.starts_with("Conv")) {
      // Each element of y takes the window times the channels of a group: |y| * |w| / channels out.
      Value y = op == "ConvInputGrad"    ? exec.getIns()[0]
                : op == "ConvWeightGrad" ? exec.getIns()[1]
                                         : exec.getOuts()[0];
      Value w = op == "ConvWeightGrad" ? exec.getOuts()[0] : exec.getIns()[1];
      auto weights = cast<ShapedType>(w.getType());
      entry.flops = 2.0 * double(cast<ShapedType>(y.getType()).getNumElements()) * double(weights.getNumElements()) /
                    double(std::max<int64_t>(1, weights.getDimSize(0)));
      entry.name = lower(op) + " " + shapeText(exec.getIns()[0]) + " with " + shapeText(exec.getIns()[1]);
      rate = rateOf(exec.getIns()[0]);
    } else if (op == "Copy" || op == "Fill") {
      if (op == "Copy" && placeOf(exec.getIns()[0]) == placeOf(exec.getOuts()[0]))
        return false; // the same bytes under another name
      entry.name = lower(op) + " " + shapeText(exec.getOuts()[0]);
      entry.text = entry.name;
    } else if (auto axes = exec.getArgs().getAs<DenseI64ArrayAttr>("axes"); axes || op == "Send" || op == "Recv") {
      return op != "Recv" && communicate(exec, axes, entry);
    } else if (op.starts_with("Recurrence")) {
      entry.name = lower(op) + " " + shapeText(exec.getIns()[0]);
    } else {
      return false;
    }
    double compute = entry.flops / rate, memory = entry.bytes / device.bandwidth;
    entry.memoryBound = memory >= compute;
    entry.seconds = std::max(memory, compute);
    return true;
  }

  bool communicate(ExecOp exec, DenseI64ArrayAttr axes, RooflineEntry &entry) {
    double n = 1, in = 0;
    SmallVector<StringRef> names;
    if (axes && mesh)
      for (int64_t axis : axes.asArrayRef()) {
        n *= double(mesh.getSizes()[axis]);
        names.push_back(mesh.getAxes()[axis].getValue());
      }
    for (Value value : exec.getIns())
      in += bytesOf(value.getType());
    StringRef op = exec.getOp();
    entry.communication = true;
    entry.name = lower(op);
    if (op == "Send") {
      names = {"pipeline"};
      entry.bytes = in;
    } else if (n < 2) {
      return false;
    } else {
      entry.bytes = op == "AllGather" ? (n - 1) * in : (op == "AllReduce" ? 2 : 1) * (n - 1) / n * in;
    }
    for (StringRef name : names)
      entry.name += " " + name.str();
    if (!mesh)
      return false;
    const Cluster::Link &link = cluster.linkOf(names, mesh);
    entry.seconds = link.latency * std::max(1.0, std::ceil(std::log2(n))) + entry.bytes / link.bandwidth;
    return true;
  }

  double rateOf(Value x) {
    unsigned bits = bitsOf(x);
    return bits <= 16 ? device.narrowFlops : bits == 32 ? device.flops : device.flops / 2;
  }
  static bool isFloat(Value x) { return isa<FloatType>(cast<ShapedType>(x.getType()).getElementType()); }
  static bool isScalar(Value x) { return cast<ShapedType>(x.getType()).getNumElements() == 1; }
  static int64_t placeOf(Value x) {
    auto buffer = x.getDefiningOp<BufferOp>();
    return buffer ? int64_t(buffer.getOffset()) : -1;
  }
  static std::string shapeText(Value x) {
    std::string text;
    for (int64_t size : cast<ShapedType>(x.getType()).getShape())
      text += std::to_string(size) + "x";
    return text + typeText(x);
  }

  const RooflineDevice &device;
  const Cluster &cluster;
  MeshAttr mesh;
  DenseMap<StringAttr, Operation *> kernels;
};

std::string timeText(double seconds) {
  return seconds >= 1e-3 ? llvm::formatv("{0:f3} ms", seconds * 1e3).str()
                         : llvm::formatv("{0:f2} us", seconds * 1e6).str();
}

std::string nodesText(const RooflineEntry &entry) {
  std::string text;
  for (StringRef node : entry.nodes.getArrayRef().take_front(2))
    text += (text.empty() ? "" : ", ") + node.str();
  if (entry.nodes.size() > 2)
    text += " and " + std::to_string(entry.nodes.size() - 2) + " more";
  return text;
}
} // namespace

double Roofline::mfu(const RooflineDevice &device) const {
  double time = seconds + double(launches) * device.launch;
  return time > 0 ? contractionFlops / time / device.narrowFlops : 0;
}

std::vector<Roofline> rooflines(ModuleOp module, const RooflineDevice &device, const Cluster &cluster) {
  std::vector<Roofline> all;
  Counter counter(module, device, cluster);
  for (auto program : module.getOps<ProgramOp>())
    if (program.getSymName() != "infer")
      all.push_back(counter.count(program));
  return all;
}

void printRooflines(ArrayRef<Roofline> programs, const RooflineDevice &device, raw_ostream &out) {
  out << llvm::formatv("roofline on {0}: {1:f2} TB/s, {2:f0} TFLOP/s of 16 bits, {3:f0} of f32\n", device.name,
                       device.bandwidth / 1e12, device.narrowFlops / 1e12, device.flops / 1e12);
  for (const Roofline &p : programs) {
    out << llvm::formatv("  {0}: {1} of computation in {2} launches, {3} of communication, {4:f2} TFLOP of products; "
                         "at best {5} a step with launches of {6}, MFU {7:f1} %\n",
                         p.program, timeText(p.seconds), p.launches, timeText(p.communication),
                         p.contractionFlops / 1e12, timeText(p.seconds + double(p.launches) * device.launch),
                         timeText(device.launch), 100 * p.mfu(device));
    out << llvm::formatv("  {0,12} {1,6} {2,6} {3,11} {4,12}  {5,-8} {6}\n", "time", "share", "count", "moved", "GFLOP",
                         "bound by", "what");
    for (const RooflineEntry &e : p.entries) {
      double whole = e.communication ? p.communication : p.seconds;
      out << llvm::formatv("  {0,12} {1,5:f1}% {2,6} {3,11} {4,12:f2}  {5,-8} {6}", timeText(e.seconds),
                           whole > 0 ? 100 * e.seconds / whole : 0, e.count, bytesText(e.bytes), e.flops / 1e9,
                           e.communication ? "link"
                           : e.memoryBound ? "memory"
                                           : "compute",
                           e.name);
      if (!e.text.empty() && e.text != e.name)
        out << "  " << e.text;
      if (!e.nodes.empty())
        out << "  [" << nodesText(e) << "]";
      out << "\n";
    }
  }
}

void printRooflinesJson(ArrayRef<Roofline> programs, const RooflineDevice &device, raw_ostream &out) {
  auto utf8 = [](StringRef text) { return llvm::json::isUTF8(text) ? text.str() : llvm::json::fixUTF8(text); };
  llvm::json::Array list;
  for (const Roofline &p : programs) {
    llvm::json::Array entries;
    for (const RooflineEntry &e : p.entries) {
      llvm::json::Array nodes;
      for (StringRef node : e.nodes)
        nodes.push_back(utf8(node));
      entries.push_back(llvm::json::Object{{"name", utf8(e.name)},
                                           {"text", utf8(e.text)},
                                           {"count", e.count},
                                           {"bytes", e.bytes},
                                           {"flops", e.flops},
                                           {"seconds", e.seconds},
                                           {"bound", e.communication ? "link"
                                                     : e.memoryBound ? "memory"
                                                                     : "compute"},
                                           {"nodes", std::move(nodes)}});
    }
    list.push_back(llvm::json::Object{{"program", p.program},
                                      {"seconds", p.seconds},
                                      {"communication", p.communication},
                                      {"launches", p.launches},
                                      {"contraction_flops", p.contractionFlops},
                                      {"mfu", p.mfu(device)},
                                      {"entries", std::move(entries)}});
  }
  out << llvm::json::Value(llvm::json::Object{{"device", device.name},
                                              {"bandwidth", device.bandwidth},
                                              {"narrow_flops", device.narrowFlops},
                                              {"flops", device.flops},
                                              {"launch", device.launch},
                                              {"programs", std::move(list)}})
      << "\n";
}

} // namespace mlir::llcc
