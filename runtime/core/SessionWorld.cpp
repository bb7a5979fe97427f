// A session whose devices are processes: what ranks tell each other beside what the plan says.
//
// Whole arrays pass through rank 0, which alone reads and writes files: each rank gives the pieces that it is the first
// to hold. Order is the same on all ranks because all call the session alike.
#include "runtime/collectives/tcp/ProcessNetwork.h"
#include "runtime/core/Session.h"
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <cmath>
#include <cstring>
#include <sched.h>
#include <unistd.h>

namespace llcc::rt {

void Session::joinWorld() {
  const Plan &plan = module.plan;
  uint32_t devices = plan.devices(), ranks = world->size();
  if (!module.trains())
    throw Error{Usage, module.path + ": has no training program, and inference runs in one process; start it alone"};
  if (devices != ranks)
    throw Error{Usage, module.path + " is compiled for " + std::to_string(devices) + " device" +
                           (devices == 1 ? "" : "s") + " and " + std::to_string(ranks) +
                           " processes were started; start " + std::to_string(devices) +
                           " (one a device), or compile with --devices=" + std::to_string(ranks)};
  if (!gpus)
    network = std::make_unique<ProcessNetwork>(plan, *world);
  fed = fedInputs(plan, world->rank());
  uint32_t self = world->rank();
  if (gate.expectsLoss())
    gate.join(
        [this, self](double loss) {
          for (uint32_t r = 0; r < world->size(); ++r)
            if (r != self)
              world->send(r, kLoss, &loss, sizeof loss);
        },
        self == gate.from() ? std::function<double()>() : [this] {
          double loss = 0;
          world->receive(gate.from(), kLoss, &loss, sizeof loss);
          return loss;
        });
  world->observe([this, self] { return static_cast<uint32_t>(watch.progressOf(self)); },
                 [this](uint32_t rank, uint32_t instr) {
                   int axis = pipelineAxis(module.plan);
                   const Program *program =
                       module.plan.stepProgram(axis < 0 ? 0 : module.plan.coordinates(rank)[static_cast<size_t>(axis)]);
                   return program && instr < program->instrs.size() ? nameOf(program->instrs[instr], instr)
                                                                    : "instruction " + std::to_string(instr);
                 });
  world->onFailure([this](const Error &failure) { watch.raise(failure); });
}

Session::~Session() {
  workers.clear();
  if (!world)
    return;
  world->onFailure({});
  world->observe({}, {});
}

/// Rank 0 says before each step whether it is the last one; the others hear it after theirs, so nobody waits for it.
void Session::announceStep() {
  if (!world)
    return;
  world->working(step + 1, true);
  if (world->rank() != 0)
    return;
  stop = world->stopRequested();
  for (uint32_t r = 1; r < world->size(); ++r)
    world->send(r, kOrders, &stop, sizeof stop);
}

void Session::finishStep() {
  gate.finish();
  world->working(step + 1, false);
  if (gate.expectsLoss() && !std::isfinite(gate.loss()))
    return; // the caller throws, on every rank
  if (world->rank() != 0)
    world->receive(0, kOrders, &stop, sizeof stop);
  if (normDevice != UINT32_MAX && normDevice != 0) { // only rank 0 prints
    if (world->rank() == normDevice)
      world->send(0, kNorm, &host.gradNorm, sizeof host.gradNorm);
    else if (world->rank() == 0)
      world->receive(normDevice, kNorm, &host.gradNorm, sizeof host.gradNorm);
  }
  collectGradients();
}

/// The part of a row-major array under a piece, without padding.
static std::vector<char> cutOut(const Shape &shape, const std::vector<Cut> &piece, const char *whole) {
  std::vector<int64_t> from, extent, zero(piece.size(), 0);
  Shape part{shape.type, {}};
  for (const Cut &cut : piece) {
    from.push_back(cut.valid > 0 ? cut.start : 0);
    part.dims.push_back(cut.valid);
  }
  std::vector<char> bytes(part.bytes());
  copyBox(whole, shape.dims, from, bytes.data(), part.dims, zero, part.dims, sizeOf(shape.type));
  return bytes;
}

static void putIn(const Shape &shape, const std::vector<Cut> &piece, const char *part, char *whole) {
  std::vector<int64_t> to, dims, zero(piece.size(), 0);
  for (const Cut &cut : piece) {
    to.push_back(cut.valid > 0 ? cut.start : 0);
    dims.push_back(cut.valid);
  }
  copyBox(part, dims, zero, whole, shape.dims, to, dims, sizeOf(shape.type));
}

void Session::collectGradients() {
  const Plan &plan = module.plan;
  int axis = pipelineAxis(plan);
  for (size_t v = 0; v < plan.variables.size(); ++v) {
    if (!host.gradients[v])
      continue;
    const Variable &variable = plan.variables[v];
    for (uint32_t d = 1; d < seats.size(); ++d) {
      if (!seats[d].program || (world->rank() != 0 && world->rank() != d))
        continue;
      for (const Instr &instr : seats[d].program->instrs) {
        if (instr.op != Op::Capture || instr.ints[0] != 1 || instr.name != variable.name)
          continue;
        const Sharding sharding = *gradientSharding(plan, variable, instr);
        if (!isFirstHolder(sharding, seats[d].coords, axis))
          continue;
        std::vector<Cut> piece = pieceOf(variable.shape, sharding, plan.sizes, seats[d].coords);
        if (world->rank() == d) {
          std::vector<char> bytes = cutOut(variable.shape, piece, host.gradients[v]);
          world->send(0, kGradients, bytes.data(), bytes.size());
        } else {
          std::vector<char> bytes = world->take(d, kGradients, World::kAny);
          putIn(variable.shape, piece, bytes.data(), host.gradients[v]);
        }
      }
    }
  }
}

void Session::getFromWorld(size_t index, char *data) const {
  const Variable &variable = module.plan.variables[index];
  int axis = pipelineAxis(module.plan);
  if (world->rank() == 0 && !loose[index].empty())
    std::memcpy(data, loose[index].data(), loose[index].size());
  for (uint32_t d = 0; d < seats.size(); ++d) {
    const Seat &seat = seats[d];
    if (!seat.program || places[seat.program->stage][index] < 0 || !isFirstHolder(variable.sharding, seat.coords, axis))
      continue;
    std::vector<Cut> piece = pieceOf(variable.shape, variable.sharding, module.plan.sizes, seat.coords);
    Shape local = localShape(variable.shape, variable.sharding, module.plan.sizes);
    if (world->rank() == d && d == 0) {
      gatherPiece(variable.shape, piece, pieceAt(seat, index, true).data, data);
    } else if (world->rank() == d) {
      world->send(0, kState, pieceAt(seat, index, true).data, local.bytes());
    } else if (world->rank() == 0) {
      std::vector<char> bytes = world->take(d, kState, local.bytes());
      gatherPiece(variable.shape, piece, bytes.data(), data);
      world->recycle(std::move(bytes));
    }
  }
}

void Session::setInWorld(size_t index, const char *data) {
  const Variable &variable = module.plan.variables[index];
  Shape local = localShape(variable.shape, variable.sharding, module.plan.sizes);
  if (world->rank() == 0) {
    for (uint32_t d = 1; d < seats.size(); ++d) {
      if (!seats[d].program || places[seats[d].program->stage][index] < 0)
        continue;
      std::vector<char> bytes(local.bytes());
      scatterPiece(variable.shape, pieceOf(variable.shape, variable.sharding, module.plan.sizes, seats[d].coords), data,
                   bytes.data());
      world->send(d, kState, bytes.data(), bytes.size());
    }
    return setHere(index, data);
  }
  const Seat &seat = seats[world->rank()];
  if (Piece piece = pieceAt(seat, index, false); piece.data) {
    world->receive(0, kState, piece.data, local.bytes());
    put(seat, piece);
  }
  ++weightsVersion;
}

/// Brings all ranks' events to rank 0 and onto its clock: of eight questions for the time, the one that is answered
/// fastest says how far apart the clocks are, to within half of what it took (some 20 µs on one host).
void Session::collectTrace() {
  using Clock = Timeline::Clock;
  auto now = [] { return static_cast<int64_t>(Clock::now().time_since_epoch().count()); };
  std::vector<Timeline::Event> &mine = timelines[world->rank()].events;
  constexpr int rounds = 8;
  if (world->rank() != 0) {
    for (int i = 0; i < rounds; ++i) {
      int64_t time = 0;
      world->receive(0, kClock, &time, sizeof time);
      time = now();
      world->send(0, kClock, &time, sizeof time);
    }
    world->send(0, kTrace, mine.data(), mine.size() * sizeof(Timeline::Event));
    return;
  }
  for (uint32_t r = 1; r < world->size(); ++r) {
    int64_t best = INT64_MAX, offset = 0;
    for (int i = 0; i < rounds; ++i) {
      int64_t before = now(), theirs = 0;
      world->send(r, kClock, &before, sizeof before);
      world->receive(r, kClock, &theirs, sizeof theirs);
      int64_t after = now();
      if (after - before < best) {
        best = after - before;
        offset = theirs - (before + (after - before) / 2);
      }
    }
    std::vector<char> bytes = world->take(r, kTrace, World::kAny);
    std::vector<Timeline::Event> &events = timelines[r].events;
    events.resize(bytes.size() / sizeof(Timeline::Event));
    std::memcpy(static_cast<void *>(events.data()), bytes.data(), events.size() * sizeof(Timeline::Event));
    for (Timeline::Event &event : events) {
      event.begin -= Clock::duration(offset);
      event.end -= Clock::duration(offset);
    }
  }
}

void Session::setStep(int64_t number) {
  step = number;
  if (!world)
    return;
  for (uint32_t r = 1; r < world->size() && world->rank() == 0; ++r)
    world->send(r, kState, &step, sizeof step);
  if (world->rank() != 0)
    world->receive(0, kState, &step, sizeof step);
}

void Session::requestStop(int reason) {
  if (world)
    world->requestStop(reason);
  else
    stop = reason;
}

} // namespace llcc::rt
