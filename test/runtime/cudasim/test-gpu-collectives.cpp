// Collectives of plans on GPUs give the bytes that collectives between threads give: every kind and type, any
// dimension, uneven sizes, several tensors at once; on exchanges that know whole blocks only.
#include "runtime/collectives/local/LocalNetwork.h"
#include "runtime/devices/cuda/GpuCollective.h"
#include "runtime/devices/cudasim/SimWorld.h"
#include "runtime/plan/Half.h"
#include "test/runtime/Check.h"
#include "test/runtime/Regression.h"
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

using namespace llcc::rt;

namespace {

std::mt19937 dice(11);
int64_t draw(int64_t least, int64_t most) {
  return least + static_cast<int64_t>(dice() % static_cast<uint64_t>(most - least + 1));
}

/// Small whole numbers, so that sums and products have one value in any type.
std::string drawn(const Shape &shape) {
  std::string bytes(shape.bytes(), 0);
  for (uint64_t i = 0; i < shape.elements(); ++i) {
    char *at = bytes.data() + i * sizeOf(shape.type);
    auto put = [&](auto value) { std::memcpy(at, &value, sizeof value); };
    auto value = static_cast<int>(draw(0, shape.type == DType::Bool ? 1 : 3));
    switch (shape.type) {
    case DType::F32:
      put(static_cast<float>(value));
      break;
    case DType::F64:
      put(static_cast<double>(value));
      break;
    case DType::BF16:
      put(BFloat16(static_cast<float>(value)));
      break;
    case DType::F16:
      put(Float16(static_cast<float>(value)));
      break;
    case DType::I64:
      put(static_cast<int64_t>(value));
      break;
    case DType::I32:
      put(static_cast<int32_t>(value));
      break;
    default:
      put(static_cast<uint8_t>(value));
    }
  }
  return bytes;
}

using Bytes = std::vector<std::vector<std::string>>; ///< by device and buffer

Bytes onThreads(const Plan &plan, const Program &program, const Bytes &operands, Bytes results) {
  Watch watch(plan.devices(), std::chrono::milliseconds(20000));
  LocalNetwork network(plan, watch);
  std::vector<std::thread> threads;
  Bytes data = operands;
  for (uint32_t d = 0; d < plan.devices(); ++d)
    threads.emplace_back([&, d] {
      try {
        auto communicator = network.join(d);
        std::vector<char *> from, to;
        for (std::string &bytes : data[d])
          from.push_back(bytes.data());
        for (std::string &bytes : results[d])
          to.push_back(bytes.data());
        watch.begin(d, &program);
        communicator->prepare(program, program.instrs[0], from, to)();
      } catch (const Error &error) {
        watch.raise(error);
      } catch (const Aborted &) {
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  CHECK(!watch.aborted(), "%s", watch.failure().text.c_str());
  return results;
}

Bytes onGpus(const Plan &plan, const Program &program, const Bytes &operands, Bytes results) {
  std::unique_ptr<GpuSystem> world = makeSimWorld();
  world->enter(1);
  std::vector<std::unique_ptr<Gpu>> gpus;
  std::vector<std::vector<GpuAddress>> places(plan.devices());
  std::vector<GpuCollective> collectives;
  const Instr &instr = program.instrs[0];
  for (uint32_t d = 0; d < plan.devices(); ++d) {
    gpus.push_back(world->open(
        {plan, d, d, plan.coordinates(d), [](const std::string &) { return std::string_view(); }, world->invite()}));
    Gpu &gpu = *gpus[d];
    std::vector<GpuAddress> from, to;
    auto bring = [&](const std::string &bytes) {
      GpuAddress at = gpu.allocate(bytes.size());
      auto *pinned = static_cast<char *>(gpu.pin(bytes.size() + 1));
      std::memcpy(pinned, bytes.data(), bytes.size());
      gpu.copyIn(0, at, pinned, bytes.size());
      return at;
    };
    for (const std::string &bytes : operands[d])
      from.push_back(bring(bytes));
    for (const std::string &bytes : results[d])
      to.push_back(bring(bytes));
    places[d] = to;
    size_t member = 0;
    std::vector<uint32_t> members = groupOf(plan, instr.axes, d, member);
    uint64_t bytes = planCollective(program, instr, from, to, members.size(), member, 0).scratchBytes;
    collectives.push_back(planCollective(program, instr, from, to, members.size(), member, gpu.allocate(bytes)));
    collectives[d].exchange.group = gpu.join(members);
    collectives[d].exchange.what = "device " + std::to_string(d);
    collectives[d].enqueue(gpu, 0);
  }
  for (uint32_t d = 0; d < plan.devices(); ++d)
    for (size_t b = 0; b < results[d].size(); ++b) {
      uint64_t bytes = results[d][b].size();
      auto *pinned = static_cast<char *>(gpus[d]->pin(bytes + 1));
      gpus[d]->copyOut(0, pinned, places[d][b], bytes);
      gpus[d]->recordForHost(1, 0);
      CHECK(gpus[d]->waitOnHost(1, std::chrono::milliseconds(1000)), "the collective does not end");
      std::memcpy(results[d][b].data(), pinned, bytes);
    }
  gpus.clear();
  world->leave();
  return results;
}

void tryOne(Op op, DType type, const std::vector<uint32_t> &axes) {
  Plan plan;
  plan.axes = {"data", "tensor"};
  plan.sizes = {2, 3};
  int64_t members = 1;
  for (uint32_t axis : axes)
    members *= plan.sizes[axis];
  auto ceil = [&](int64_t n) { return (n + members - 1) / members; };
  bool reduces = op == Op::AllReduce || op == Op::ReduceScatter;
  std::vector<int64_t> ints;
  if (reduces)
    ints.push_back(draw(0, 3));
  std::vector<Shape> ins, outs;
  for (int64_t b = op == Op::AllToAll ? 1 : draw(1, 2); b-- > 0;) {
    Shape in{type, {}}, out;
    for (int64_t rank = draw(op == Op::AllToAll ? 2 : 1, 4), i = 0; i < rank; ++i)
      in.dims.push_back(draw(1, 4));
    size_t dim = static_cast<size_t>(draw(0, static_cast<int64_t>(in.dims.size()) - 1)), other = dim;
    int64_t whole = draw(1, 3 * members);
    switch (op) {
    case Op::AllGather:
      in.dims[dim] = ceil(whole);
      out = in;
      out.dims[dim] = whole;
      ints.insert(ints.end(), {static_cast<int64_t>(dim), whole});
      break;
    case Op::ReduceScatter:
      in.dims[dim] = whole;
      out = in;
      out.dims[dim] = ceil(whole);
      ints.push_back(static_cast<int64_t>(dim));
      break;
    case Op::AllToAll: {
      while (other == dim)
        other = static_cast<size_t>(draw(0, static_cast<int64_t>(in.dims.size()) - 1));
      int64_t joined = draw(1, 3 * members);
      in.dims[dim] = whole;
      in.dims[other] = ceil(joined);
      out = in;
      out.dims[dim] = ceil(whole);
      out.dims[other] = joined;
      ints = {static_cast<int64_t>(dim), static_cast<int64_t>(other), joined};
      break;
    }
    default:
      out = in;
    }
    ins.push_back(in);
    outs.push_back(out);
  }
  Program program;
  Builder build(program);
  std::vector<uint32_t> in, out;
  for (const Shape &shape : ins)
    in.push_back(build.temp(shape.dims, shape.type));
  for (const Shape &shape : outs)
    out.push_back(build.temp(shape.dims, shape.type));
  build.over(op, in, out, ints, axes);
  Bytes operands(plan.devices()), results(plan.devices());
  for (uint32_t d = 0; d < plan.devices(); ++d)
    for (size_t b = 0; b < ins.size(); ++b) {
      operands[d].push_back(drawn(ins[b]));
      results[d].emplace_back(outs[b].bytes(), char(0x7f)); // what is not written shows
    }
  Bytes expected = onThreads(plan, program, operands, results), got = onGpus(plan, program, operands, results);
  CHECK(expected == got, "%s of %s over %zu axes differs", nameOf(op), nameOf(type), axes.size());
}

void aNarrowSumIsRefused() {
  Program program;
  Builder build(program);
  uint32_t x = build.temp({4}, DType::I16);
  build.over(Op::AllReduce, {x}, {x}, {0}, {0});
  try {
    planCollective(program, program.instrs[0], {0}, {0}, 2, 0, 0);
    CHECK(false, "a sum of i16 is accepted");
  } catch (const Error &error) {
    CHECK(error.text == "NCCL reduces no i16, needs 8, 32 or 64 bits", "%s", error.text.c_str());
  }
}

} // namespace

int main() {
  unsetenv("LLCC_CUDASIM_SEED");
  int count = 0;
  for (int round = 0; round < 20; ++round)
    for (Op op : {Op::AllReduce, Op::AllGather, Op::ReduceScatter, Op::AllToAll})
      for (DType type : {DType::F32, DType::F64, DType::BF16, DType::F16, DType::I8, DType::U8, DType::I32, DType::I64,
                         DType::Bool}) {
        static const std::vector<std::vector<uint32_t>> groups = {{0}, {1}, {0, 1}};
        tryOne(op, type, groups[static_cast<size_t>(draw(0, 2))]);
        ++count;
      }
  aNarrowSumIsRefused();
  std::printf("%d collectives\n", count);
  return finished("test-gpu-collectives");
}
