// One program bound to a CPU device.
#include "runtime/core/Executor.h"
#include "runtime/core/Arena.h"
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstring>

namespace llcc::rt {

Executor::Executor(const Program &program, char *arena, Device &engine, Communicator *peers, const Place &place)
    : program(program), arena(arena), engine(engine), peers(peers), place(place), commit(program.instrs.size()) {
  if (place.gated)
    commit = commitPoint(program);
  works.reserve(program.instrs.size());
  for (size_t i = 0; i < program.instrs.size(); ++i)
    try {
      works.push_back(prepare(program.instrs[i]));
    } catch (const Error &failure) {
      throw Error{failure.code, nameOf(program, i) + ": " + failure.text};
    }
}

void Executor::run(Timeline *timeline) {
  for (size_t i = 0; i < works.size(); ++i) {
    // A device that wakes after the session has failed must not touch the host's arrays any more.
    place.watch.check();
    place.watch.progress(place.device, i);
    if (i == commit && place.gate)
      place.gate->wait(place.device);
    if (!timeline) {
      works[i]();
      continue;
    }
    auto begin = Timeline::Clock::now();
    works[i]();
    timeline->add(i, begin, Timeline::Clock::now());
  }
  place.watch.progress(place.device, works.size());
}

Work Executor::prepare(const Instr &instr) {
  std::vector<char *> ins, outs;
  for (uint32_t b : instr.ins)
    ins.push_back(at(b));
  for (uint32_t b : instr.outs)
    outs.push_back(at(b));
  switch (instr.op) {
  case Op::Feed:
    return feed(instr);
  case Op::FeedScalar:
    switch (program.buffers[instr.outs[0]].index) {
    case 0:
      return [&host = place.host, to = outs[0]] { std::memcpy(to, &host.learningRate, sizeof host.learningRate); };
    case 1:
      return [&host = place.host, to = outs[0]] { std::memcpy(to, &host.step, sizeof host.step); };
    default:
      return [&host = place.host, to = outs[0]] { std::memcpy(to, &host.seed, sizeof host.seed); };
    }
  case Op::Capture:
    return capture(instr);
  case Op::AllReduce:
  case Op::AllGather:
  case Op::ReduceScatter:
  case Op::AllToAll:
  case Op::RingShift:
  case Op::Send:
  case Op::Recv:
    return peers->prepare(program, instr, ins, outs);
  default:
    return engine.prepare(program, instr, ins, outs);
  }
}

Work Executor::feed(const Instr &instr) {
  const Buffer &buffer = program.buffers[instr.outs[0]];
  uint32_t index = buffer.index;
  const Input &input = place.plan.inputs[index];
  char *to = at(instr.outs[0]);
  HostSide &host = place.host;
  if (program.kind == Program::Kind::Infer) {
    uint64_t bytes = buffer.shape.bytes();
    uint64_t row = input.batched && buffer.shape.dims[0] > 0 ? bytes / static_cast<uint64_t>(buffer.shape.dims[0]) : 0;
    return [&host, index, to, bytes, row, batched = input.batched] {
      uint64_t there = batched ? std::min(bytes, row * static_cast<uint64_t>(host.rows)) : bytes;
      std::memcpy(to, host.inputs[index], there);
      std::memset(to + there, 0, bytes - there);
    };
  }
  uint64_t skip = input.batched ? static_cast<uint64_t>(instr.ints[0]) * input.shape.bytes() : 0;
  std::vector<Cut> piece = pieceOf(input.shape, input.sharding, place.plan.sizes, place.coords);
  // Rows of the batch that the device holds whole are one run of bytes.
  bool run = true;
  for (size_t i = 0; i < piece.size(); ++i)
    run &= piece[i].valid == piece[i].local && (i == 0 || piece[i].valid == input.shape.dims[i]);
  if (run) {
    uint64_t bytes = buffer.shape.bytes();
    if (!piece.empty() && piece[0].valid > 0)
      skip += bytes / static_cast<uint64_t>(piece[0].valid) * static_cast<uint64_t>(piece[0].start);
    return [&host, &engine = engine, index, to, skip, bytes] { engine.copyIn(to, host.inputs[index] + skip, bytes); };
  }
  return [&host, index, to, skip, shape = input.shape, piece] {
    scatterPiece(shape, piece, host.inputs[index] + skip, to);
  };
}

Work Executor::capture(const Instr &instr) {
  const Shape &shape = program.buffers[instr.ins[0]].shape;
  const char *from = at(instr.ins[0]);
  HostSide &host = place.host;
  switch (instr.ints[0]) {
  case 0:
    if (!place.postsLoss)
      return [] {};
    return [gate = place.gate, from, type = shape.type, closes = place.gated] {
      gate->post(scalarAt(from, type), closes);
    };
  case 1: {
    size_t index = 0;
    while (place.plan.variables[index].name != instr.name)
      ++index;
    const Variable &variable = place.plan.variables[index];
    const Sharding sharding = *gradientSharding(place.plan, variable, instr);
    if (!isFirstHolder(sharding, place.coords, pipelineAxis(place.plan)))
      return [] {};
    return [&host, index, from, whole = variable.shape,
            piece = pieceOf(variable.shape, sharding, place.plan.sizes, place.coords)] {
      if (char *to = host.gradients[index])
        gatherPiece(whole, piece, from, to);
    };
  }
  case 2:
    if (!place.postsNorm)
      return [] {};
    return [&host, from, type = shape.type] { host.gradNorm = scalarAt(from, type); };
  default: {
    size_t index = 0;
    while (place.plan.outputs[index].name != instr.name)
      ++index;
    return [&host, index, from] {
      if (char *to = host.outputs[index])
        std::memcpy(to, from, host.outputBytes[index]);
    };
  }
  }
}

namespace {

struct CpuProgram : BoundProgram {
  CpuProgram(const Program &program, const Place &place, Communicator *peers, int threads, const KernelTable &kernels)
      : arena(program.arenaBytes, place.device),
        engine(makeCpuDevice(place.coords, threads, kernels, place.plan.deterministic)),
        executor(program, arena.data(), *engine, peers, place) {
    engine->finish();
  }
  void run(Timeline *timeline) override { executor.run(timeline); }
  char *mapped(uint64_t offset) override { return arena.data() + offset; }
  void read(uint64_t offset, char *to, uint64_t bytes) override { std::memcpy(to, mapped(offset), bytes); }
  void write(uint64_t offset, const char *from, uint64_t bytes) override { std::memcpy(mapped(offset), from, bytes); }
  uint64_t libraryBytes() const override { return engine->libraryBytes(); }

  Arena arena;
  std::unique_ptr<Device> engine;
  Executor executor;
};

} // namespace

std::unique_ptr<BoundProgram> bindToCpu(const Program &program, const Place &place, Communicator *peers, int threads,
                                        const KernelTable &kernels) {
  return std::make_unique<CpuProgram>(program, place, peers, threads, kernels);
}

} // namespace llcc::rt
