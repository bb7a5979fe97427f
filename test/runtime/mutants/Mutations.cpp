// Small changes of plans, by kind: what a bug in a compiler pass or a hand that edits a plan would do.
#include "test/runtime/mutants/Mutations.h"
#include <algorithm>

using namespace llcc::rt;

namespace {

using Random = std::mt19937;

bool isCollective(const Instr &i) { return i.op >= Op::AllReduce && i.op <= Op::RingShift; }
bool isTransfer(const Instr &i) { return i.op == Op::Send || i.op == Op::Recv; }

template <class T> T &pick(std::vector<T> &list, Random &random) { return list[random() % list.size()]; }

/// A program and the numbers of its instructions that fit; false where there is none.
struct Spot {
  Program *program = nullptr;
  size_t index = 0;
  Instr &instr() const { return program->instrs[index]; }
  Buffer &buffer(uint32_t b) const { return program->buffers[b]; }
};
bool spot(Plan &plan, Random &random, Spot &found, const std::function<bool(const Program &, const Instr &)> &fits) {
  std::vector<Spot> all;
  for (Program &program : plan.programs)
    for (size_t i = 0; i < program.instrs.size(); ++i)
      if (fits(program, program.instrs[i]))
        all.push_back({&program, i});
  if (all.empty())
    return false;
  found = pick(all, random);
  return true;
}
bool same(const Shape &a, const Shape &b) { return a.type == b.type && a.dims == b.dims; }

/// Applies a new order of the instructions (old numbers; a number may be missing or stand twice) and follows it with
/// the waits.
void reorder(Program &program, const std::vector<size_t> &order) {
  std::vector<int64_t> place(program.instrs.size(), -1);
  for (size_t i = order.size(); i-- > 0;)
    place[order[i]] = int64_t(i);
  std::vector<Instr> instrs;
  for (size_t from : order) {
    Instr instr = program.instrs[from];
    std::vector<uint32_t> waits;
    for (uint32_t w : instr.waits)
      if (place[w] >= 0 && place[w] < int64_t(instrs.size())) // a wait for what comes later makes no sense
        waits.push_back(uint32_t(place[w]));
    instr.waits = waits;
    instrs.push_back(std::move(instr));
  }
  program.instrs = std::move(instrs);
}
std::vector<size_t> inOrder(const Program &program) {
  std::vector<size_t> order(program.instrs.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  return order;
}

bool swapTwo(Plan &plan, Random &random, const std::function<bool(const Program &, const Instr &)> &fits) {
  Spot a;
  if (!spot(plan, random, a, fits))
    return false;
  std::vector<size_t> others;
  for (size_t i = 0; i < a.program->instrs.size(); ++i)
    if (i != a.index && fits(*a.program, a.program->instrs[i]))
      others.push_back(i);
  if (others.empty())
    return false;
  std::vector<size_t> order = inOrder(*a.program);
  std::swap(order[a.index], order[pick(others, random)]);
  reorder(*a.program, order);
  return true;
}

/// Another buffer of the same shape, not the same place.
bool otherBuffer(const Spot &at, uint32_t &b, Random &random) {
  std::vector<uint32_t> others;
  for (uint32_t o = 0; o < at.program->buffers.size(); ++o)
    if (o != b && same(at.buffer(o).shape, at.buffer(b).shape) && at.buffer(o).offset != at.buffer(b).offset)
      others.push_back(o);
  if (others.empty())
    return false;
  b = pick(others, random);
  return true;
}

std::vector<Mutation> make() {
  auto any = [](const Program &, const Instr &) { return true; };
  auto op = [](Op wanted) { return [wanted](const Program &, const Instr &i) { return i.op == wanted; }; };
  auto collective = [](const Program &, const Instr &i) { return isCollective(i); };
  auto reduces = [](const Program &, const Instr &i) { return i.op == Op::AllReduce || i.op == Op::ReduceScatter; };
  auto along = [](const Program &, const Instr &i) { return isCollective(i) && i.op != Op::AllReduce; };
  auto transfer = [](const Program &, const Instr &i) { return isTransfer(i); };
  auto waits = [](const Program &, const Instr &i) { return !i.waits.empty(); };
  auto reads = [](const Program &, const Instr &i) { return !i.ins.empty(); };
  auto writes = [](const Program &, const Instr &i) { return !i.outs.empty(); };
  std::vector<Mutation> list;
  auto add = [&](const char *name, std::function<bool(Plan &, Random &)> change) {
    list.push_back({name, std::move(change)});
  };

  add("swap two instructions", [=](Plan &p, Random &r) { return swapTwo(p, r, any); });
  add("swap two collectives", [=](Plan &p, Random &r) { return swapTwo(p, r, collective); });
  add("swap two transfers", [=](Plan &p, Random &r) { return swapTwo(p, r, transfer); });
  add("run later", [=](Plan &p, Random &r) { // read before write
    Spot at;
    if (!spot(p, r, at, writes) || at.index + 1 >= at.program->instrs.size())
      return false;
    std::vector<size_t> order = inOrder(*at.program);
    size_t to = at.index + 1 + r() % (order.size() - at.index - 1);
    std::rotate(order.begin() + long(at.index), order.begin() + long(at.index) + 1, order.begin() + long(to) + 1);
    reorder(*at.program, order);
    return true;
  });
  add("drop an instruction", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, any))
      return false;
    std::vector<size_t> order = inOrder(*at.program);
    order.erase(order.begin() + long(at.index));
    reorder(*at.program, order);
    return true;
  });
  add("drop a collective", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, collective))
      return false;
    std::vector<size_t> order = inOrder(*at.program);
    order.erase(order.begin() + long(at.index));
    reorder(*at.program, order);
    return true;
  });
  add("duplicate an instruction", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, any))
      return false;
    std::vector<size_t> order = inOrder(*at.program);
    order.insert(order.begin() + long(at.index) + 1, at.index);
    reorder(*at.program, order);
    return true;
  });
  add("drop a wait", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, waits))
      return false;
    at.instr().waits.erase(at.instr().waits.begin() + long(r() % at.instr().waits.size()));
    return true;
  });
  add("wait for an earlier one", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, waits))
      return false;
    uint32_t &w = pick(at.instr().waits, r);
    for (uint32_t earlier = w; earlier-- > 0;)
      if (at.program->instrs[earlier].stream == at.program->instrs[w].stream) {
        w = earlier;
        return true;
      }
    return false;
  });
  add("other stream", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, any))
      return false;
    at.instr().stream ^= 1;
    at.instr().waits.clear();
    for (Instr &instr : at.program->instrs) // waits within a stream make no sense
      instr.waits.erase(std::remove_if(instr.waits.begin(), instr.waits.end(),
                                       [&](uint32_t w) { return at.program->instrs[w].stream == instr.stream; }),
                        instr.waits.end());
    return true;
  });
  add("wrong group", [=](Plan &p, Random &r) {
    Spot at;
    if (p.axes.size() < 2 || !spot(p, r, at, collective))
      return false;
    uint32_t &axis = pick(at.instr().axes, r), before = axis;
    axis = uint32_t(r() % p.axes.size());
    return axis != before && std::count(at.instr().axes.begin(), at.instr().axes.end(), axis) == 1;
  });
  add("larger group", [=](Plan &p, Random &r) {
    Spot at;
    if (p.axes.size() < 2 || !spot(p, r, at, collective))
      return false;
    uint32_t axis = uint32_t(r() % p.axes.size());
    if (std::count(at.instr().axes.begin(), at.instr().axes.end(), axis))
      return false;
    at.instr().axes.push_back(axis);
    return true;
  });
  add("wrong reduction", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, reduces))
      return false;
    at.instr().ints[0] = (at.instr().ints[0] + 1 + int64_t(r() % 3)) % 4;
    return true;
  });
  add("wrong dimension", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, along))
      return false;
    int64_t &dim = at.instr().ints[at.instr().op == Op::ReduceScatter];
    int64_t rank = int64_t(at.buffer(at.instr().ins[0]).shape.dims.size()), before = dim;
    dim = int64_t(r() % uint64_t(rank));
    return dim != before;
  });
  add("wrong peer", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, transfer))
      return false;
    int64_t before = at.instr().ints[0];
    at.instr().ints[0] = int64_t(r() % p.stages());
    return at.instr().ints[0] != before;
  });
  add("wrong tag", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, transfer))
      return false;
    at.instr().ints[1] += 1;
    return true;
  });
  add("wrong microbatch", [=](Plan &p, Random &r) {
    Spot at;
    if (p.microbatches < 2 || !spot(p, r, at, op(Op::Feed)))
      return false;
    at.instr().ints[0] = (at.instr().ints[0] + 1) % p.microbatches;
    return true;
  });
  add("wrong operand", [=](Plan &p, Random &r) {
    Spot at;
    return spot(p, r, at, reads) && otherBuffer(at, pick(at.instr().ins, r), r);
  });
  add("wrong result", [=](Plan &p, Random &r) {
    Spot at;
    return spot(p, r, at, writes) && otherBuffer(at, pick(at.instr().outs, r), r);
  });
  add("swapped operands", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, [](const Program &, const Instr &i) { return i.ins.size() > 1; }))
      return false;
    uint32_t &a = pick(at.instr().ins, r), &b = pick(at.instr().ins, r);
    bool different = a != b;
    std::swap(a, b);
    return different;
  });
  add("wrong kernel", [=](Plan &p, Random &r) {
    Spot at;
    if (p.kernels.size() < 2 || !spot(p, r, at, op(Op::Launch)))
      return false;
    std::string other = pick(p.kernels, r).name;
    std::swap(other, at.instr().kernel);
    return other != at.instr().kernel;
  });
  add("wrong numbers of a product", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, op(Op::Matmul)))
      return false;
    switch (r() % 4) {
    case 0:
      at.instr().ints[4 + r() % 2] ^= 1;
      break;
    case 1:
      std::swap(at.instr().ints[1], at.instr().ints[2]);
      break;
    case 2:
      at.instr().reals[0] *= 2;
      break;
    default:
      at.instr().reals[1] = 1;
    }
    return true;
  });
  add("shrink a buffer", [=](Plan &p, Random &r) {
    Buffer &buffer = pick(pick(p.programs, r).buffers, r);
    if (buffer.shape.dims.empty())
      return false;
    int64_t &n = pick(buffer.shape.dims, r);
    n -= 1 + int64_t(r() % 2);
    return n >= 0;
  });
  add("wrong type", [=](Plan &p, Random &r) {
    Buffer &buffer = pick(pick(p.programs, r).buffers, r);
    DType before = buffer.shape.type;
    buffer.shape.type = DType(r() % 10);
    return buffer.shape.type != before;
  });
  add("wrong shape", [=](Plan &p, Random &r) { // as many elements
    Buffer &buffer = pick(pick(p.programs, r).buffers, r);
    if (buffer.shape.dims.size() < 2)
      return false;
    std::vector<int64_t> before = buffer.shape.dims;
    std::swap(pick(buffer.shape.dims, r), pick(buffer.shape.dims, r));
    return buffer.shape.dims != before;
  });
  add("shift a buffer", [=](Plan &p, Random &r) {
    Program &program = pick(p.programs, r);
    Buffer &buffer = pick(program.buffers, r);
    if (buffer.viewOf >= 0)
      return false;
    uint64_t before = buffer.offset;
    buffer.offset = r() % 2 ? pick(program.buffers, r).offset : before + 64 * (1 + r() % 4);
    for (Buffer &view : program.buffers)
      if (view.viewOf == &buffer - program.buffers.data())
        view.offset = buffer.offset;
    return buffer.offset != before && buffer.offset + buffer.shape.bytes() <= program.arenaBytes;
  });
  add("smaller arena", [=](Plan &p, Random &r) {
    Program &program = pick(p.programs, r);
    uint64_t cut = 64 * (1 + r() % 3);
    if (program.arenaBytes < cut)
      return false;
    program.arenaBytes -= cut;
    return true;
  });
  add("wrong variable", [=](Plan &p, Random &r) {
    Buffer &buffer = pick(pick(p.programs, r).buffers, r);
    if (buffer.viewOf >= 0 || (buffer.space != Buffer::Space::Param && buffer.space != Buffer::Space::State))
      return false;
    uint32_t before = buffer.index;
    buffer.index = uint32_t(r() % p.variables.size());
    return buffer.index != before;
  });
  add("wrong sharding", [=](Plan &p, Random &r) {
    Variable &v = pick(p.variables, r);
    if (v.shape.dims.empty() || p.axes.empty())
      return false;
    v.sharding.dims.resize(v.shape.dims.size());
    auto &axes = pick(v.sharding.dims, r);
    if (axes.empty())
      axes.push_back(uint32_t(r() % p.axes.size()));
    else
      axes.pop_back();
    return true;
  });
  add("wrong gradient shown", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, [](const Program &, const Instr &i) { return i.op == Op::Capture && i.ints[0] == 1; }))
      return false;
    std::string before = at.instr().name;
    at.instr().name = pick(p.variables, r).name;
    return at.instr().name != before;
  });
  add("wrong scalar", [=](Plan &p, Random &r) {
    Buffer &buffer = pick(pick(p.programs, r).buffers, r);
    if (buffer.space != Buffer::Space::Scalar)
      return false;
    buffer.index = (buffer.index + 1) % 3;
    return true;
  });
  add("other constant", [=](Plan &p, Random &r) {
    Spot at;
    if (!spot(p, r, at, op(Op::Fill)))
      return false;
    at.instr().reals[0] += 1;
    return true;
  });
  return list;
}

} // namespace

const std::vector<Mutation> &mutations() {
  static const std::vector<Mutation> list = make();
  return list;
}
