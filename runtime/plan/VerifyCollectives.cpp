// Collectives, sends and receives meet across stages, in the same order, and cannot wait for each other in a circle.
//
// All devices of one stage run one program, so their collectives meet by construction; only what crosses stages can go
// wrong. Each stage is one walker through its list: a send never waits (the receiver's end holds it), a receive waits
// for its message, a collective over "pipeline" waits for all stages. If the walkers reach their ends, no legal order
// of the streams can block, because every stream order contains the list order's waits and no more.
#include "runtime/plan/Verify.h"
#include "runtime/plan/Walk.h"
#include <algorithm>
#include <map>

namespace llcc::rt {
namespace {

std::string siteName(const Site &site) { return nameOf(*site.program, site.index); }

std::vector<Shape> shapesOf(const Site &site) {
  std::vector<Shape> shapes;
  for (const auto *buffers : {&site.instr().ins, &site.instr().outs})
    for (uint32_t b : *buffers)
      shapes.push_back(site.program->buffers[b].shape);
  return shapes;
}

bool alike(const Site &a, const Site &b) {
  if (a.instr().op != b.instr().op || a.instr().axes != b.instr().axes || a.instr().ints != b.instr().ints)
    return false;
  std::vector<Shape> x = shapesOf(a), y = shapesOf(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const Shape &s, const Shape &t) { return s.type == t.type && s.dims == t.dims; });
}

std::string described(const Site &site) {
  std::string text = siteName(site);
  for (const Shape &shape : shapesOf(site)) {
    text += " " + nameOf(shape);
    break;
  }
  return text;
}

using Lane = std::pair<int64_t, int64_t>; ///< from stage, to stage

/// Pairs sends with receives, and stage-crossing collectives with each other, number by number.
void verifyMeetings(const Plan &plan, Report &report) {
  std::map<Lane, std::vector<Site>> sends, receives;
  std::vector<std::vector<Site>> crossing;
  std::vector<const Program *> steps;
  for (const Program &program : plan.programs) {
    if (program.kind != Program::Kind::Step)
      continue;
    crossing.emplace_back();
    steps.push_back(&program);
    for (size_t i = 0; i < program.instrs.size(); ++i) {
      const Instr &instr = program.instrs[i];
      if (instr.op == Op::Send)
        sends[{program.stage, instr.ints[0]}].push_back({&program, i});
      if (instr.op == Op::Recv)
        receives[{instr.ints[0], program.stage}].push_back({&program, i});
      if (crossesStages(plan, instr))
        crossing.back().push_back({&program, i});
    }
  }
  for (auto &[lane, list] : sends)
    receives[lane];
  for (auto &[lane, list] : receives) {
    const std::vector<Site> &from = sends[lane];
    for (size_t i = 0; i < std::max(from.size(), list.size()); ++i) {
      if (i >= from.size() || i >= list.size()) {
        report.add(siteName(i < from.size() ? from[i] : list[i]) + ": has no " +
                   (i < from.size() ? "receive" : "send") + " in stage " +
                   std::to_string(i < from.size() ? lane.second : lane.first));
        break;
      }
      Shape sent = shapesOf(from[i])[0], taken = shapesOf(list[i])[0];
      if (from[i].instr().ints[1] != list[i].instr().ints[1] || sent.type != taken.type || sent.dims != taken.dims) {
        report.add(siteName(from[i]) + ": sends " + nameOf(sent) + " with tag " +
                   std::to_string(from[i].instr().ints[1]) + ", " + siteName(list[i]) + " expects " + nameOf(taken) +
                   " with tag " + std::to_string(list[i].instr().ints[1]));
        break;
      }
    }
  }
  for (size_t stage = 1; stage < crossing.size(); ++stage)
    for (size_t i = 0; i < std::max(crossing[0].size(), crossing[stage].size()); ++i) {
      if (i >= crossing[0].size() || i >= crossing[stage].size()) {
        const Site &site = i < crossing[0].size() ? crossing[0][i] : crossing[stage][i];
        report.add(siteName(site) + ": is not met by " + nameOf(*steps[i < crossing[0].size() ? stage : 0]));
        break;
      }
      if (!alike(crossing[0][i], crossing[stage][i])) {
        report.add("collective " + std::to_string(i) + " over \"pipeline\" differs: " + described(crossing[0][i]) +
                   ", " + described(crossing[stage][i]));
        break;
      }
    }
}

/// Devices start what they share in the same order only if streams cannot swap it.
void verifyLaneOrder(const Program &program, Report &report) {
  std::vector<Clock> clocks = clocksOf(program);
  std::map<std::vector<int64_t>, size_t> last;
  for (size_t i = 0; i < program.instrs.size(); ++i) {
    const Instr &instr = program.instrs[i];
    std::vector<int64_t> lane;
    if (isGroupCollective(instr.op))
      lane.assign(instr.axes.begin(), instr.axes.end());
    else if (instr.op == Op::Send || instr.op == Op::Recv)
      lane = {-1, instr.op == Op::Send, instr.ints[0]};
    else
      continue;
    auto [it, fresh] = last.emplace(lane, i);
    if (!fresh && clocks[i][program.instrs[it->second].stream] < static_cast<int64_t>(it->second))
      report.add(nameOf(program, i) + ": may start before " + nameOf(program.instrs[it->second], it->second) +
                 " of the other stream, so devices may meet in different orders; a wait is missing");
    it->second = i;
  }
}

/// Walks all stages together; returns a sentence if they block. With `gate` each stage also waits at its commit point
/// for the loss.
std::string walk(const Plan &plan, bool gate) {
  std::vector<const Program *> stages;
  for (uint32_t s = 0; s < plan.stages(); ++s)
    if (const Program *program = plan.stepProgram(s))
      stages.push_back(program);
  size_t count = stages.size();
  std::vector<size_t> at(count, 0), commits(count), losses(count, 0);
  std::map<Lane, int64_t> messages;
  for (size_t s = 0; s < count; ++s) {
    commits[s] = commitPoint(*stages[s]);
    for (size_t i = 0; i < stages[s]->instrs.size(); ++i)
      if (stages[s]->instrs[i].op == Op::Capture && stages[s]->instrs[i].ints[0] == 0)
        losses[s] = i + 1;
  }
  // Waiting for the loss: it is known once all stages that capture one are past their last capture.
  auto gated = [&](size_t s) {
    if (!gate || at[s] != commits[s])
      return false;
    for (size_t other = 0; other < count; ++other)
      if (at[other] < losses[other])
        return true;
    return false;
  };
  auto meets = [&](size_t s) {
    return at[s] < stages[s]->instrs.size() && crossesStages(plan, stages[s]->instrs[at[s]]) && !gated(s);
  };
  auto blocked = [&](size_t s) {
    if (gated(s))
      return true;
    const Instr &instr = stages[s]->instrs[at[s]];
    if (instr.op == Op::Recv)
      return messages[{instr.ints[0], stages[s]->stage}] == 0;
    if (!crossesStages(plan, instr))
      return false;
    for (size_t other = 0; other < count; ++other)
      if (!meets(other))
        return true;
    return false;
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t s = 0; s < count; ++s)
      while (at[s] < stages[s]->instrs.size() && !blocked(s)) {
        const Instr &instr = stages[s]->instrs[at[s]];
        if (crossesStages(plan, instr)) { // all stages are here: they pass together
          for (size_t &position : at)
            ++position;
          moved = true;
          break;
        }
        if (instr.op == Op::Send)
          ++messages[{stages[s]->stage, instr.ints[0]}];
        if (instr.op == Op::Recv)
          --messages[{instr.ints[0], stages[s]->stage}];
        ++at[s];
        moved = true;
      }
  }
  std::string stuck;
  for (size_t s = 0; s < count; ++s)
    if (at[s] < stages[s]->instrs.size())
      stuck += (stuck.empty() ? "" : ", ") + nameOf(*stages[s], at[s]);
  return stuck.empty() ? "" : "stages wait for each other in a circle: " + stuck;
}

} // namespace

size_t commitPoint(const Program &program) {
  size_t start = 0;
  for (size_t i = 0; i < program.instrs.size(); ++i)
    if (program.instrs[i].op == Op::Capture && program.instrs[i].ints[0] == 0)
      start = i + 1;
  for (size_t i = start; i < program.instrs.size(); ++i)
    for (uint32_t b : program.instrs[i].outs)
      if (program.buffers[b].space == Buffer::Space::Param || program.buffers[b].space == Buffer::Space::State)
        return i;
  return program.instrs.size();
}

bool gateIsSafe(const Plan &plan) { return walk(plan, true).empty(); }

void verifyCollectives(const Plan &plan, Report &report) {
  for (const Program &program : plan.programs)
    verifyLaneOrder(program, report);
  size_t before = report.lines.size();
  verifyMeetings(plan, report);
  if (report.lines.size() == before) {
    std::string stuck = walk(plan, false);
    if (!stuck.empty())
      report.add(stuck);
  }
}

} // namespace llcc::rt
