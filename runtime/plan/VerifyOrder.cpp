// Every read sees the bytes that its producer wrote, whatever the streams' relative speed.
//
// The list is walked once, in order, with a map of the arena: for each range of bytes which buffer owns it, who wrote
// it last and who has read it since. A read must find its buffer as owner. Two instructions that touch the same bytes,
// at least one writing, must be ordered by stream or waits in list direction. If all such pairs are, every legal run
// equals the list run, so checking the list run is enough.
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace llcc::rt {

std::vector<Clock> clocksOf(const Program &program) {
  std::vector<Clock> clocks(program.instrs.size(), Clock(2, -1));
  std::array<int64_t, 2> previous = {-1, -1};
  for (size_t i = 0; i < program.instrs.size(); ++i) {
    const Instr &instr = program.instrs[i];
    auto after = [&](int64_t before) {
      for (size_t s = 0; s < 2; ++s)
        clocks[i][s] = std::max(clocks[i][s], clocks[before][s]);
      int64_t &own = clocks[i][program.instrs[before].stream];
      own = std::max(own, before);
    };
    if (previous[instr.stream] >= 0)
      after(previous[instr.stream]);
    for (uint32_t w : instr.waits)
      after(w);
    previous[instr.stream] = static_cast<int64_t>(i);
  }
  return clocks;
}

namespace {

struct Range {
  uint64_t end = 0;
  int64_t owner = -1, writer = -1;
  std::array<int64_t, 2> readers = {-1, -1}; ///< last reader on each stream since the write
};

class OrderCheck {
public:
  OrderCheck(const Plan &plan, const Program &program, Report &report)
      : plan(plan), program(program), report(report), clocks(clocksOf(program)) {
    arena[0].end = program.arenaBytes;
  }

  void run() {
    for (size_t b = 0; b < program.buffers.size(); ++b) // put there by the host before the first instruction
      if (persistent(b))
        for (Range *range : ranges(b)) {
          if (range->owner >= 0)
            return report.add(nameOf(program) + ": " + name(b) + " and " + name(static_cast<size_t>(range->owner)) +
                              " overlap");
          range->owner = static_cast<int64_t>(b);
        }
    for (size_t i = 0; i < program.instrs.size() && !report.full(); ++i) {
      const Instr &instr = program.instrs[i];
      overlaps(i);
      for (uint32_t b : instr.ins)
        read(i, rootOf(program, b));
      if (instr.op == Op::Matmul && instr.reals.size() > 1 && instr.reals[1] != 0 && !instr.outs.empty())
        read(i, rootOf(program, instr.outs[0]));
      for (uint32_t b : instr.outs)
        write(i, rootOf(program, b));
    }
    for (size_t b = 0; b < program.buffers.size() && !report.full(); ++b)
      if (persistent(b))
        for (Range *range : ranges(b))
          if (range->owner != static_cast<int64_t>(b)) {
            report.add(nameOf(program, static_cast<size_t>(range->writer)) + ": writes over " + name(b) +
                       ", which must last through all steps");
            break;
          }
  }

private:
  bool persistent(size_t b) const { return program.buffers[b].viewOf < 0 && isVariable(b); }
  bool isVariable(size_t b) const {
    return program.buffers[b].space == Buffer::Space::Param || program.buffers[b].space == Buffer::Space::State;
  }

  std::string name(size_t b) const {
    const Buffer &buffer = program.buffers[b];
    if (persistent(b))
      return "variable \"" + plan.variables[buffer.index].name + "\"";
    return "buffer " + std::to_string(b);
  }

  /// The parts of the arena under a buffer, split at its ends.
  std::vector<Range *> ranges(size_t b) {
    const Buffer &buffer = program.buffers[b];
    uint64_t begin = buffer.offset, end = begin + buffer.shape.bytes();
    std::vector<Range *> result;
    if (begin == end)
      return result;
    split(begin);
    split(end);
    for (auto it = arena.find(begin); it != arena.end() && it->first < end; ++it)
      result.push_back(&it->second);
    return result;
  }
  void split(uint64_t at) {
    auto it = std::prev(arena.upper_bound(at));
    if (it->first == at || it->second.end <= at)
      return;
    Range tail = it->second;
    it->second.end = at;
    arena.emplace(at, tail);
  }

  bool before(int64_t first, size_t second) const {
    return first < 0 || first == static_cast<int64_t>(second) ||
           clocks[second][program.instrs[static_cast<size_t>(first)].stream] >= first;
  }
  std::string instr(int64_t i) const { return nameOf(program.instrs[static_cast<size_t>(i)], static_cast<size_t>(i)); }

  void read(size_t i, uint32_t b) {
    for (Range *range : ranges(b)) {
      if (range->owner < 0)
        return report.add(nameOf(program, i) + ": reads " + name(b) + ", which nothing wrote");
      if (range->owner != static_cast<int64_t>(b))
        return report.add(nameOf(program, i) + ": reads " + name(b) + ", but " + instr(range->writer) + " wrote " +
                          name(static_cast<size_t>(range->owner)) + " over its bytes");
      if (!before(range->writer, i))
        return report.add(nameOf(program, i) + ": reads " + name(b) + " without waiting for " + instr(range->writer) +
                          " of stream " + std::to_string(program.instrs[static_cast<size_t>(range->writer)].stream) +
                          ", which writes it");
      range->readers[program.instrs[i].stream] = static_cast<int64_t>(i);
    }
  }

  void write(size_t i, uint32_t b) {
    for (Range *range : ranges(b)) {
      for (int64_t other : {range->readers[0], range->readers[1], range->writer})
        if (!before(other, i))
          return report.add(nameOf(program, i) + ": writes " + name(b) + " without waiting for " + instr(other) +
                            " of stream " + std::to_string(program.instrs[static_cast<size_t>(other)].stream) +
                            ", which uses those bytes");
      range->owner = b;
      range->writer = static_cast<int64_t>(i);
      range->readers = {-1, -1};
    }
  }

  /// What one instruction writes must not lie over anything else that it uses; only a Copy may rename a place.
  void overlaps(size_t i) {
    const Instr &instr = program.instrs[i];
    struct Use {
      uint64_t begin, end;
      uint32_t buffer;
      bool out;
    };
    std::vector<Use> uses;
    std::set<uint32_t> outs;
    for (uint32_t b : instr.outs)
      if (!outs.insert(rootOf(program, b)).second)
        return report.add(nameOf(program, i) + ": writes " + name(b) + " twice");
    auto use = [&](uint32_t b, bool out) {
      const Buffer &buffer = program.buffers[b];
      if (buffer.shape.bytes() > 0)
        uses.push_back({buffer.offset, buffer.offset + buffer.shape.bytes(), b, out});
    };
    for (uint32_t b : outs)
      use(b, true);
    for (uint32_t b : instr.ins)
      if (!outs.count(rootOf(program, b)))
        use(rootOf(program, b), false);
    std::sort(uses.begin(), uses.end(), [](const Use &a, const Use &b) { return a.begin < b.begin; });
    // Furthest ends so far, of outs and of ins, are enough to see an overlap of a pair with an out.
    const Use *out = nullptr, *in = nullptr;
    for (const Use &u : uses) {
      const Use *hit = out && out->end > u.begin ? out : u.out && in && in->end > u.begin ? in : nullptr;
      if (hit && !(instr.op == Op::Copy && hit->begin == u.begin && hit->end == u.end))
        return report.add(nameOf(program, i) + ": " + name(hit->buffer) + " and " + name(u.buffer) +
                          " overlap, and it writes one of them");
      const Use *&furthest = u.out ? out : in;
      if (!furthest || u.end > furthest->end)
        furthest = &u;
    }
  }

  const Plan &plan;
  const Program &program;
  Report &report;
  std::vector<Clock> clocks;
  std::map<uint64_t, Range> arena;
};

} // namespace

void verifyOrder(const Plan &plan, Report &report) {
  for (const Program &program : plan.programs)
    OrderCheck(plan, program, report).run();
}

} // namespace llcc::rt
