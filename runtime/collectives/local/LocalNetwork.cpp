// Collectives between devices that are threads of one process, through shared memory.
#include "runtime/collectives/local/LocalNetwork.h"
#include "runtime/collectives/local/Reduction.h"
#include "runtime/plan/Pieces.h"
#include <algorithm>
#include <cstring>
#include <thread>
#include <tuple>

namespace llcc::rt {
namespace {

/// One collective of one device, as the plan gives it. Every run is: publish, meet, work on the others' memory, meet,
/// so that nobody changes memory that another still reads.
struct Meeting {
  Group *group;
  size_t member;
  std::vector<char *> ins, outs;
  std::vector<Shape> shapes;  ///< of ins
  std::vector<Shape> results; ///< of outs
  std::vector<int64_t> ints;

  size_t members() const { return group->devices.size(); }
  void publish() {
    group->ins[member] = &ins;
    group->outs[member] = &outs;
    group->barrier.wait(member);
  }
  void end() { group->barrier.wait(member); }
  std::vector<const char *> operands(size_t buffer, uint64_t offset) const {
    std::vector<const char *> all;
    for (const std::vector<char *> *list : group->ins)
      all.push_back((*list)[buffer] + offset);
    return all;
  }
  /// The block of ceil(n/members) that member `m` has of `n`: start and how much of it is there.
  std::pair<int64_t, int64_t> block(int64_t n, size_t m) const { return blockOf(n, members(), m); }

  // Each member reduces its share of all buffers, in member order, into its own result; then all fetch the others'
  // shares.
  void allReduce() {
    publish();
    auto share = [&](size_t m, const Shape &shape) {
      uint64_t n = shape.elements(), lines = (n + 15) / 16; // whole cache lines
      return std::pair(std::min(n, lines * m / members() * 16), std::min(n, lines * (m + 1) / members() * 16));
    };
    for (size_t b = 0; b < ins.size(); ++b) {
      auto [begin, end] = share(member, shapes[b]);
      uint64_t size = sizeOf(shapes[b].type);
      if (begin < end)
        reduce(shapes[b].type, ints[0], operands(b, begin * size), outs[b] + begin * size, end - begin);
    }
    group->barrier.wait(member);
    for (size_t b = 0; b < ins.size(); ++b)
      for (size_t step = 1; step < members(); ++step) {
        size_t m = (member + step) % members(); // start at different places, so that not all read one member's memory
        auto [begin, end] = share(m, shapes[b]);
        uint64_t size = sizeOf(shapes[b].type);
        if (begin < end)
          std::memcpy(outs[b] + begin * size, (*group->outs[m])[b] + begin * size, (end - begin) * size);
      }
    end();
  }

  void allGather() {
    publish();
    for (size_t b = 0; b < ins.size(); ++b) {
      size_t dim = static_cast<size_t>(ints[2 * b]);
      const Shape &piece = shapes[b];
      std::vector<int64_t> zero(piece.dims.size(), 0);
      for (size_t m = 0; m < members(); ++m) {
        std::vector<int64_t> start = zero, extent = piece.dims;
        start[dim] = static_cast<int64_t>(m) * piece.dims[dim];
        extent[dim] = std::min(extent[dim], ints[2 * b + 1] - start[dim]); // the last blocks' padding is cut off
        copyBox((*group->ins[m])[b], piece.dims, zero, outs[b], results[b].dims, start, extent, sizeOf(piece.type));
      }
    }
    end();
  }

  void reduceScatter() {
    publish();
    for (size_t b = 0; b < ins.size(); ++b)
      scatterOne(b, static_cast<size_t>(ints[1 + b]));
    end();
  }

  void scatterOne(size_t b, size_t dim) {
    const Shape &whole = shapes[b];
    auto [start, valid] = block(whole.dims[dim], member);
    uint64_t size = sizeOf(whole.type), outer = 1, inner = size;
    for (size_t i = 0; i < whole.dims.size(); ++i)
      (i < dim ? outer : inner) *= i == dim ? 1 : static_cast<uint64_t>(whole.dims[i]);
    uint64_t fromRow = inner * static_cast<uint64_t>(whole.dims[dim]),
             toRow = inner * static_cast<uint64_t>(results[b].dims[dim]);
    uint64_t bytes = inner * static_cast<uint64_t>(valid);
    for (uint64_t row = 0; row < outer; ++row) {
      char *to = outs[b] + row * toRow;
      if (bytes > 0)
        reduce(whole.type, ints[0], operands(b, row * fromRow + inner * static_cast<uint64_t>(start)), to,
               bytes / size);
      std::memset(to + bytes, 0, toRow - bytes);
    }
  }

  void allToAll() {
    publish();
    size_t split = static_cast<size_t>(ints[0]), concat = static_cast<size_t>(ints[1]);
    const Shape &piece = shapes[0];
    std::vector<int64_t> zero(piece.dims.size(), 0);
    auto [start, valid] = block(piece.dims[split], member);
    const Shape &result = results[0];
    if (valid < result.dims[split])
      std::memset(outs[0], 0, result.bytes());
    for (size_t m = 0; m < members(); ++m) {
      std::vector<int64_t> from = zero, to = zero, extent = piece.dims;
      from[split] = valid > 0 ? start : 0;
      extent[split] = valid;
      to[concat] = static_cast<int64_t>(m) * piece.dims[concat];
      extent[concat] = std::min(extent[concat], ints[2] - to[concat]);
      copyBox((*group->ins[m])[0], piece.dims, from, outs[0], result.dims, to, extent, sizeOf(piece.type));
    }
    end();
  }

  void ringShift() {
    publish();
    size_t from = (member + members() - 1) % members();
    for (size_t b = 0; b < ins.size(); ++b)
      std::memcpy(outs[b], (*group->ins[from])[b], shapes[b].bytes());
    end();
  }
};

class LocalCommunicator : public Communicator {
public:
  LocalCommunicator(LocalNetwork &network, uint32_t device) : network(network), device(device) {}

  Work prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
               const std::vector<char *> &outs) override {
    if (instr.op == Op::Send) {
      Channel &channel =
          network.channel(device, network.peer(device, static_cast<uint32_t>(instr.ints[0])), instr.ints[1]);
      return
          [&channel, data = ins[0], bytes = program.buffers[instr.ins[0]].shape.bytes()] { channel.send(data, bytes); };
    }
    if (instr.op == Op::Recv) {
      Channel &channel =
          network.channel(network.peer(device, static_cast<uint32_t>(instr.ints[0])), device, instr.ints[1]);
      return [&channel, data = outs[0], bytes = program.buffers[instr.outs[0]].shape.bytes()] {
        channel.receive(data, bytes);
      };
    }
    auto meeting = std::make_shared<Meeting>();
    meeting->group = &network.group(instr.axes, device, meeting->member);
    meeting->ins = ins;
    meeting->outs = outs;
    for (uint32_t b : instr.ins)
      meeting->shapes.push_back(program.buffers[b].shape);
    for (uint32_t b : instr.outs)
      meeting->results.push_back(program.buffers[b].shape);
    meeting->ints = instr.ints;
    switch (instr.op) {
    case Op::AllReduce:
      return [meeting] { meeting->allReduce(); };
    case Op::AllGather:
      return [meeting] { meeting->allGather(); };
    case Op::ReduceScatter:
      return [meeting] { meeting->reduceScatter(); };
    case Op::RingShift:
      return [meeting] { meeting->ringShift(); };
    default:
      return [meeting] { meeting->allToAll(); };
    }
  }

private:
  LocalNetwork &network;
  uint32_t device;
};

} // namespace

LocalNetwork::LocalNetwork(const Plan &plan, const Watch &watch)
    // More threads than cores: whoever spins keeps the one it waits for from running.
    : plan(plan), watch(watch), spins(plan.devices() <= std::thread::hardware_concurrency() ? 2000 : 0) {}

std::unique_ptr<Communicator> LocalNetwork::join(uint32_t device) {
  return std::make_unique<LocalCommunicator>(*this, device);
}

Group &LocalNetwork::group(const std::vector<uint32_t> &axes, uint32_t device, size_t &member) {
  std::vector<uint32_t> members = groupOf(plan, axes, device, member);
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Group> &group = groups[{axes, members[0]}];
  if (!group)
    group = std::make_unique<Group>(members, watch, spins);
  return *group;
}

Channel &LocalNetwork::channel(uint32_t fromDevice, uint32_t toDevice, int64_t tag) {
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Channel> &channel = channels[{fromDevice, toDevice, tag}];
  if (!channel)
    channel = std::make_unique<Channel>(fromDevice, toDevice, watch, transit);
  return *channel;
}

void LocalNetwork::reset() {
  for (auto &[key, group] : groups)
    group->barrier.reset();
  for (auto &[key, channel] : channels)
    channel->reset();
}

} // namespace llcc::rt
