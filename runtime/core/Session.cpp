// Devices, memory, weights and state of one training or serving run.
#include "runtime/core/Session.h"
#include "runtime/collectives/local/LocalNetwork.h"
#include "runtime/core/Batch.h"
#include "runtime/core/Fault.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Half.h"
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sched.h>

namespace llcc::rt {
namespace {

int machineThreads() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// The smallest device whose program has a capture of `kind`, and how many it has.
std::pair<uint32_t, size_t> capturer(const Plan &plan, int64_t kind) {
  int axis = pipelineAxis(plan);
  for (uint32_t d = 0; d < plan.devices(); ++d) {
    const Program *program = plan.stepProgram(axis < 0 ? 0 : plan.coordinates(d)[static_cast<size_t>(axis)]);
    size_t count = 0;
    if (program)
      for (const Instr &instr : program->instrs)
        count += instr.op == Op::Capture && instr.ints[0] == kind;
    if (count > 0)
      return {d, count};
  }
  return {UINT32_MAX, 0};
}

std::chrono::milliseconds timeoutOf(const llcc_rt_options &options) {
  return std::chrono::milliseconds(options.timeout_ms ? options.timeout_ms : 60000);
}

[[noreturn]] void tooLarge(uint64_t need, uint64_t limit, const char *what) {
  throw Error{Config, std::string(what) + " needs " + std::to_string(need) + " bytes a device, the limit is " +
                          std::to_string(limit) +
                          "; compile with more --microbatches, a smaller --dim batch, or more --devices"};
}

} // namespace

Session::Session(std::shared_ptr<const Module> owner, const llcc_rt_options &options, World *world)
    : owner(owner), module(*owner), world(world), watch(module.plan.devices(), timeoutOf(options)),
      gate(watch, capturer(module.plan, 0).second, capturer(module.plan, 0).first),
      threads(options.threads ? static_cast<int>(options.threads) : machineThreads()),
      memoryLimit(options.memory_limit) {
  const Plan &plan = module.plan;
  if (!module.onCpu())
    findGpus();
  uint32_t devices = module.trains() ? plan.devices() : 1;
  if (world)
    joinWorld();
  else if (!gpus)
    network = std::make_unique<LocalNetwork>(plan, watch);
  threadsPerDevice = std::max(1, threads / static_cast<int>(world ? world->neighbours() : devices));
  lossDevice = capturer(plan, 0).first;
  normDevice = capturer(plan, 2).first;
  gated = !gpus && gate.expectsLoss() && gateIsSafe(plan); // a GPU's step is never held up by the host
  if (memoryLimit && module.memory() > memoryLimit)
    tooLarge(module.memory(), memoryLimit, module.trains() ? "training" : "inference");
  host.gradients.assign(plan.variables.size(), nullptr);
  places.resize(plan.stages(), std::vector<int64_t>(plan.variables.size(), -1));
  for (uint32_t stage = 0; stage < plan.stages(); ++stage)
    if (const Program *program = plan.stepProgram(stage))
      for (size_t b = 0; b < program->buffers.size(); ++b) {
        const Buffer &buffer = program->buffers[b];
        if (buffer.viewOf < 0 && (buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State))
          places[stage][buffer.index] = static_cast<int64_t>(b);
      }
  int axis = pipelineAxis(plan);
  seats.resize(devices);
  for (uint32_t d = 0; d < devices; ++d) {
    seats[d].coords = plan.coordinates(d);
    seats[d].program = plan.stepProgram(axis < 0 ? 0 : seats[d].coords[static_cast<size_t>(axis)]);
  }
  for (uint32_t d = 0; d < devices; ++d)
    workers.push_back(isHere(d) ? std::make_unique<Worker>(d, watch) : nullptr);
  onDevices(devices, [this](uint32_t d) { bind(d); });
  loadWeights();
}

void Session::onDevices(uint32_t count, const std::function<void(uint32_t)> &job) {
  if (lost)
    throw Error{Unavailable, unsound};
  if (gpus)
    gpus->enter(static_cast<uint32_t>(std::count_if(workers.begin(), workers.begin() + count,
                                                    [](const std::unique_ptr<Worker> &worker) { return !!worker; })));
  for (uint32_t d = 0; d < count; ++d)
    if (workers[d])
      workers[d]->start([this, job, d, gpus = gpus.get()] { // a copy: a lost thread outlives this call
        struct Leave {
          GpuSystem *gpus;
          ~Leave() {
            if (gpus)
              gpus->leave();
          }
        } leave{gpus};
        try {
          job(d);
        } catch (const Error &failure) {
          watch.raise(failure); // before others see that this one is gone
          throw;
        }
      });
  for (uint32_t d = 0; d < count; ++d)
    if (workers[d] && !workers[d]->wait(watch.timeout)) {
      lost = true;
      unsound = watch.failure().text + "; " + watch.where(d) + ", does not come back, the session is over";
      throw Error{Unavailable, unsound};
    }
  if (!watch.aborted())
    return;
  Error failure = watch.failure();
  watch.reset();
  if (network)
    network->reset();
  throw failure;
}

void Session::bind(uint32_t device) {
  Seat &seat = seats[device];
  setThreads(threadsPerDevice);
  if (!seat.program)
    return;
  Place place{module.plan, device, seat.coords, host, &gate, device == lossDevice, device == normDevice, gated, watch};
  if (gpus) {
    seat.bound = bindToGpu(seat, place, invitation);
    return;
  }
  seat.communicator = network->join(device);
  seat.bound = bindToCpu(*seat.program, place, seat.communicator.get(), threadsPerDevice, module.code.kernels());
}

static void fillInitial(const Shape &shape, double value, std::vector<char> &bytes) {
  bytes.assign(shape.bytes(), 0);
  uint64_t count = shape.elements();
  if (shape.type == DType::F64)
    std::fill_n(reinterpret_cast<double *>(bytes.data()), count, value);
  else if (shape.type == DType::F32)
    std::fill_n(reinterpret_cast<float *>(bytes.data()), count, static_cast<float>(value));
  else
    throw Error{Data, std::string("optimizer state of type ") + nameOf(shape.type) + " cannot begin with " +
                          std::to_string(value)};
}

void Session::loadWeights() {
  const Plan &plan = module.plan;
  loose.resize(plan.variables.size());
  std::vector<char> initial;
  for (size_t v = 0; v < plan.variables.size(); ++v) {
    const Variable &variable = plan.variables[v];
    if (std::all_of(places.begin(), places.end(), [&](const std::vector<int64_t> &stage) { return stage[v] < 0; }))
      loose[v].resize(variable.shape.bytes());
    const char *bytes = module.initialBytes(variable);
    if (bytes && variable.stored != variable.shape.type) {
      initial.resize(variable.shape.bytes());
      widen(variable.stored, bytes, reinterpret_cast<float *>(initial.data()), variable.shape.elements());
      setHere(v, initial.data());
    } else if (bytes) {
      setHere(v, bytes);
      module.artifact.release({bytes, variable.shape.bytes()});
    } else if (variable.init != 0) { // arenas and `loose` begin as zeros
      fillInitial(variable.shape, variable.init, initial);
      setHere(v, initial.data());
    }
  }
}

Session::Piece Session::pieceAt(const Seat &seat, size_t index, bool read) const {
  Piece piece;
  if (!seat.program || !seat.bound)
    return piece;
  int64_t b = places[seat.program->stage][index];
  if (b < 0)
    return piece;
  const Buffer &buffer = seat.program->buffers[static_cast<size_t>(b)];
  piece.offset = buffer.offset;
  piece.bytes = buffer.shape.bytes();
  piece.data = seat.bound->mapped(piece.offset);
  if (!piece.data) {
    piece.room.resize(std::max<uint64_t>(piece.bytes, 1));
    piece.data = piece.room.data();
    if (read)
      seat.bound->read(piece.offset, piece.data, piece.bytes);
  }
  return piece;
}

void Session::put(const Seat &seat, const Piece &piece) const {
  if (!piece.room.empty())
    seat.bound->write(piece.offset, piece.data, piece.bytes);
}

void Session::get(size_t index, char *data) const {
  const Variable &variable = module.plan.variables[index];
  if (world)
    return getFromWorld(index, data);
  if (!loose[index].empty())
    std::memcpy(data, loose[index].data(), loose[index].size());
  int axis = pipelineAxis(module.plan);
  // Of a frozen variable that several stages hold, the last one read wins; all are equal.
  for (const Seat &seat : seats)
    if (isFirstHolder(variable.sharding, seat.coords, axis))
      if (Piece piece = pieceAt(seat, index, true); piece.data)
        gatherPiece(variable.shape, pieceOf(variable.shape, variable.sharding, module.plan.sizes, seat.coords),
                    piece.data, data);
}

void Session::set(size_t index, const char *data) {
  if (world)
    setInWorld(index, data);
  else
    setHere(index, data);
}

void Session::setHere(size_t index, const char *data) {
  const Variable &variable = module.plan.variables[index];
  if (!loose[index].empty())
    std::memcpy(loose[index].data(), data, loose[index].size());
  for (const Seat &seat : seats)
    if (Piece piece = pieceAt(seat, index, false); piece.data) {
      scatterPiece(variable.shape, pieceOf(variable.shape, variable.sharding, module.plan.sizes, seat.coords), data,
                   piece.data);
      put(seat, piece);
    }
  ++weightsVersion;
}

void Session::checkSound() const {
  if (!unsound.empty())
    throw Error{Unavailable, unsound};
}

void Session::train(const llcc_rt_tensor *inputs, size_t count, double lr, llcc_rt_step_result &result,
                    llcc_rt_tensor *gradients, size_t gradientCount) {
  checkSound();
  const Plan &plan = module.plan;
  if (!module.trains())
    throw Error{Usage, module.path + ": has no training program; compile with --loss and --optimizer"};
  host.inputs = takeBatch(plan, inputs, count, plan.batch, true, world ? &fed : nullptr);
  host.learningRate = static_cast<float>(lr);
  host.step = static_cast<double>(step + 1);
  host.gradNorm = std::numeric_limits<double>::quiet_NaN();
  std::fill(host.gradients.begin(), host.gradients.end(), nullptr);
  for (size_t g = 0; g < gradientCount; ++g) {
    std::string name = gradients[g].name ? gradients[g].name : "";
    size_t index = module.variable(name);
    const Variable &variable = plan.variables[index];
    bool captured = false;
    for (const Program &program : plan.programs)
      for (const Instr &instr : program.instrs)
        captured |= instr.op == Op::Capture && instr.ints[0] == 1 && instr.name == name;
    if (!captured)
      throw Error{Usage, "parameter \"" + name + "\" has no gradient in this plan"};
    if (gradients[g].bytes != variable.shape.bytes() || !gradients[g].data)
      throw Error{Usage, "gradient of \"" + name + "\" needs " + std::to_string(variable.shape.bytes()) +
                             " bytes, it is given " + std::to_string(gradients[g].bytes)};
    host.gradients[index] = static_cast<char *>(gradients[g].data);
  }
  gate.begin(step + 1);
  announceStep();
  for (uint32_t d = 0; d < seats.size(); ++d)
    watch.begin(d, seats[d].program);
  try {
    onDevices(static_cast<uint32_t>(seats.size()), [this](uint32_t d) {
      injectFault(d, step + 1);
      if (!timelines.empty())
        timelines[d].startStep(step + 1);
      seats[d].bound->run(timelines.empty() ? nullptr : &timelines[d]);
    });
  } catch (const Error &failure) {
    // The gate lets no device change weights when it is what failed; any other failure may have come in the middle.
    // In a world messages of the broken step are still on their way.
    bool atGate = failure.code == Data && !world;
    if (!atGate && unsound.empty())
      unsound = failure.text + "; weights may be half updated, make a new session from the last checkpoint";
    throw;
  }
  ++weightsVersion;
  if (world)
    finishStep();
  if (gate.expectsLoss() && !std::isfinite(gate.loss()))
    throw Error{Data, nonFiniteLoss(step + 1, gate.loss()) +
                          ", this plan updates weights before the loss is known, so go back to the last checkpoint"};
  ++step;
  result.step = step;
  result.loss = gate.expectsLoss() ? gate.loss() : std::numeric_limits<double>::quiet_NaN();
  result.grad_norm = host.gradNorm;
  result.stop = stop;
}

void Session::beginTrace() {
  timelines.clear();
  for (const Seat &seat : seats)
    timelines.emplace_back(seat.program);
  traceOrigin = Timeline::Clock::now();
}

void Session::saveTrace(const std::string &path) {
  if (timelines.empty())
    throw Error{Usage, "there is no trace to save: llcc_rt_trace_begin was not called"};
  if (world)
    collectTrace();
  if (!isRoot())
    return;
  std::vector<std::string> names;
  for (uint32_t d = 0; d < seats.size(); ++d)
    names.push_back(world ? world->name(d) : "device " + std::to_string(d));
  overlap = overlapOf(timelines);
  writeTrace(path, timelines, names, traceOrigin);
}

uint64_t Session::libraryBytes() const {
  uint64_t bytes = inference.bound ? inference.bound->libraryBytes() : 0;
  for (const Seat &seat : seats)
    bytes += seat.bound ? seat.bound->libraryBytes() : 0;
  return bytes;
}

} // namespace llcc::rt
