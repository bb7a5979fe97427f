// `--explain`: how much of the plan's communication runs beside compute, by the cost model.
//
// Each step program is played as it is: two streams in list order, waits as planned, memory reuse included; a kernel
// costs the larger of its operations and its memory traffic, a collective its ring formula (passes/shard/Cluster).
// Other stages are taken to be on time: what a pipeline waits for them is its bubble, not its communication.
#include "compiler/ir/LLCC.h"
#include "compiler/pipeline/Explain.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace mlir::llcc;

namespace {

double bytesOf(ValueRange values) {
  double bytes = 0;
  for (Value value : values) {
    auto type = cast<ShapedType>(value.getType());
    bytes += double(type.getNumElements()) * ((type.getElementTypeBitWidth() + 7) / 8);
  }
  return bytes;
}

struct Interval {
  double begin, end;
};

/// Time of one kind of communication.
struct Talk {
  int64_t count = 0;
  double seconds = 0, hidden = 0;
};

class Player {
public:
  Player(const Cluster &cluster, MeshAttr mesh) : cluster(cluster), mesh(mesh) {}

  void play(ProgramOp program) {
    SmallVector<Interval> compute;
    std::vector<std::pair<std::string, Interval>> talks;
    SmallVector<double> ended;
    double free[2] = {0, 0};
    for (ExecOp exec : program.getBody().getOps<ExecOp>()) {
      int64_t stream = exec.getStream() == 1;
      double begin = free[stream];
      for (int64_t other : exec.getWaits())
        begin = std::max(begin, ended[other]);
      double end = begin + secondsOf(exec);
      ended.push_back(free[stream] = end);
      if (end == begin)
        continue;
      if (std::string kind = kindOf(exec); !kind.empty())
        talks.push_back({kind, {begin, end}});
      else
        compute.push_back({begin, end});
    }
    step = std::max(free[0], free[1]);
    for (auto &[kind, talk] : talks) {
      Talk &sum = kinds[kind];
      ++sum.count;
      sum.seconds += talk.end - talk.begin;
      for (const Interval &work : compute)
        sum.hidden += std::max(0.0, std::min(work.end, talk.end) - std::max(work.begin, talk.begin));
    }
  }

  double step = 0;
  std::map<std::string, Talk> kinds;

private:
  const Cluster &cluster;
  MeshAttr mesh;

  SmallVector<StringRef> axesOf(ExecOp exec) const {
    SmallVector<StringRef> axes;
    if (auto positions = dyn_cast_or_null<DenseI64ArrayAttr>(exec.getArgs().get("axes")))
      for (int64_t position : positions.asArrayRef())
        axes.push_back(mesh.getAxes()[position].getValue());
    return axes;
  }

  /// "AllGather over data"; empty for what is no communication.
  std::string kindOf(ExecOp exec) const {
    StringRef op = exec.getOp();
    if (op == "Send" || op == "Recv")
      return op.str();
    if (op != "AllReduce" && op != "AllGather" && op != "ReduceScatter" && op != "AllToAll")
      return {};
    return (op + " over " + llvm::join(axesOf(exec), "*")).str();
  }

  double secondsOf(ExecOp exec) const {
    StringRef op = exec.getOp();
    double ins = bytesOf(exec.getIns()), outs = bytesOf(exec.getOuts());
    auto ints = dyn_cast_or_null<DenseI64ArrayAttr>(exec.getArgs().get("ints"));
    if (op == "Send" || op == "Recv")
      return cluster.message(std::max(ins, outs), mesh);
    if (!kindOf(exec).empty()) {
      SmallVector<StringRef> axes = axesOf(exec);
      double n = 1;
      for (StringRef axis : axes)
        n *= double(mesh.getSize(axis));
      return cluster.collective(op == "AllReduce" ? 2 : 1, op == "AllGather" ? n * ins : ins, axes, mesh);
    }
    if (op == "Capture" || op == "FeedScalar")
      return 0;
    double work = 0;
    if (op == "Matmul" && ints)
      work = 2.0 * ints[0] * ints[1] * ints[2] * ints[3];
    if (op.starts_with("Conv")) { // each element of y meets the weights of its output channel
      bool weights = op == "ConvWeightGrad";
      Value y = op == "Conv" ? exec.getOuts()[0] : exec.getIns()[weights ? 1 : 0];
      Value w = weights ? exec.getOuts()[0] : exec.getIns()[1];
      auto count = [](Value x) { return double(cast<ShapedType>(x.getType()).getNumElements()); };
      work = 2 * count(y) * count(w) / double(std::max<int64_t>(1, cast<ShapedType>(w.getType()).getDimSize(0)));
    }
    return cluster.kernel(work, ins + outs);
  }
};
} // namespace

void mlir::llcc::explainOverlap(ModuleOp module, const Cluster &cluster) {
  auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
  if (!mesh || mesh.getDevices() < 2)
    return;
  llvm::raw_ostream &out = llvm::errs();
  out << "overlap (by the cost model of " << cluster.name << ", other stages on time)\n";
  for (auto program : module.getOps<ProgramOp>()) {
    if (program.getKind() != "step")
      continue;
    Player player(cluster, mesh);
    player.play(program);
    out << "  " << program.getSymName() << " takes " << llvm::format("%.4g", 1e3 * player.step) << " ms\n";
    for (auto &[kind, talk] : player.kinds)
      out << "    " << talk.count << " x " << kind << ": " << llvm::format("%.4g", 1e3 * talk.seconds) << " ms, "
          << llvm::format("%.0f", 100 * talk.hidden / talk.seconds) << " % hidden behind compute\n";
  }
}
