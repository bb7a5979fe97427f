// Runs functions on devices: frames, lockstep, messages between stages.
#include "compiler/interpreter/Interpreter.h"
#include "compiler/interpreter/Collectives.h"
#include "compiler/interpreter/Evaluate.h"
#include "compiler/interpreter/Pieces.h"
#include "compiler/ir/Ring.h"
#include "llvm/ADT/SetVector.h"
#include <deque>
#include <map>

namespace mlir::llcc {

static constexpr StringLiteral kPipeline = "pipeline";
// Deeper calls are recursion, which no step has.
static constexpr size_t kMaxDepth = 64;
static constexpr int64_t kMaxElements = 1 << 28;

// Numbers of up to 64 bits in a static shape that fits a test machine.
static bool isHeld(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  Type element = getElementTypeOrSelf(type);
  if (!element.isIntOrIndexOrFloat() || (!element.isIndex() && element.getIntOrFloatBitWidth() > 64))
    return false;
  if (!tensor)
    return !isa<ShapedType>(type);
  int64_t n = 1;
  for (int64_t size : tensor.getShape())
    if (size < 0 || (n = size > kMaxElements ? kMaxElements + 1 : n * size) > kMaxElements)
      return false;
  return true;
}

namespace {
struct Message {
  int64_t tag;
  Tensor value;
  Operation *sender;
};
/// First-in first-out between two devices: (from, to).
using Channels = std::map<std::pair<int64_t, int64_t>, std::deque<Message>>;

/// One function in execution on all its devices; a coroutine that stops at a receive whose message has not come.
class Execution {
public:
  enum class State { Ran, Waits, Done, Failed };
  Execution(const Launch &launch, MeshAttr mesh, const RunOptions &options, Channels &channels);
  LogicalResult start();
  State step();
  Operation *waitingAt() const { return &*frames.back().next; }
  bool isDone() const { return frames.empty(); }
  std::vector<Outcome> outcomes;

private:
  struct Frame {
    Block::iterator next;
    llvm::DenseMap<Value, std::vector<Tensor>> values; // one tensor for each device
  };
  static State refuse(Operation *at, Type type) {
    at->emitError() << "the interpreter cannot hold " << type
                    << ", needs a number or static tensor of numbers of at most 64 bits and " << kMaxElements
                    << " elements";
    return State::Failed;
  }
  State enter(func::FuncOp function, std::vector<std::vector<Tensor>> arguments, Operation *at);
  State leave(func::ReturnOp op);
  LogicalResult send(SendOp op);
  State receive(RecvOp op);
  LogicalResult evaluate(Operation *op, std::vector<Results> &results);
  LogicalResult evaluateGroups(Operation *op, std::vector<Results> &results, bool &known);
  std::vector<SmallVector<const Tensor *>> operandsOf(Operation *op);
  void bind(Operation *op, std::vector<Results> results);

  Launch launch;
  MeshAttr mesh;
  const RunOptions &options;
  Channels &channels;
  std::vector<Frame> frames;
  llvm::DenseSet<Operation *> needed; // with onlyFirstResult
};
} // namespace

Execution::Execution(const Launch &launch, MeshAttr mesh, const RunOptions &options, Channels &channels)
    : launch(launch), mesh(mesh), options(options), channels(channels) {
  outcomes.resize(launch.devices.size());
}

LogicalResult Execution::start() {
  if (enter(launch.function, launch.arguments, launch.function) == State::Failed)
    return failure();
  auto ret = dyn_cast<func::ReturnOp>(launch.function.getBody().front().back());
  if (!options.onlyFirstResult || !ret || ret.getNumOperands() == 0)
    return success();
  llvm::SetVector<Operation *> work;
  auto add = [&](Value value) {
    if (Operation *op = value.getDefiningOp())
      work.insert(op);
  };
  add(ret.getOperand(0));
  for (size_t i = 0; i < work.size(); ++i)
    for (Value operand : work[i]->getOperands())
      add(operand);
  needed.insert(work.begin(), work.end());
  needed.insert(ret);
  return success();
}

Execution::State Execution::enter(func::FuncOp function, std::vector<std::vector<Tensor>> arguments, Operation *at) {
  if (!function || function.isExternal() || !function.getBody().hasOneBlock())
    return at->emitError("the interpreter needs the called function with a body of one block"), State::Failed;
  if (frames.size() >= kMaxDepth)
    return at->emitError() << "calls are " << kMaxDepth << " deep, which is recursion", State::Failed;
  Block &block = function.getBody().front();
  Frame frame;
  frame.next = block.begin();
  for (auto [i, argument] : llvm::enumerate(block.getArguments())) {
    if (!isHeld(argument.getType()))
      return refuse(function, argument.getType());
    Tensor like(argument.getType());
    std::vector<Tensor> &values = frame.values[argument];
    for (std::vector<Tensor> &own : arguments) {
      if (i >= own.size() || own[i].shape != like.shape || own[i].isFloat() != like.isFloat())
        return function.emitError() << "argument " << i << " needs a value of type " << argument.getType(),
               State::Failed;
      own[i].element = like.element;
      if (!options.exact)
        own[i].round();
      values.push_back(std::move(own[i]));
    }
  }
  frames.push_back(std::move(frame));
  return State::Ran;
}

std::vector<SmallVector<const Tensor *>> Execution::operandsOf(Operation *op) {
  std::vector<SmallVector<const Tensor *>> xs(launch.devices.size());
  for (Value operand : op->getOperands()) {
    const std::vector<Tensor> &values = frames.back().values[operand];
    for (size_t i = 0; i < xs.size(); ++i)
      xs[i].push_back(&values[i]);
  }
  return xs;
}

void Execution::bind(Operation *op, std::vector<Results> results) {
  for (OpResult result : op->getResults()) {
    std::vector<Tensor> &values = frames.back().values[result];
    values.clear();
    for (Results &own : results) {
      if (!options.exact)
        own[result.getResultNumber()].round();
      values.push_back(std::move(own[result.getResultNumber()]));
    }
  }
}

Execution::State Execution::leave(func::ReturnOp op) {
  std::vector<Results> results(launch.devices.size());
  if (frames.size() == 1 && options.onlyFirstResult) {
    for (auto [i, operand] : llvm::enumerate(op.getOperands()))
      for (size_t device = 0; device < results.size(); ++device)
        results[device].push_back(i == 0 ? frames.back().values[operand][device] : Tensor(operand.getType()));
  } else {
    std::vector<SmallVector<const Tensor *>> xs = operandsOf(op);
    for (size_t i = 0; i < xs.size(); ++i)
      for (const Tensor *x : xs[i])
        results[i].push_back(*x);
  }
  frames.pop_back();
  if (!frames.empty()) {
    bind(&*frames.back().next, std::move(results));
    ++frames.back().next;
    return State::Ran;
  }
  for (size_t i = 0; i < results.size(); ++i)
    outcomes[i].results.assign(results[i].begin(), results[i].end());
  return State::Done;
}

LogicalResult Execution::send(SendOp op) {
  std::vector<SmallVector<const Tensor *>> xs = operandsOf(op);
  int64_t to = op.getTo();
  if (to < 0 || to >= mesh.getSize(kPipeline))
    return op.emitError() << "sends to stage " << to << ", the mesh has " << mesh.getSize(kPipeline)
                          << " pipeline stages";
  for (auto [i, device] : llvm::enumerate(launch.devices))
    channels[{device, deviceAt(mesh, device, kPipeline, to)}].push_back({int64_t(op.getTag()), *xs[i][0], op});
  return success();
}

Execution::State Execution::receive(RecvOp op) {
  int64_t from = op.getFrom();
  if (from < 0 || from >= mesh.getSize(kPipeline))
    return op.emitError() << "receives from stage " << from << ", the mesh has " << mesh.getSize(kPipeline)
                          << " pipeline stages",
           State::Failed;
  Tensor like(op.getType());
  for (int64_t device : launch.devices) {
    auto &queue = channels[{deviceAt(mesh, device, kPipeline, from), device}];
    if (queue.empty())
      return State::Waits;
    const Message &message = queue.front();
    if (message.tag != int64_t(op.getTag()) || message.value.shape != like.shape ||
        message.value.element != like.element) {
      InFlightDiagnostic error = op.emitError()
                                 << "receives " << op.getType() << " with tag " << op.getTag() << " from stage " << from
                                 << ", the next message from there is another one";
      error.attachNote(message.sender->getLoc())
          << "sent here with tag " << message.tag << ", type " << message.sender->getOperand(0).getType();
      return State::Failed;
    }
  }
  std::vector<Results> results;
  for (int64_t device : launch.devices) {
    auto &queue = channels[{deviceAt(mesh, device, kPipeline, from), device}];
    results.emplace_back().push_back(std::move(queue.front().value));
    queue.pop_front();
  }
  bind(op, std::move(results));
  ++frames.back().next;
  return State::Ran;
}

// Collectives: cuts the devices into groups and combines each.
LogicalResult Execution::evaluateGroups(Operation *op, std::vector<Results> &results, bool &known) {
  if (!isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp>(op))
    return known = false, success();
  known = true;
  SmallVector<StringAttr> axes = axesOf(op);
  std::vector<SmallVector<const Tensor *>> xs = operandsOf(op);
  SmallVector<bool> done(launch.devices.size(), false);
  for (auto [first, device] : llvm::enumerate(launch.devices)) {
    if (done[first])
      continue;
    SmallVector<int64_t> positions; // of the group's members in launch.devices, in member order
    SmallVector<int64_t> sizes;
    for (StringAttr axis : axes)
      sizes.push_back(mesh.getSize(axis.getValue()));
    bool complete = true;
    forEachIndex(sizes, [&, device = device](ArrayRef<int64_t> coords) {
      int64_t member = device;
      for (auto [axis, c] : llvm::zip(axes, coords))
        member = deviceAt(mesh, member, axis.getValue(), c);
      const int64_t *at = llvm::find(launch.devices, member);
      complete &= at != launch.devices.end();
      positions.push_back(at - launch.devices.begin());
    });
    if (!complete)
      return op->emitError(
          "collective over devices that do not run this function; pass --devices, and leave the axis 'pipeline' out");
    std::vector<SmallVector<const Tensor *>> group;
    for (int64_t position : positions)
      group.push_back(xs[position]);
    std::vector<Results> out(positions.size());
    if (failed(*evaluateCollective(op, group, options, out)))
      return failure();
    for (auto [member, position] : llvm::enumerate(positions)) {
      results[position] = std::move(out[member]);
      done[position] = true;
    }
  }
  return success();
}

LogicalResult Execution::evaluate(Operation *op, std::vector<Results> &results) {
  bool known = false;
  // On placed types the values are logical: moving them between devices changes nothing.
  bool logical = isa<ReshardOp>(op) ||
                 (isPlaced(op) && isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, AxisSliceOp, MaskOp>(op));
  if (!logical && failed(evaluateGroups(op, results, known)))
    return failure();
  if (known)
    return success();
  std::vector<SmallVector<const Tensor *>> xs = operandsOf(op);
  for (auto [i, device] : llvm::enumerate(launch.devices)) {
    if (logical) {
      for (const Tensor *x : xs[i])
        results[i].push_back(*x);
      continue;
    }
    Evaluated done = evaluateElementwise(op, xs[i], results[i]);
    done = done ? done : evaluateShape(op, xs[i], results[i]);
    done = done ? done : evaluateIndexing(op, xs[i], results[i]);
    done = done ? done : evaluateWindow(op, xs[i], results[i]);
    done = done ? done : evaluateWhole(op, xs[i], results[i]);
    done = done ? done : evaluateRecurrence(op, xs[i], results[i]);
    done = done ? done : evaluateMember(op, xs[i], mesh, device, results[i]);
    if (!done)
      return op->emitError() << "op '" << op->getName() << "' is not known to the interpreter";
    if (failed(*done))
      return failure();
  }
  return success();
}

Execution::State Execution::step() {
  if (frames.empty())
    return State::Done;
  Operation *op = &*frames.back().next;
  if (!needed.empty() && frames.size() == 1 && !needed.contains(op)) {
    ++frames.back().next;
    return State::Ran;
  }
  for (Type type : op->getResultTypes())
    if (!isHeld(type))
      return refuse(op, type);
  if (auto ret = dyn_cast<func::ReturnOp>(op))
    return leave(ret);
  if (auto recv = dyn_cast<RecvOp>(op))
    return receive(recv);
  if (auto call = dyn_cast<func::CallOp>(op)) {
    std::vector<std::vector<Tensor>> arguments;
    for (const SmallVector<const Tensor *> &xs : operandsOf(op)) {
      arguments.emplace_back();
      for (const Tensor *x : xs)
        arguments.back().push_back(*x);
    }
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr());
    return enter(callee, std::move(arguments), op);
  }
  if (auto send = dyn_cast<SendOp>(op)) {
    if (failed(this->send(send)))
      return State::Failed;
  } else if (auto capture = dyn_cast<CaptureOp>(op)) {
    std::vector<SmallVector<const Tensor *>> xs = operandsOf(op);
    for (size_t i = 0; i < xs.size(); ++i)
      outcomes[i].captures.push_back({capture.getKind().str(), capture.getName().str(), *xs[i][0],
                                      capture->getAttrOfType<ShardingAttr>("llcc.placement")});
  } else {
    std::vector<Results> results(launch.devices.size());
    if (failed(evaluate(op, results)))
      return State::Failed;
    bind(op, std::move(results));
  }
  ++frames.back().next;
  return State::Ran;
}

static LogicalResult reportDeadlock(ArrayRef<std::unique_ptr<Execution>> executions) {
  std::optional<InFlightDiagnostic> error;
  for (const std::unique_ptr<Execution> &execution : executions) {
    if (execution->isDone())
      continue;
    auto op = cast<RecvOp>(execution->waitingAt());
    StringRef name = op->getParentOfType<func::FuncOp>().getSymName();
    if (!error)
      error.emplace(op.emitError()) << "deadlock: @" << name << " waits here for tag " << op.getTag() << " from stage "
                                    << op.getFrom();
    else
      error->attachNote(op.getLoc()) << "@" << name << " waits here for tag " << op.getTag() << " from stage "
                                     << op.getFrom();
  }
  return failure();
}

FailureOr<std::vector<std::vector<Outcome>>> runAll(ArrayRef<Launch> launches, MeshAttr mesh,
                                                    const RunOptions &options) {
  Channels channels;
  std::vector<std::unique_ptr<Execution>> executions;
  for (const Launch &launch : launches) {
    executions.push_back(std::make_unique<Execution>(launch, mesh, options, channels));
    if (failed(executions.back()->start()))
      return failure();
  }
  bool moved = true, done = false;
  while (moved && !done) {
    moved = false, done = true;
    for (std::unique_ptr<Execution> &execution : executions) {
      while (!execution->isDone()) {
        Execution::State state = execution->step();
        if (state == Execution::State::Failed)
          return failure();
        if (state == Execution::State::Waits)
          break;
        moved = true;
      }
      done &= execution->isDone();
    }
  }
  if (!done)
    return reportDeadlock(executions);
  for (auto &[channel, queue] : channels)
    if (!queue.empty())
      return queue.front().sender->emitError() << "message with tag " << queue.front().tag << " from device "
                                               << channel.first << " is never received by device " << channel.second;
  std::vector<std::vector<Outcome>> outcomes;
  for (std::unique_ptr<Execution> &execution : executions)
    outcomes.push_back(std::move(execution->outcomes));
  return outcomes;
}

FailureOr<std::vector<Launch>> launchOn(func::FuncOp function, MeshAttr mesh) {
  Launch launch{function, {}, {}};
  for (int64_t device = 0; device < mesh.getDevices(); ++device)
    launch.devices.push_back(device);
  launch.arguments.resize(launch.devices.size());
  return std::vector<Launch>{std::move(launch)};
}

FailureOr<std::vector<Launch>> launchStages(ModuleOp module, StringRef prefix, MeshAttr mesh) {
  std::vector<Launch> launches;
  while (auto function = module.lookupSymbol<func::FuncOp>((prefix + Twine(launches.size())).str())) {
    Launch launch{function, {}, {}};
    for (int64_t device = 0; device < mesh.getDevices(); ++device)
      if (coordinateOf(mesh, device, kPipeline) == int64_t(launches.size()))
        launch.devices.push_back(device);
    launch.arguments.resize(launch.devices.size());
    launches.push_back(std::move(launch));
  }
  if (int64_t(launches.size()) != mesh.getSize(kPipeline))
    return module.emitError() << "module has " << launches.size() << " functions @" << prefix << "0, …; the mesh has "
                              << mesh.getSize(kPipeline) << " pipeline stages";
  return launches;
}

FailureOr<Outcome> runOne(func::FuncOp function, std::vector<Tensor> arguments, const RunOptions &options) {
  auto mesh = function->getParentOfType<ModuleOp>()->getAttrOfType<MeshAttr>("llcc.mesh");
  if (!mesh) {
    function.getContext()->getOrLoadDialect<LlccDialect>(); // a module of arith alone has not loaded it
    mesh = MeshAttr::get(function.getContext(), {}, {});
  }
  std::vector<std::vector<Tensor>> one;
  one.push_back(std::move(arguments));
  Launch launch{function, {0}, std::move(one)};
  FailureOr<std::vector<std::vector<Outcome>>> outcomes = runAll(launch, mesh, options);
  if (failed(outcomes))
    return failure();
  return std::move((*outcomes)[0][0]);
}

} // namespace mlir::llcc
