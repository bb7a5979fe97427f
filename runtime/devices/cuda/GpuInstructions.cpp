// How a GPU program enqueues each kind of instruction.
#include "runtime/collectives/Network.h"
#include "runtime/devices/cuda/GpuCollective.h"
#include "runtime/devices/cuda/GpuProgram.h"
#include "runtime/plan/Half.h"
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstring>

namespace llcc::rt {

using Enqueue = std::function<void(Stream)>;

void GpuProgram::prepareAll() {
  streams.insert(0);
  std::vector<bool> awaited(program.instrs.size(), false);
  for (const Instr &instr : program.instrs) {
    streams.insert(instr.stream);
    for (uint32_t before : instr.waits)
      awaited[before] = true;
    if (instr.op == Op::Send)
      laneStreams.emplace(static_cast<uint32_t>(instr.ints[0]), 0);
  }
  Stream next = *streams.rbegin() + 1; // behind those of the plan, one for sends to each peer
  for (auto &[stage, stream] : laneStreams)
    streams.insert(stream = next++);
  // How much scratch memory collectives need, before they are told where it is.
  for (size_t i = 0; i < program.instrs.size(); ++i) {
    const Instr &instr = program.instrs[i];
    if (!isGroupCollective(instr.op))
      continue;
    size_t member = 0, members = groupOf(place.plan, instr.axes, place.device, member).size();
    uint64_t bytes =
        planCollective(program, instr, placesOf(instr.ins), placesOf(instr.outs), members, member, 0).scratchBytes;
    scratchBytes[instr.stream] = std::max(scratchBytes[instr.stream], bytes);
  }
  for (auto [stream, bytes] : scratchBytes)
    if (bytes > 0) {
      owned.push_back(scratch[stream] = gpu->allocate(bytes));
      ownedBytes += bytes;
    }
  for (size_t i = 0; i < program.instrs.size(); ++i) {
    try {
      steps.push_back(prepare(i));
    } catch (const Error &failure) {
      throw Error{failure.code, nameOf(program, i) + ": " + failure.text};
    }
    if (awaited[i])
      steps.back().event = nextEvent++;
  }
  gpu->finish();
  for (Stream s : streams)
    joins[s] = nextEvent++;
  for (auto [stream, last] : lastCapture)
    captures[stream] = nextEvent++;
  for (char *&memory : staging)
    memory = static_cast<char *>(gpu->pin(std::max<uint64_t>(stagingBytes, 1)));
  results = static_cast<char *>(gpu->pin(std::max<uint64_t>(resultBytes, 1)));
}

GpuProgram::Step GpuProgram::prepare(size_t i) {
  const Instr &instr = program.instrs[i];
  Step step;
  switch (instr.op) {
  case Op::Launch:
    step.enqueue = launch(instr);
    break;
  case Op::Copy:
    if (at(instr.ins[0]) != at(instr.outs[0]))
      step.enqueue = [this, from = at(instr.ins[0]), to = at(instr.outs[0]),
                      bytes = program.buffers[instr.outs[0]].shape.bytes()](Stream stream) {
        if (bytes > 0)
          gpu->copy(stream, to, from, bytes);
      };
    break;
  case Op::Fill:
    step.enqueue = fill(instr);
    break;
  case Op::Feed:
    step.enqueue = feed(instr);
    break;
  case Op::FeedScalar:
    step.enqueue = feedScalar(instr);
    break;
  case Op::Capture:
    step.enqueue = capture(instr);
    if (step.enqueue)
      lastCapture[instr.stream] = i;
    break;
  case Op::AllReduce:
  case Op::AllGather:
  case Op::ReduceScatter:
  case Op::AllToAll:
  case Op::RingShift:
    step.enqueue = collective(instr, nameOf(instr, i));
    step.marked = true;
    break;
  case Op::Send:
  case Op::Recv:
    step.enqueue = message(i, nameOf(instr, i));
    step.marked = true;
    break;
  case Op::Matmul:
  case Op::Conv:
  case Op::ConvInputGrad:
  case Op::ConvWeightGrad:
  case Op::Recurrence:
  case Op::RecurrenceGrad:
    step.enqueue = gpu->prepare(program, instr, placesOf(instr.ins), placesOf(instr.outs));
    break;
  }
  return step;
}

Enqueue GpuProgram::launch(const Instr &instr) {
  const std::vector<Kernel> &kernels = place.plan.kernels;
  auto found =
      std::find_if(kernels.begin(), kernels.end(), [&](const Kernel &kernel) { return kernel.name == instr.kernel; });
  if (found == kernels.end())
    throw Error{Software, "kernel \"" + instr.kernel + "\" is not in the plan"};
  std::vector<GpuAddress> arguments = placesOf(instr.ins);
  for (uint32_t out : instr.outs) // a result in place is passed once, as argument
    if (std::none_of(instr.ins.begin(), instr.ins.end(),
                     [&](uint32_t in) { return rootOf(program, in) == rootOf(program, out); }))
      arguments.push_back(at(out));
  arguments.push_back(coords);
  if (instr.ints[0] == 0)
    return {};
  return [this, kernel = static_cast<uint32_t>(found - kernels.begin()), arguments](Stream stream) {
    gpu->launch(stream, kernel, arguments);
  };
}

/// The bits of one element with this value.
static uint64_t bitsOf(DType type, double value) {
  uint64_t bits = 0;
  auto put = [&](auto number) { std::memcpy(&bits, &number, sizeof number); };
  switch (type) {
  case DType::F32:
    put(static_cast<float>(value));
    break;
  case DType::F64:
    put(value);
    break;
  case DType::BF16:
    put(BFloat16(value));
    break;
  case DType::F16:
    put(Float16(value));
    break;
  case DType::Bool:
    put(static_cast<uint8_t>(value != 0));
    break;
  case DType::U8:
    put(static_cast<uint8_t>(value));
    break;
  default:
    put(static_cast<int64_t>(value)); // little-endian: narrower ones are its first bytes
  }
  return bits;
}

Enqueue GpuProgram::fill(const Instr &instr) {
  const Shape &shape = program.buffers[instr.outs[0]].shape;
  return [this, to = at(instr.outs[0]), size = static_cast<uint32_t>(sizeOf(shape.type)),
          bits = bitsOf(shape.type, instr.reals[0]), count = shape.elements()](Stream stream) {
    if (count > 0)
      gpu->fill(stream, to, size, bits, count);
  };
}

/// `write` fills `bytes` of staging memory, from where they are copied to the device.
Enqueue GpuProgram::feedFrom(uint64_t bytes, GpuAddress to, std::function<void(char *)> write) {
  if (bytes == 0)
    return {};
  uint64_t offset = stagingBytes;
  stagingBytes += (bytes + 63) / 64 * 64;
  feedings.push_back({offset, std::move(write)});
  // While a graph is captured as well: each set of staging memory has its own.
  return [this, to, offset, bytes](Stream stream) { gpu->copyIn(stream, to, staging[set ^ 1] + offset, bytes); };
}

Enqueue GpuProgram::feed(const Instr &instr) {
  const Buffer &buffer = program.buffers[instr.outs[0]];
  const Input &input = place.plan.inputs[buffer.index];
  uint64_t bytes = buffer.shape.bytes();
  HostSide &host = place.host;
  uint32_t index = buffer.index;
  if (program.kind == Program::Kind::Infer) {
    uint64_t row = input.batched && buffer.shape.dims[0] > 0 ? bytes / static_cast<uint64_t>(buffer.shape.dims[0]) : 0;
    return feedFrom(bytes, at(instr.outs[0]), [&host, index, bytes, row, batched = input.batched](char *to) {
      uint64_t there = batched ? std::min(bytes, row * static_cast<uint64_t>(host.rows)) : bytes;
      std::memcpy(to, host.inputs[index], there);
      std::memset(to + there, 0, bytes - there);
    });
  }
  uint64_t skip = input.batched ? static_cast<uint64_t>(instr.ints[0]) * input.shape.bytes() : 0;
  return feedFrom(bytes, at(instr.outs[0]),
                  [&host, index, skip, shape = input.shape,
                   piece = pieceOf(input.shape, input.sharding, place.plan.sizes, place.coords)](char *to) {
                    scatterPiece(shape, piece, host.inputs[index] + skip, to);
                  });
}

Enqueue GpuProgram::feedScalar(const Instr &instr) {
  HostSide &host = place.host;
  GpuAddress to = at(instr.outs[0]);
  switch (program.buffers[instr.outs[0]].index) {
  case 0:
    return feedFrom(sizeof(float), to,
                    [&host](char *data) { std::memcpy(data, &host.learningRate, sizeof host.learningRate); });
  case 1:
    return feedFrom(sizeof(double), to, [&host](char *data) { std::memcpy(data, &host.step, sizeof host.step); });
  default:
    return feedFrom(sizeof(int64_t), to, [&host](char *data) { std::memcpy(data, &host.seed, sizeof host.seed); });
  }
}

Enqueue GpuProgram::readInto(GpuAddress from, Reading reading) {
  if (!reading.rare) {
    reading.offset = resultBytes;
    resultBytes += (reading.bytes + 63) / 64 * 64;
  }
  readings.push_back(std::make_unique<Reading>(std::move(reading)));
  return [this, from, r = readings.back().get()](Stream stream) {
    if (r->bytes > 0 && (!r->rare || r->wanted()))
      gpu->copyOut(stream, r->own ? r->own : results + r->offset, from, r->bytes);
  };
}

Enqueue GpuProgram::capture(const Instr &instr) {
  const Shape &shape = program.buffers[instr.ins[0]].shape;
  GpuAddress from = at(instr.ins[0]);
  uint64_t bytes = shape.bytes();
  HostSide &host = place.host;
  auto always = [] { return true; };
  switch (instr.ints[0]) {
  case 0:
    if (!place.postsLoss)
      return {};
    return readInto(from, {bytes, always,
                           [gate = place.gate, type = shape.type](const char *data) {
                             gate->post(scalarAt(data, type), /*closes=*/false);
                           },
                           false});
  case 1: {
    size_t index = 0;
    while (place.plan.variables[index].name != instr.name)
      ++index;
    const Variable &variable = place.plan.variables[index];
    const Sharding sharding = *gradientSharding(place.plan, variable, instr);
    if (!isFirstHolder(sharding, place.coords, pipelineAxis(place.plan)))
      return {};
    return readInto(from, {bytes, [&host, index] { return host.gradients[index] != nullptr; },
                           [&host, index, whole = variable.shape,
                            piece = pieceOf(variable.shape, sharding, place.plan.sizes, place.coords)](
                               const char *data) { gatherPiece(whole, piece, data, host.gradients[index]); },
                           true});
  }
  case 2:
    if (!place.postsNorm)
      return {};
    return readInto(
        from,
        {bytes, always, [&host, type = shape.type](const char *data) { host.gradNorm = scalarAt(data, type); }, false});
  default: {
    size_t index = 0;
    while (place.plan.outputs[index].name != instr.name)
      ++index;
    return readInto(from, {bytes, always,
                           [&host, index](const char *data) {
                             if (char *to = host.outputs[index])
                               std::memcpy(to, data, host.outputBytes[index]);
                           },
                           false});
  }
  }
}

Enqueue GpuProgram::collective(const Instr &instr, const std::string &what) {
  size_t member = 0, members = groupOf(place.plan, instr.axes, place.device, member).size();
  auto plan = std::make_shared<GpuCollective>(planCollective(program, instr, placesOf(instr.ins), placesOf(instr.outs),
                                                             members, member, scratch[instr.stream]));
  plan->exchange.group = groups.at(instr.axes);
  plan->exchange.what = what;
  return [this, plan](Stream stream) { plan->enqueue(*gpu, stream); };
}

/// A send of the plan never waits for its receiver, one of NCCL does: so it is copied first, and sent on a stream of
/// its own. The copy is free again when the step ends, as that is when all streams meet.
Enqueue GpuProgram::message(size_t i, const std::string &what) {
  const Instr &instr = program.instrs[i];
  bool sends = instr.op == Op::Send;
  uint32_t buffer = sends ? instr.ins[0] : instr.outs[0], other = static_cast<uint32_t>(instr.ints[0]);
  const Shape &shape = program.buffers[buffer].shape;
  if (shape.elements() == 0)
    return {};
  Exchange exchange;
  exchange.kind = sends ? Exchange::Kind::Send : Exchange::Kind::Recv;
  exchange.type = shape.type;
  exchange.what = what;
  exchange.group = lanes.at(sends ? std::pair(program.stage, other) : std::pair(other, program.stage));
  if (!sends) {
    exchange.parts.push_back({0, at(buffer), shape.elements(), 0});
    return [this, exchange](Stream stream) { gpu->exchange(stream, exchange); };
  }
  uint64_t bytes = shape.bytes();
  GpuAddress copy = gpu->allocate(bytes);
  owned.push_back(copy);
  ownedBytes += bytes;
  exchange.parts.push_back({copy, 0, shape.elements(), 0});
  return [this, exchange, copy, bytes, from = at(buffer), copied = nextEvent++,
          lane = laneStreams.at(other)](Stream stream) {
    gpu->copy(stream, copy, from, bytes);
    gpu->record(copied, stream);
    gpu->wait(lane, copied);
    gpu->exchange(lane, exchange);
  };
}

} // namespace llcc::rt
