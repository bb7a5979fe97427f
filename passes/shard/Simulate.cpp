// Plays a partitioned step: op lists of passes on streams, passes by the schedule's table.
#include "passes/shard/Simulate.h"
#include "compiler/ir/Provenance.h"
#include "passes/shard/PipelineSplit.h"
#include "passes/shard/Placement.h"
#include "passes/shard/Rules.h"

namespace mlir::llcc {

size_t Simulation::slowest() const {
  auto busy = [](const StageCost &s) { return s.compute + s.exposed + s.update; };
  return llvm::max_element(stages, [&](auto &a, auto &b) { return busy(a) < busy(b); }) - stages.begin();
}
size_t Simulation::largest() const {
  return llvm::max_element(stages, [](auto &a, auto &b) { return a.memory() < b.memory(); }) - stages.begin();
}

namespace {

/// Ends inside the kernels that read it, if one does: elementwise and shape ops.
bool isPulled(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() || isa<BroadcastOp, ReshapeOp, TransposeOp, SliceOp, PadOp, ReverseOp,
                                                     IotaOp, MaskOp, AxisSliceOp, RandomBitsOp, arith::ConstantOp>(op);
}

/// Which values a function's kernels write to memory, and what a kernel reads. A value that several kernels read is
/// computed in each of them where that takes two reads at most, and stored else.
class Traffic {
public:
  explicit Traffic(func::FuncOp func) {
    Block &body = func.getBody().front();
    for (Operation &op : llvm::reverse(body))
      for (Value result : op.getResults())
        if (mustStore(&op, result)) {
          stored.insert(result);
          roots[result] = &op;
        }
    for (Operation &op : body) // operands are decided before their readers
      if (op.getNumResults() == 1 && shared.contains(op.getResult(0)) && reads(&op).size() <= 2)
        stored.erase(op.getResult(0));
  }

  bool isStored(Value value) const { return isa<BlockArgument>(value) || stored.contains(value); }

  /// Stored values that the kernel which computes `op` reads, seen through what it pulls.
  const llvm::SmallSetVector<Value, 4> &reads(Operation *op) {
    auto [it, inserted] = memo.try_emplace(op);
    if (!inserted)
      return it->second;
    llvm::SmallSetVector<Value, 4> all;
    for (Value operand : op->getOperands()) {
      if (isStored(operand))
        all.insert(operand);
      else if (Operation *def = operand.getDefiningOp()) {
        llvm::SmallSetVector<Value, 4> below = reads(def);
        all.insert(below.begin(), below.end());
      }
    }
    return memo[op] = std::move(all);
  }

private:
  /// Not pulled; or read by what cannot pull, by the backward pass, or by several kernels (then also in `shared`).
  bool mustStore(Operation *op, Value result) {
    if (isFree(op))
      return false;
    if (!isPulled(op))
      return true;
    for (Operation *user : result.getUsers())
      if (!(isPulled(user) || isa<ReduceOp>(user)) || (!isBackward(op->getLoc()) && isBackward(user->getLoc())))
        return true;
    Operation *root = nullptr;
    for (Operation *user : result.getUsers()) {
      Operation *kernel = isPulled(user) ? roots.lookup(user->getResult(0)) : user;
      if (root && root != kernel) {
        shared.insert(result);
        return true;
      }
      root = kernel;
    }
    roots[result] = root;
    return false;
  }

  DenseMap<Value, Operation *> roots; ///< the op whose kernel computes a value that is not stored
  DenseSet<Value> shared;
  DenseSet<Value> stored;
  DenseMap<Operation *, llvm::SmallSetVector<Value, 4>> memo;
};

/// One pass, or a backward pass and the update behind it, on the streams of a device.
class Streams {
public:
  Streams(const Cluster &cluster, MeshAttr mesh) : cluster(cluster), mesh(mesh) {}

  double makespan = 0, busy = 0, talking = 0, flops = 0;
  std::map<std::string, double> sent, dearest;

  void run(Operation *op, Traffic &traffic) {
    double start = 0;
    for (Value operand : op->getOperands())
      start = std::max(start, ready.lookup(operand));
    double end = start;
    if (isCollective(op)) {
      std::string axes;
      for (Attribute axis : op->getAttrOfType<ArrayAttr>("axes"))
        axes += (axes.empty() ? "" : "*") + cast<StringAttr>(axis).str();
      double &stream = collectives[axes], time = cluster.communication(op, mesh);
      end = stream = std::max(start, stream) + time;
      talking += time;
      dearest[describeOp(op)] += time;
      sent[axes] += sentBytes(op, mesh);
    } else if (isKernel(op, traffic)) {
      double work = contractionFlops(op), bytes = 0, time;
      for (Value v : traffic.reads(op))
        bytes += tensorBytes(v.getType());
      for (Value v : op->getResults())
        bytes += tensorBytes(v.getType());
      time = cluster.kernel(work, bytes);
      end = kernels = std::max(start, kernels) + time;
      busy += time;
      dearest[describeOp(op)] += time;
      flops += work;
    }
    for (Value result : op->getResults())
      ready[result] = end;
    makespan = std::max(makespan, end);
  }
  void setReady(Value value, double time) { ready[value] = time; }
  double readyAt(Value value) const { return ready.lookup(value); }

private:
  static bool isKernel(Operation *op, Traffic &traffic) {
    return llvm::any_of(op->getResults(), [&](Value v) { return traffic.isStored(v); });
  }

  const Cluster &cluster;
  MeshAttr mesh;
  double kernels = 0;
  std::map<std::string, double> collectives;
  DenseMap<Value, double> ready;
};

class Simulator {
public:
  Simulator(PipelineSplit &split, const Cluster &cluster, MeshAttr mesh)
      : split(split), cluster(cluster), mesh(mesh), traffic(split.gradients), updateTraffic(split.update) {}

  Simulation run() {
    out.microbatches = split.microbatches;
    out.devices = mesh.getDevices();
    out.stages.resize(split.stages);
    findOncePerStep();
    passes.assign(split.schedule.pieces(), {});
    for (int64_t piece = 0; piece < split.schedule.pieces(); ++piece)
      for (Task::Phase phase : {Task::Phase::Forward, Task::Phase::Backward, Task::Phase::Weight})
        playPass(piece, phase);
    for (int64_t s = 0; s < split.stages; ++s)
      measureMemory(s);
    playSchedule();
    return std::move(out);
  }

private:
  struct Pass {
    double time = 0, busy = 0;
  };

  /// Ops that depend on parameters alone are computed once a step: casts of weights, LoRA's products.
  void findOncePerStep() {
    for (Operation &op : split.gradients.getBody().front()) {
      bool once = op.getNumOperands() > 0;
      for (Value operand : op.getOperands()) {
        auto arg = dyn_cast<BlockArgument>(operand);
        once &= arg ? bool(split.gradients.getArgAttr(arg.getArgNumber(), "llcc.param"))
                    : oncePerStep.contains(operand.getDefiningOp()) ||
                          split.assignment.constant.contains(operand.getDefiningOp());
      }
      if (once && !isCollective(&op))
        oncePerStep.insert(&op);
    }
  }

  /// Whether the pass `phase` of a microbatch on a piece of the model computes `op`.
  bool isOf(Operation *op, int64_t piece, Task::Phase phase) const {
    if (split.pieceOf(op) != piece)
      return false;
    bool backward = split.assignment.backward.contains(op);
    if (phase == Task::Phase::Forward)
      return !backward;
    return backward && (phase == Task::Phase::Weight) == split.weightOnly.contains(op);
  }

  void playPass(int64_t piece, Task::Phase phase) {
    Streams streams(cluster, mesh);
    for (Operation &op : split.gradients.getBody().front())
      if (isOf(&op, piece, phase) && !oncePerStep.contains(&op))
        streams.run(&op, traffic);
    passes[piece][int(phase)] = {streams.makespan, streams.busy};
    StageCost &cost = out.stages[split.schedule.stageOf(piece)];
    double m = double(split.microbatches);
    cost.compute += m * streams.busy;
    cost.exposed += m * (streams.makespan - streams.busy);
    cost.hidden += m * std::max(0.0, streams.busy + streams.talking - streams.makespan);
    cost.flops += m * streams.flops;
    for (auto &[axes, bytes] : streams.sent)
      cost.sent[axes] += m * bytes;
    for (auto &[op, seconds] : streams.dearest)
      cost.dearest[(phase == Task::Phase::Forward ? "forward " : "backward ") + op] += m * seconds;
  }

  /// The last pass of a step with the update behind it: how much longer that is than the pass alone.
  double playUpdate(int64_t s, Task last) {
    Streams streams(cluster, mesh);
    for (Operation &op : split.gradients.getBody().front())
      if (isOf(&op, split.schedule.pieceOf(s, last.chunk), last.phase) && !oncePerStep.contains(&op))
        streams.run(&op, traffic);
    double alone = streams.makespan, busy = streams.busy;
    // Gradients come from results of @gradients of the same name.
    llvm::StringMap<double> gradients;
    for (OpOperand &use : split.gradients.getBody().front().getTerminator()->getOpOperands())
      if (auto name = split.gradients.getResultAttrOfType<StringAttr>(use.getOperandNumber(), "llcc.gradient"))
        gradients[name.getValue()] = std::max(gradients.lookup(name.getValue()), streams.readyAt(use.get()));
    for (BlockArgument arg : split.update.getArguments())
      if (auto name = split.update.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.gradient"))
        streams.setReady(arg, gradients.lookup(name.getValue()));
    double talking = streams.talking;
    streams.sent.clear();
    for (Operation &op : split.update.getBody().front())
      if (llvm::any_of(op.getResults(), [&](Value v) { return split.wanted[s].contains(v); }))
        streams.run(&op, updateTraffic);
    StageCost &cost = out.stages[s];
    cost.update = streams.makespan - alone;
    cost.hidden += std::max(0.0, streams.talking - talking - (cost.update - (streams.busy - busy)));
    for (auto &[axes, bytes] : streams.sent)
      cost.sent[axes] += bytes;
    return cost.update;
  }

  void measureMemory(int64_t s) {
    StageCost &cost = out.stages[s];
    for (auto &[arg, owner] : split.assignment.owner)
      if (split.schedule.stageOf(owner) == s)
        cost.parameters += tensorBytes(split.gradients.getArgument(arg).getType());
    for (const StageMessage &message : split.shared) // copies of tied weights
      if (message.to == s)
        cost.parameters += tensorBytes(message.value.getType());
    for (const StageMessage &message : split.sums) // their gradients' parts
      if (message.from == s)
        cost.gradients += tensorBytes(message.value.getType());
    for (BlockArgument arg : split.update.getArguments()) {
      if (!split.originsOf(arg).test(s))
        continue;
      bool state = bool(split.update.getArgAttr(arg.getArgNumber(), "llcc.state"));
      if (state || split.update.getArgAttr(arg.getArgNumber(), "llcc.gradient"))
        (state ? cost.state : cost.gradients) += tensorBytes(arg.getType());
    }
    // Stored values by the passes that read them, and the largest live set within one pass.
    double kept = 0, once = 0, most = 0, live = 0;
    DenseMap<Value, double> open; // stored, to be freed behind the last reader of its pass
    DenseMap<Operation *, SmallVector<Value>> lastRead;
    for (Operation &op : split.gradients.getBody().front()) {
      std::optional<int64_t> piece = split.pieceOf(&op);
      if (!piece || split.schedule.stageOf(*piece) != s)
        continue;
      for (Value v : op.getResults()) {
        if (!traffic.isStored(v))
          continue;
        double bytes = tensorBytes(v.getType());
        if (oncePerStep.contains(&op)) {
          once += bytes;
          continue;
        }
        bool forward = !split.assignment.backward.contains(&op), crosses = false;
        Operation *last = nullptr;
        for (Operation *user : readersOf(v)) {
          crosses |= forward && split.assignment.backward.contains(user);
          if (!last || last->isBeforeInBlock(user))
            last = user;
        }
        if (crosses)
          kept += bytes;
        else if (last) {
          open[v] = bytes;
          lastRead[last].push_back(v);
        }
      }
    }
    for (Operation &op : split.gradients.getBody().front()) {
      for (Value v : op.getResults())
        live += open.lookup(v);
      most = std::max(most, live);
      for (Value v : lastRead.lookup(&op))
        live -= open.lookup(v);
    }
    for (const StageMessage &message : split.messages)
      if (message.to == s && message.phase == Task::Phase::Forward)
        kept += tensorBytes(message.value.getType());
    cost.activations = kept * double(split.schedule.inFlight(s)) / double(split.schedule.chunks) + once + most;
  }

  /// Ops whose kernels read `v`, seen through what they pull.
  SmallVector<Operation *> readersOf(Value v) {
    SmallVector<Operation *> readers, open(v.user_begin(), v.user_end());
    DenseSet<Operation *> seen;
    while (!open.empty()) {
      Operation *user = open.pop_back_val();
      if (!seen.insert(user).second)
        continue;
      bool stored =
          user->getNumResults() == 0 || llvm::any_of(user->getResults(), [&](Value r) { return traffic.isStored(r); });
      if (stored)
        readers.push_back(user);
      else
        for (Value r : user->getResults())
          open.append(r.user_begin(), r.user_end());
    }
    return readers;
  }

  void playSchedule() {
    int64_t stages = split.stages, pieces = split.schedule.pieces(), m = split.microbatches;
    SmallVector<double> down(pieces, 0),
        up(pieces, 0); // seconds of the messages from a piece to the next, to the previous
    for (const StageMessage &message : split.messages) {
      double bytes = tensorBytes(message.value.getType());
      (message.phase == Task::Phase::Forward ? down : up)[message.piece] += cluster.message(bytes, mesh);
      out.stages[message.from].sent["pipeline"] += double(m) * bytes;
    }
    for (const StageMessage &message : llvm::concat<StageMessage>(split.shared, split.sums)) // once a step
      out.stages[message.from].sent["pipeline"] += tensorBytes(message.value.getType());
    SmallVector<double> free(stages, 0), idle(stages, 0);
    std::vector<std::vector<double>> forward(pieces, std::vector<double>(m)), backward = forward;
    SmallVector<Task> last(stages, Task{Task::Phase::Backward, 0});
    for (int64_t slot = 0; slot < split.schedule.length(); ++slot)
      for (int64_t s = 0; s < stages; ++s) {
        const std::optional<Task> &task = split.schedule.slots[s][slot];
        if (!task)
          continue;
        double start = free[s];
        int64_t piece = split.schedule.pieceOf(s, task->chunk);
        if (task->phase == Task::Phase::Forward && piece > 0)
          start = std::max(start, forward[piece - 1][task->microbatch] + down[piece - 1]);
        if (task->phase == Task::Phase::Backward && piece + 1 < pieces)
          start = std::max(start, backward[piece + 1][task->microbatch] + up[piece + 1]);
        idle[s] += start - free[s];
        free[s] = start + passes[piece][int(task->phase)].time;
        if (task->phase != Task::Phase::Weight)
          (task->phase == Task::Phase::Forward ? forward : backward)[piece][task->microbatch] = free[s];
        last[s] = *task;
      }
    for (int64_t s = 0; s < stages; ++s) {
      free[s] += playUpdate(s, last[s]);
      out.step = std::max(out.step, free[s]);
    }
    for (int64_t s = 0; s < stages; ++s)
      out.stages[s].bubble = idle[s] + out.step - free[s];
    // Devices along other axes do the same on their blocks.
    for (Operation &op : split.gradients.getBody().front())
      if (split.assignment.needed.contains(&op) && !isRecomputed(&op))
        out.modelFlops += contractionFlops(&op) * double(m) * double(out.devices / stages);
  }

  static bool isRecomputed(Operation *op) { return op->hasAttr("llcc.recomputed"); }

  PipelineSplit &split;
  const Cluster &cluster;
  MeshAttr mesh;
  Traffic traffic, updateTraffic;
  DenseSet<Operation *> oncePerStep;
  std::vector<std::array<Pass, 3>> passes;
  Simulation out;
};

} // namespace

FailureOr<Simulation> simulateStep(ModuleOp module, const Cluster &cluster, StringRef schedule, int64_t chunks) {
  FailureOr<MeshAttr> mesh = getMesh(module);
  if (failed(mesh))
    return failure();
  FailureOr<PipelineSplit> split = readPipelineSplit(module, schedule, chunks);
  if (failed(split))
    return failure();
  return Simulator(*split, cluster, *mesh).run();
}

} // namespace mlir::llcc
