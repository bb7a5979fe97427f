// Collectives between devices that are processes, over messages.
//
// Every reduction adds the members' operands in member order, element by element, as the threads' do (local/): the bits
// do not depend on how devices are spread over processes. Large all-reduces go in two exchanges, each member reducing
// its share: 2(n-1)/n of the bytes leave each member, as in a ring, in 2 rounds instead of 2(n-1); small ones go in
// one, where each member sends everything to all and reduces it all.
#include "runtime/collectives/tcp/ProcessNetwork.h"
#include "runtime/collectives/local/Reduction.h"
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstring>

namespace llcc::rt {
namespace {

using Message = std::vector<char>;

/// A stream of messages for each group of axes, and one for each tag of sends.
uint32_t laneOf(const std::vector<uint32_t> &axes) {
  uint32_t lane = 0;
  for (uint32_t axis : axes)
    lane = lane * 9 + axis + 1;
  return kFirstOfPlan + lane % 60000;
}
uint32_t laneOf(int64_t tag) { return 65536 + static_cast<uint32_t>(static_cast<uint64_t>(tag) % 900000); }

/// One collective of one device.
struct Exchange {
  World &world;
  std::vector<uint32_t> members;
  size_t member = 0;
  uint32_t lane = 0;
  std::vector<char *> ins, outs;
  std::vector<Shape> shapes;  ///< of ins
  std::vector<Shape> results; ///< of outs
  std::vector<int64_t> ints;
  std::vector<Message> messages; ///< by member

  void send(size_t m, const void *data, uint64_t bytes) { world.send(members[m], lane, data, bytes); }
  Message take(size_t m, uint64_t bytes) { return world.take(members[m], lane, bytes); }
  /// Others, beginning with the next one, so that not all send to one at a time.
  template <class F> void others(F body) {
    for (size_t step = 1; step < members.size(); ++step)
      body((member + step) % members.size());
  }
  void recycle() {
    for (Message &message : messages)
      if (message.capacity())
        world.recycle(std::move(message));
    messages.assign(members.size(), {});
  }

  /// Share [begin, end) of member `m` in elements: whole cache lines.
  std::pair<uint64_t, uint64_t> share(size_t m, const Shape &shape, bool all) const {
    uint64_t n = shape.elements(), lines = (n + 15) / 16, count = members.size();
    if (all)
      return {0, n};
    return {std::min(n, lines * m / count * 16), std::min(n, lines * (m + 1) / count * 16)};
  }
  /// The shares of member `m` of all buffers, one after the other.
  Message packed(const std::vector<char *> &buffers, size_t m, bool all) const {
    Message message;
    for (size_t b = 0; b < buffers.size(); ++b) {
      auto [begin, end] = share(m, shapes[b], all);
      uint64_t size = sizeOf(shapes[b].type);
      message.insert(message.end(), buffers[b] + begin * size, buffers[b] + end * size);
    }
    return message;
  }
  uint64_t packedBytes(size_t m, bool all) const {
    uint64_t bytes = 0;
    for (const Shape &shape : shapes) {
      auto [begin, end] = share(m, shape, all);
      bytes += (end - begin) * sizeOf(shape.type);
    }
    return bytes;
  }

  void allReduce() {
    uint64_t whole = packedBytes(0, true);
    bool once = whole <= 4096 || members.size() == 2;
    Message same = once ? packed(ins, member, true) : Message();
    others([&](size_t m) {
      Message own = once ? Message() : packed(ins, m, false);
      const Message &message = once ? same : own;
      send(m, message.data(), message.size());
    });
    uint64_t mine = packedBytes(member, once);
    others([&](size_t m) { messages[m] = take(m, mine); });
    uint64_t at = 0;
    for (size_t b = 0; b < ins.size(); ++b) {
      auto [begin, end] = share(member, shapes[b], once);
      uint64_t size = sizeOf(shapes[b].type);
      std::vector<const char *> operands;
      for (size_t m = 0; m < members.size(); ++m)
        operands.push_back(m == member ? ins[b] + begin * size : messages[m].data() + at);
      if (begin < end)
        reduce(shapes[b].type, ints[0], operands, outs[b] + begin * size, end - begin);
      at += (end - begin) * size;
    }
    recycle();
    if (once)
      return;
    Message reduced = packed(outs, member, false);
    others([&](size_t m) { send(m, reduced.data(), reduced.size()); });
    others([&](size_t m) {
      Message message = take(m, packedBytes(m, false));
      uint64_t from = 0;
      for (size_t b = 0; b < outs.size(); ++b) {
        auto [begin, end] = share(m, shapes[b], false);
        uint64_t size = sizeOf(shapes[b].type);
        std::memcpy(outs[b] + begin * size, message.data() + from, (end - begin) * size);
        from += (end - begin) * size;
      }
      world.recycle(std::move(message));
    });
  }

  void allGather() {
    Message own = packed(ins, member, true);
    others([&](size_t m) { send(m, own.data(), own.size()); });
    others([&](size_t m) { messages[m] = take(m, own.size()); });
    messages[member] = std::move(own);
    for (size_t m = 0; m < members.size(); ++m) {
      const char *from = messages[m].data();
      for (size_t b = 0; b < shapes.size(); ++b) {
        const Shape &piece = shapes[b];
        size_t dim = static_cast<size_t>(ints[2 * b]);
        std::vector<int64_t> zero(piece.dims.size(), 0), start = zero, extent = piece.dims;
        start[dim] = static_cast<int64_t>(m) * piece.dims[dim];
        extent[dim] = std::min(extent[dim], ints[2 * b + 1] - start[dim]); // the last blocks' padding is cut off
        copyBox(from, piece.dims, zero, outs[b], results[b].dims, start, extent, sizeOf(piece.type));
        from += piece.bytes();
      }
    }
    recycle();
  }

  /// Appends the part of ins[b] that member `m` gets of dimension `dim`.
  void addBlock(Message &message, size_t b, size_t m, size_t dim) const {
    const Shape &whole = shapes[b];
    auto [start, valid] = blockOf(whole.dims[dim], members.size(), m);
    std::vector<int64_t> from(whole.dims.size(), 0), zero = from, extent = whole.dims;
    from[dim] = valid > 0 ? start : 0;
    extent[dim] = valid;
    size_t at = message.size();
    message.resize(at + Shape{whole.type, extent}.bytes());
    copyBox(ins[b], whole.dims, from, message.data() + at, extent, zero, extent, sizeOf(whole.type));
  }
  Message blockFor(size_t m, size_t dim) const {
    Message message;
    addBlock(message, 0, m, dim);
    return message;
  }

  void reduceScatter() {
    auto blocksFor = [&](size_t m) {
      Message message;
      for (size_t b = 0; b < shapes.size(); ++b)
        addBlock(message, b, m, static_cast<size_t>(ints[1 + b]));
      return message;
    };
    others([&](size_t m) {
      Message message = blocksFor(m);
      send(m, message.data(), message.size());
    });
    messages[member] = blocksFor(member);
    others([&](size_t m) { messages[m] = take(m, messages[member].size()); });
    uint64_t at = 0;
    for (size_t b = 0; b < shapes.size(); ++b) {
      const Shape &whole = shapes[b];
      size_t dim = static_cast<size_t>(ints[1 + b]);
      auto [start, valid] = blockOf(whole.dims[dim], members.size(), member);
      std::vector<int64_t> zero(whole.dims.size(), 0), extent = whole.dims;
      extent[dim] = valid;
      Shape block{whole.type, extent};
      std::vector<const char *> operands;
      for (const Message &message : messages)
        operands.push_back(message.data() + at);
      if (block.bytes() > 0)
        reduce(whole.type, ints[0], operands, messages[0].data() + at, block.elements());
      if (valid < results[b].dims[dim])
        std::memset(outs[b], 0, results[b].bytes());
      copyBox(messages[0].data() + at, extent, zero, outs[b], results[b].dims, zero, extent, sizeOf(whole.type));
      at += block.bytes();
    }
    recycle();
  }

  void allToAll() {
    size_t split = static_cast<size_t>(ints[0]), concat = static_cast<size_t>(ints[1]);
    const Shape &piece = shapes[0];
    others([&](size_t m) {
      Message message = blockFor(m, split);
      send(m, message.data(), message.size());
    });
    messages[member] = blockFor(member, split);
    others([&](size_t m) { messages[m] = take(m, messages[member].size()); });
    const Shape &result = results[0];
    auto [start, valid] = blockOf(piece.dims[split], members.size(), member);
    if (valid < result.dims[split])
      std::memset(outs[0], 0, result.bytes());
    std::vector<int64_t> zero(piece.dims.size(), 0), packedDims = piece.dims;
    packedDims[split] = valid;
    for (size_t m = 0; m < members.size(); ++m) {
      std::vector<int64_t> to = zero, extent = packedDims;
      to[concat] = static_cast<int64_t>(m) * piece.dims[concat];
      extent[concat] = std::min(extent[concat], ints[2] - to[concat]);
      copyBox(messages[m].data(), packedDims, zero, outs[0], result.dims, to, extent, sizeOf(piece.type));
    }
    recycle();
  }

  void ringShift() {
    size_t count = members.size();
    Message message = packed(ins, 0, true);
    if (count > 1) {
      send((member + 1) % count, message.data(), message.size());
      message = take((member + count - 1) % count, packedBytes(0, true));
    }
    uint64_t at = 0;
    for (size_t b = 0; b < outs.size(); at += shapes[b++].bytes())
      std::memcpy(outs[b], message.data() + at, shapes[b].bytes());
    if (count > 1)
      world.recycle(std::move(message));
  }
};

class ProcessCommunicator : public Communicator {
public:
  ProcessCommunicator(const Plan &plan, World &world, uint32_t device) : plan(plan), world(world), device(device) {}

  Work prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
               const std::vector<char *> &outs) override {
    if (instr.op == Op::Send || instr.op == Op::Recv) {
      uint32_t peer = peerOf(plan, device, static_cast<uint32_t>(instr.ints[0])), lane = laneOf(instr.ints[1]);
      if (instr.op == Op::Send)
        return [this, peer, lane, data = ins[0], bytes = program.buffers[instr.ins[0]].shape.bytes()] {
          world.send(peer, lane, data, bytes);
        };
      return [this, peer, lane, data = outs[0], bytes = program.buffers[instr.outs[0]].shape.bytes()] {
        world.receive(peer, lane, data, bytes);
      };
    }
    auto exchange = std::make_shared<Exchange>(Exchange{world, {}, 0, laneOf(instr.axes), ins, outs, {}, {}, {}, {}});
    exchange->members = groupOf(plan, instr.axes, device, exchange->member);
    exchange->messages.resize(exchange->members.size());
    for (uint32_t b : instr.ins)
      exchange->shapes.push_back(program.buffers[b].shape);
    for (uint32_t b : instr.outs)
      exchange->results.push_back(program.buffers[b].shape);
    exchange->ints = instr.ints;
    switch (instr.op) {
    case Op::AllReduce:
      return [exchange] { exchange->allReduce(); };
    case Op::AllGather:
      return [exchange] { exchange->allGather(); };
    case Op::ReduceScatter:
      return [exchange] { exchange->reduceScatter(); };
    case Op::RingShift:
      return [exchange] { exchange->ringShift(); };
    default:
      return [exchange] { exchange->allToAll(); };
    }
  }

private:
  const Plan &plan;
  World &world;
  uint32_t device;
};

} // namespace

std::unique_ptr<Communicator> ProcessNetwork::join(uint32_t device) {
  return std::make_unique<ProcessCommunicator>(plan, world, device);
}

} // namespace llcc::rt
