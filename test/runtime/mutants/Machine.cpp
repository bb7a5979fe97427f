// Runs a plan on terms.
//
// A device's arena is a map from byte ranges to cells: which expression wrote them, and which of its bytes they are. So
// a buffer that is overwritten in part, read before its write or at a wrong place gives another expression than it
// should. Instructions run one at a time; where a wait is missing, one of the paces runs the later instruction first.
#include "test/runtime/mutants/Machine.h"
#include <algorithm>
#include <deque>
#include <set>
#include <stdexcept>

using namespace llcc::rt;

namespace {

struct Stopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}
struct Term {
  uint64_t value;
  explicit Term(const std::string &kind) : value(0x1234) { *this << kind; }
  Term &operator<<(uint64_t part) {
    value = mix(value ^ mix(part));
    return *this;
  }
  Term &operator<<(const std::string &text) {
    *this << text.size();
    for (char c : text)
      *this << uint64_t(uint8_t(c));
    return *this;
  }
};

struct Arena {
  struct Cell {
    uint64_t end, term, from; ///< bytes [from, …) of the term's value
  };
  std::map<uint64_t, Cell> cells;
  uint64_t size;

  explicit Arena(uint64_t size, uint64_t garbage) : size(size) { cells[0] = {size, garbage, 0}; }
  void split(uint64_t at) {
    auto it = std::prev(cells.upper_bound(at));
    if (it->first == at || it->second.end <= at)
      return;
    Cell tail = it->second;
    tail.from += at - it->first;
    it->second.end = at;
    cells[at] = tail;
  }
  void bounds(uint64_t at, uint64_t bytes) const {
    if (at > size || bytes > size - at)
      throw Stopped("outside the arena");
  }
  uint64_t read(uint64_t at, uint64_t bytes) {
    bounds(at, bytes);
    Term term("bytes");
    if (!bytes)
      return term.value;
    split(at);
    split(at + bytes);
    // Neighbours that hold what follows count as one.
    uint64_t last = 0, next = ~uint64_t(0);
    for (auto it = cells.find(at); it != cells.end() && it->first < at + bytes; ++it) {
      if (it->second.term != last || it->second.from != next)
        term << it->second.term << it->second.from << (it->first - at);
      last = it->second.term;
      next = it->second.from + (it->second.end - it->first);
    }
    return (term << bytes).value;
  }
  void write(uint64_t at, uint64_t bytes, uint64_t term) {
    bounds(at, bytes);
    if (!bytes)
      return;
    split(at);
    split(at + bytes);
    cells.erase(cells.find(at), cells.lower_bound(at + bytes));
    cells[at] = {at + bytes, term, 0};
  }
};

class Machine {
public:
  Machine(const Plan &plan, Pace pace) : plan(plan), pace(pace) {
    for (const Kernel &kernel : plan.kernels)
      kernels[kernel.name] = &kernel;
  }

  Seen run() {
    try {
      steps();
      infer();
    } catch (const Stopped &stopped) {
      seen["stopped"] = Term(stopped.what()).value;
    }
    return seen;
  }

private:
  struct Device {
    uint32_t number;
    std::vector<uint32_t> coords;
    const Program *program;
    Arena arena;
    std::vector<bool> done;
    size_t left = 0;
    std::map<std::vector<uint32_t>, uint64_t> met; ///< collectives so far, by axes
  };

  void steps() {
    int axis = -1;
    for (size_t i = 0; i < plan.axes.size(); ++i)
      axis = plan.axes[i] == "pipeline" ? int(i) : axis;
    for (uint32_t d = 0; d < plan.devices(); ++d) {
      std::vector<uint32_t> coords = plan.coordinates(d);
      const Program *program = plan.stepProgram(axis < 0 ? 0 : coords[size_t(axis)]);
      if (!program)
        return;
      devices.push_back({d,
                         coords,
                         program,
                         Arena(program->arenaBytes, (Term("garbage") << d).value),
                         std::vector<bool>(program->instrs.size()),
                         program->instrs.size(),
                         {}});
      load(devices.back());
    }
    while (true) {
      bool moved = false, left = false;
      for (Device &device : devices) {
        while (advance(device))
          moved = true;
        left |= device.left > 0;
      }
      if (!left)
        break;
      if (!moved)
        throw Stopped("devices wait in vain");
    }
    for (Device &device : devices)
      for (const Buffer &buffer : device.program->buffers)
        if (buffer.viewOf < 0 && (buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State))
          note("variable " + plan.variables[buffer.index].name, device,
               device.arena.read(buffer.offset, buffer.shape.bytes()));
  }

  void infer() {
    const Program *program = plan.inferProgram();
    if (!program)
      return;
    Device device{0,
                  std::vector<uint32_t>(plan.sizes.size(), 0),
                  program,
                  Arena(program->arenaBytes, 7),
                  std::vector<bool>(program->instrs.size()),
                  program->instrs.size(),
                  {}};
    load(device);
    while (advance(device))
      ;
    if (device.left)
      throw Stopped("inference waits in vain");
  }

  uint64_t cutBy(const Device &device, const Sharding &sharding) const {
    Term term("piece");
    if (device.program->kind == Program::Kind::Step)
      for (const auto &axes : sharding.dims)
        for (uint32_t axis : (term << axes.size(), axes))
          term << axis << device.coords[axis];
    return term.value;
  }
  void load(Device &device) {
    for (const Buffer &buffer : device.program->buffers)
      if (buffer.viewOf < 0 && (buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State)) {
        const Variable &v = plan.variables[buffer.index];
        device.arena.write(buffer.offset, buffer.shape.bytes(),
                           (Term("variable") << v.name << cutBy(device, v.sharding)).value);
      }
  }
  void note(const std::string &what, const Device &device, uint64_t term) {
    uint64_t &all = seen[what + " on device " + std::to_string(device.number)];
    all = (Term("then") << all << term).value;
  }

  /// Runs one instruction of the device that may run; false where there is none.
  bool advance(Device &device) {
    const std::vector<Instr> &list = device.program->instrs;
    std::vector<size_t> candidates;
    if (pace == Pace::List) {
      size_t i = size_t(std::find(device.done.begin(), device.done.end(), false) - device.done.begin());
      if (i < list.size())
        candidates = {i};
    } else {
      for (uint8_t stream : pace == Pace::Compute ? std::vector<uint8_t>{0, 1} : std::vector<uint8_t>{1, 0})
        for (size_t i = 0; i < list.size(); ++i)
          if (!device.done[i] && list[i].stream == stream) {
            candidates.push_back(i);
            break;
          }
    }
    for (size_t i : candidates) {
      bool ready = true;
      for (uint32_t w : list[i].waits)
        ready &= w < list.size() && device.done[w];
      if (ready && attempt(device, i))
        return true;
    }
    return false;
  }

  static bool isCollective(Op op) {
    return op == Op::AllReduce || op == Op::AllGather || op == Op::ReduceScatter || op == Op::AllToAll ||
           op == Op::RingShift;
  }

  void finish(Device &device, size_t i) {
    device.done[i] = true;
    --device.left;
  }

  /// False where it has to wait for another device.
  bool attempt(Device &device, size_t i) {
    const Instr &instr = device.program->instrs[i];
    if (isCollective(instr.op))
      return collective(device, i);
    if (instr.op == Op::Send || instr.op == Op::Recv) {
      std::vector<uint32_t> other = device.coords;
      for (size_t a = 0; a < plan.axes.size(); ++a)
        if (plan.axes[a] == "pipeline")
          other[a] = uint32_t(instr.ints[0]);
      auto &lane = instr.op == Op::Send ? lanes[{device.coords, other, instr.ints[1]}]
                                        : lanes[{other, device.coords, instr.ints[1]}];
      const Buffer &buffer = device.program->buffers[instr.op == Op::Send ? instr.ins[0] : instr.outs[0]];
      uint64_t bytes = buffer.shape.bytes();
      if (instr.op == Op::Send) {
        lane.push_back({bytes, device.arena.read(buffer.offset, bytes)});
      } else {
        if (lane.empty())
          return false;
        if (lane.front().first != bytes)
          throw Stopped("a message of another size");
        device.arena.write(buffer.offset, bytes, lane.front().second);
        lane.pop_front();
      }
      finish(device, i);
      return true;
    }
    local(device, instr);
    finish(device, i);
    return true;
  }

  static uint64_t typed(const Shape &shape, bool dims) {
    Term term("shape");
    term << uint64_t(shape.type);
    if (dims)
      for (int64_t n : shape.dims)
        term << uint64_t(n);
    return term.value;
  }

  void local(Device &device, const Instr &instr) {
    const std::vector<Buffer> &buffers = device.program->buffers;
    Term term(nameOf(instr.op));
    for (int64_t n : instr.ints)
      term << uint64_t(n);
    for (double r : instr.reals)
      term << std::to_string(r);
    auto in = [&](uint32_t b, uint64_t bytes) { term << device.arena.read(buffers[b].offset, bytes); };
    // Argument k of a kernel: what the code touches there, whatever the table says.
    std::vector<uint64_t> sizes;
    if (instr.op == Op::Launch) {
      auto kernel = kernels.find(instr.kernel);
      if (kernel == kernels.end())
        throw Stopped("no such kernel");
      term << instr.kernel;
      for (uint32_t axis : kernel->second->coords)
        term << device.coords[axis];
      for (const Shape &shape : kernel->second->signature)
        sizes.push_back(shape.bytes());
    }
    size_t argument = 0;
    std::vector<std::pair<uint64_t, uint64_t>> places; ///< of ins: offset, bytes
    for (uint32_t b : instr.ins) {
      uint64_t bytes = argument < sizes.size() ? sizes[argument] : buffers[b].shape.bytes();
      ++argument;
      places.push_back({buffers[b].offset, bytes});
      in(b, bytes);
    }
    if (instr.op == Op::Matmul && instr.reals.size() > 1 && instr.reals[1] != 0)
      in(instr.outs[0], buffers[instr.outs[0]].shape.bytes());
    // Matrix products take their sizes from the numbers, copies count bytes, the rest looks at shapes.
    bool dims = instr.op != Op::Launch && instr.op != Op::Copy && instr.op != Op::Matmul && instr.op != Op::Feed &&
                instr.op != Op::Capture;
    if (instr.op != Op::Launch && instr.op != Op::Copy && instr.op != Op::Feed)
      for (const auto *list : {&instr.ins, &instr.outs})
        for (uint32_t b : *list)
          term << typed(buffers[b].shape, dims);
    if (instr.op == Op::Capture) {
      if (device.program->kind == Program::Kind::Step || instr.ints[0] == 3)
        note("shown " + std::to_string(instr.ints[0]) + instr.name, device, term.value);
      return;
    }
    if (instr.op == Op::Copy) {
      device.arena.write(buffers[instr.outs[0]].offset, buffers[instr.outs[0]].shape.bytes(),
                         device.arena.read(places[0].first, places[0].second));
      return;
    }
    if (instr.op == Op::Feed) {
      const Input &input = plan.inputs[buffers[instr.outs[0]].index];
      term << input.name << cutBy(device, input.sharding);
    }
    if (instr.op == Op::FeedScalar)
      term << buffers[instr.outs[0]].index;
    for (size_t o = 0; o < instr.outs.size(); ++o) {
      const Buffer &buffer = buffers[instr.outs[o]];
      // A result in place is the argument's.
      auto same = std::find_if(instr.ins.begin(), instr.ins.end(),
                               [&](uint32_t b) { return root(device, b) == root(device, instr.outs[o]); });
      uint64_t bytes = buffer.shape.bytes();
      if (!sizes.empty()) {
        size_t k = same != instr.ins.end() ? size_t(same - instr.ins.begin()) : argument++;
        bytes = k < sizes.size() ? sizes[k] : bytes;
      }
      device.arena.write(buffer.offset, bytes, (Term("result") << term.value << o).value);
    }
  }
  static int64_t root(const Device &device, uint32_t b) {
    return device.program->buffers[b].viewOf < 0 ? int64_t(b) : device.program->buffers[b].viewOf;
  }

  bool collective(Device &device, size_t index) {
    const Instr &instr = device.program->instrs[index];
    // Members: devices that differ only along the axes, major first.
    std::vector<std::vector<uint32_t>> places = {device.coords};
    for (uint32_t axis : instr.axes) {
      std::vector<std::vector<uint32_t>> next;
      for (auto place : places)
        for (uint32_t c = 0; c < plan.sizes[axis]; ++c) {
          place[axis] = c;
          next.push_back(place);
        }
      places = std::move(next);
    }
    std::vector<std::pair<Device *, size_t>> members;
    for (const auto &place : places) {
      auto it = std::find_if(devices.begin(), devices.end(), [&](const Device &d) { return d.coords == place; });
      if (it == devices.end())
        throw Stopped("a collective without peers");
      size_t at = index;
      if (it->program == device.program) {
        if (it->done[at] || !reaches(*it, at))
          return false;
      } else { // another stage: its next collective over these axes
        at = 0;
        while (at < it->program->instrs.size() && (it->done[at] || !isCollective(it->program->instrs[at].op) ||
                                                   it->program->instrs[at].axes != instr.axes))
          ++at;
        if (at == it->program->instrs.size() || !reaches(*it, at))
          return false;
      }
      members.push_back({&*it, at});
    }
    std::vector<uint64_t> reads;
    for (auto &[member, at] : members) {
      const Instr &own = member->program->instrs[at];
      Term term(nameOf(own.op));
      for (int64_t n : own.ints)
        term << uint64_t(n);
      for (uint32_t b : own.ins)
        term << typed(member->program->buffers[b].shape, own.op != Op::AllReduce)
             << member->arena.read(member->program->buffers[b].offset, member->program->buffers[b].shape.bytes());
      reads.push_back(term.value);
    }
    for (size_t m = 0; m < members.size(); ++m) {
      auto &[member, at] = members[m];
      const Instr &own = member->program->instrs[at];
      for (size_t o = 0; o < own.outs.size(); ++o) {
        Term term("met");
        for (uint64_t read : reads)
          term << read;
        if (own.op == Op::ReduceScatter || own.op == Op::AllToAll || own.op == Op::RingShift)
          term << m;
        const Buffer &buffer = member->program->buffers[own.outs[o]];
        member->arena.write(buffer.offset, buffer.shape.bytes(),
                            (term << o << typed(buffer.shape, own.op != Op::AllReduce)).value);
      }
      finish(*member, at);
    }
    return true;
  }

  /// Could the device run instruction `i` now, if all members were there?
  bool reaches(const Device &device, size_t i) const {
    const std::vector<Instr> &list = device.program->instrs;
    for (size_t k = 0; k < i; ++k)
      if (!device.done[k] && (pace == Pace::List || list[k].stream == list[i].stream))
        return false;
    return std::all_of(list[i].waits.begin(), list[i].waits.end(),
                       [&](uint32_t w) { return w < list.size() && device.done[w]; });
  }

  const Plan &plan;
  Pace pace;
  std::map<std::string, const Kernel *> kernels;
  std::vector<Device> devices;
  std::map<std::tuple<std::vector<uint32_t>, std::vector<uint32_t>, int64_t>, std::deque<std::pair<uint64_t, uint64_t>>>
      lanes;
  Seen seen;
};

} // namespace

Seen execute(const Plan &plan, Pace pace) { return Machine(plan, pace).run(); }
