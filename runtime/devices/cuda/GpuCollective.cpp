// A collective of the plan as what NCCL knows, between copies that pack and unpack.
#include "runtime/devices/cuda/GpuCollective.h"
#include "runtime/collectives/Network.h"
#include <algorithm>

namespace llcc::rt {
namespace {

using Dims = std::vector<int64_t>;

/// A box of a row-major array.
struct Box {
  GpuAddress base;
  Dims dims, start;
};

uint64_t volume(const Dims &dims) {
  uint64_t n = 1;
  for (int64_t d : dims)
    n *= static_cast<uint64_t>(d);
  return n;
}

/// The copies that bring `extent` elements of `size` bytes from one box to another: dimensions that both arrays hold
/// whole melt into their outer neighbour; what remains is runs along the last dimension, rows of runs, and a copy for
/// each index of the dimensions before.
void moveBox(std::vector<GpuCollective::Move> &moves, Box from, Box to, Dims extent, uint64_t size) {
  if (volume(extent) == 0)
    return;
  for (Dims *dims : {&from.dims, &from.start, &to.dims, &to.start, &extent}) {
    if (dims == &from.start || dims == &to.start)
      dims->insert(dims->begin(), {0, 0});
    else
      dims->insert(dims->begin(), {1, 1});
  }
  for (size_t i = extent.size() - 1; i >= 1; --i) {
    if (extent[i] != from.dims[i] || extent[i] != to.dims[i] || extent.size() <= 2)
      continue;
    int64_t n = extent[i];
    for (Dims *dims : {&from.dims, &from.start, &to.dims, &to.start, &extent}) {
      (*dims)[i - 1] *= n;
      dims->erase(dims->begin() + static_cast<ptrdiff_t>(i));
    }
  }
  size_t rank = extent.size(), outer = rank - 2;
  auto pitch = [&](const Box &box) { return static_cast<uint64_t>(box.dims[rank - 1]) * size; };
  Dims at(outer, 0);
  while (true) {
    auto place = [&](const Box &box) {
      uint64_t element = 0;
      for (size_t i = 0; i < rank; ++i)
        element = element * static_cast<uint64_t>(box.dims[i]) +
                  static_cast<uint64_t>(box.start[i] + (i < outer ? at[i] : 0));
      return box.base + element * size;
    };
    moves.push_back({place(to), place(from), pitch(to), pitch(from), static_cast<uint64_t>(extent[rank - 1]) * size,
                     static_cast<uint64_t>(extent[rank - 2])});
    size_t i = outer;
    while (i-- > 0) {
      if (++at[i] < extent[i])
        break;
      at[i] = 0;
    }
    if (i == SIZE_MAX)
      return;
  }
}

class Planner {
public:
  Planner(const Program &program, const Instr &instr, const std::vector<GpuAddress> &ins,
          const std::vector<GpuAddress> &outs, size_t members, size_t member, GpuAddress scratch)
      : program(program), instr(instr), ins(ins), outs(outs), members(members), member(member), scratch(scratch) {
    plan.exchange.type = shape(instr.ins[0]).type;
  }

  GpuCollective build() {
    switch (instr.op) {
    case Op::AllReduce:
      plan.exchange.kind = Exchange::Kind::AllReduce;
      reduction(instr.ints[0]);
      for (size_t b = 0; b < ins.size(); ++b)
        plan.exchange.parts.push_back({ins[b], outs[b], shape(instr.ins[b]).elements(), 0});
      break;
    case Op::AllGather:
      plan.exchange.kind = Exchange::Kind::AllGather;
      for (size_t b = 0; b < ins.size(); ++b)
        gather(b, static_cast<size_t>(instr.ints[2 * b]), instr.ints[2 * b + 1]);
      break;
    case Op::ReduceScatter:
      plan.exchange.kind = Exchange::Kind::ReduceScatter;
      reduction(instr.ints[0]);
      for (size_t b = 0; b < ins.size(); ++b)
        scatter(b, static_cast<size_t>(instr.ints[1 + b]));
      break;
    case Op::RingShift:
      plan.exchange.kind = Exchange::Kind::AllToAll;
      shift();
      break;
    default:
      plan.exchange.kind = Exchange::Kind::AllToAll;
      exchangeAll(static_cast<size_t>(instr.ints[0]), static_cast<size_t>(instr.ints[1]), instr.ints[2]);
    }
    return std::move(plan);
  }

private:
  const Shape &shape(uint32_t buffer) const { return program.buffers[buffer].shape; }

  /// Room of so many bytes in the scratch memory.
  GpuAddress room(uint64_t bytes) {
    GpuAddress at = scratch + plan.scratchBytes;
    plan.scratchBytes += (bytes + 255) / 256 * 256;
    return at;
  }

  /// NCCL knows no truth values: sums of them are "or", products "and".
  void reduction(int64_t kind) {
    for (uint32_t b : instr.ins)
      if (shape(b).type != shape(instr.ins[0]).type)
        throw Error{Software, "reduces buffers of several types at once, needs one"};
    if (plan.exchange.type == DType::I16)
      throw Error{Unavailable, "NCCL reduces no i16, needs 8, 32 or 64 bits"};
    if (plan.exchange.type == DType::Bool) {
      plan.exchange.type = DType::U8;
      kind = kind == 0 || kind == 1 ? 1 : 2;
    }
    plan.exchange.reduction = kind;
  }

  void gather(size_t b, size_t dim, int64_t size) {
    const Shape &piece = shape(instr.ins[b]), &whole = shape(instr.outs[b]);
    uint64_t block = piece.elements(), element = sizeOf(piece.type), outer = 1;
    for (size_t i = 0; i < dim; ++i)
      outer *= static_cast<uint64_t>(piece.dims[i]);
    bool inOrder = outer == 1 && piece.dims[dim] * static_cast<int64_t>(members) == size;
    GpuAddress to = inOrder ? outs[b] : room(block * element * members);
    plan.exchange.parts.push_back({ins[b], to, block, 0});
    if (piece.type != plan.exchange.type)
      bytesInstead(b);
    if (inOrder)
      return;
    Dims zero(piece.dims.size(), 0);
    for (size_t m = 0; m < members; ++m) {
      Dims start = zero, extent = piece.dims;
      start[dim] = static_cast<int64_t>(m) * piece.dims[dim];
      extent[dim] = std::clamp<int64_t>(size - start[dim], 0, piece.dims[dim]); // the last blocks' padding is cut off
      moveBox(plan.unpacks, {to + m * block * element, piece.dims, zero}, {outs[b], whole.dims, start}, extent,
              element);
    }
  }

  /// Several tensors of different types move as bytes.
  void bytesInstead(size_t last) {
    if (plan.exchange.type != DType::U8)
      for (size_t b = 0; b < last; ++b)
        plan.exchange.parts[b].count *= sizeOf(plan.exchange.type);
    plan.exchange.parts[last].count *= sizeOf(shape(instr.ins[last]).type);
    plan.exchange.type = DType::U8;
  }

  void scatter(size_t b, size_t dim) {
    const Shape &whole = shape(instr.ins[b]), &piece = shape(instr.outs[b]);
    uint64_t block = piece.elements(), element = sizeOf(piece.type), outer = 1;
    for (size_t i = 0; i < dim; ++i)
      outer *= static_cast<uint64_t>(piece.dims[i]);
    bool inOrder = outer == 1 && piece.dims[dim] * static_cast<int64_t>(members) == whole.dims[dim];
    GpuAddress from = inOrder ? ins[b] : room(block * element * members);
    plan.exchange.parts.push_back({from, outs[b], block, 0});
    if (inOrder)
      return;
    if (piece.dims[dim] * static_cast<int64_t>(members) != whole.dims[dim])
      plan.clears.push_back({from, block * element * members}); // padding of the result: the reduction of zeros
    Dims zero(piece.dims.size(), 0);
    for (size_t m = 0; m < members; ++m) {
      auto [start, valid] = blockOf(whole.dims[dim], members, m);
      Dims at = zero, extent = piece.dims;
      at[dim] = valid > 0 ? start : 0;
      extent[dim] = valid;
      moveBox(plan.packs, {ins[b], whole.dims, at}, {from + m * block * element, piece.dims, zero}, extent, element);
    }
  }

  void exchangeAll(size_t split, size_t concat, int64_t size) {
    const Shape &piece = shape(instr.ins[0]), &result = shape(instr.outs[0]);
    uint64_t element = sizeOf(piece.type);
    Dims zero(piece.dims.size(), 0);
    auto [myStart, mine] = blockOf(piece.dims[split], members, member);
    Dims received = piece.dims;
    received[split] = mine;
    for (size_t m = 0; m < members; ++m) {
      auto [start, valid] = blockOf(piece.dims[split], members, m);
      Dims sent = piece.dims, at = zero;
      sent[split] = valid;
      at[split] = valid > 0 ? start : 0;
      GpuAddress from = room(volume(sent) * element), to = room(volume(received) * element);
      moveBox(plan.packs, {ins[0], piece.dims, at}, {from, sent, zero}, sent, element);
      plan.exchange.parts.push_back({from, to, volume(sent), volume(received)});
      Dims place = zero, extent = received;
      place[concat] = static_cast<int64_t>(m) * piece.dims[concat];
      extent[concat] = std::clamp<int64_t>(size - place[concat], 0, piece.dims[concat]);
      moveBox(plan.unpacks, {to, received, zero}, {outs[0], result.dims, place}, extent, element);
    }
    if (mine < result.dims[split])
      plan.laterClears.push_back({outs[0], result.bytes()});
  }

  /// An exchange in which each member has something for the next one alone. Several tensors are one run of bytes.
  void shift() {
    GpuAddress from = ins[0], to = outs[0];
    uint64_t count = shape(instr.ins[0]).elements();
    if (ins.size() > 1) {
      count = 0;
      for (uint32_t b : instr.ins)
        count += shape(b).bytes();
      from = room(count);
      to = room(count);
      plan.exchange.type = DType::U8;
      uint64_t at = 0;
      for (size_t b = 0; b < ins.size(); ++b) {
        uint64_t bytes = shape(instr.ins[b]).bytes();
        if (bytes > 0) {
          plan.packs.push_back({from + at, ins[b], bytes, bytes, bytes, 1});
          plan.unpacks.push_back({outs[b], to + at, bytes, bytes, bytes, 1});
        }
        at += bytes;
      }
    }
    size_t next = (member + 1) % members, before = (member + members - 1) % members;
    for (size_t m = 0; m < members; ++m)
      plan.exchange.parts.push_back({from, to, m == next ? count : 0, m == before ? count : 0});
  }

  const Program &program;
  const Instr &instr;
  const std::vector<GpuAddress> &ins, &outs;
  size_t members, member;
  GpuAddress scratch;
  GpuCollective plan;
};

} // namespace

void GpuCollective::enqueue(Gpu &gpu, Stream stream) const {
  auto clear = [&](const std::vector<Clear> &list) {
    for (const Clear &c : list)
      if (c.bytes > 0)
        gpu.fill(stream, c.to, 1, 0, c.bytes);
  };
  auto move = [&](const std::vector<Move> &list) {
    for (const Move &m : list)
      if (m.rows == 1 || (m.toPitch == m.width && m.fromPitch == m.width))
        gpu.copy(stream, m.to, m.from, m.width * m.rows);
      else
        gpu.copyRows(stream, m.to, m.toPitch, m.from, m.fromPitch, m.width, m.rows);
  };
  clear(clears);
  move(packs);
  gpu.exchange(stream, exchange);
  clear(laterClears);
  move(unpacks);
}

GpuCollective planCollective(const Program &program, const Instr &instr, const std::vector<GpuAddress> &ins,
                             const std::vector<GpuAddress> &outs, size_t members, size_t member, GpuAddress scratch) {
  return Planner(program, instr, ins, outs, members, member, scratch).build();
}

} // namespace llcc::rt
