// One legal order of all step programs' instructions, across pipeline stages.
#include "runtime/plan/Walk.h"
#include "runtime/plan/Verify.h"
#include <algorithm>

namespace llcc::rt {

bool crossesStages(const Plan &plan, const Instr &instr) {
  int axis = pipelineAxis(plan);
  return isGroupCollective(instr.op) && axis >= 0 &&
         std::find(instr.axes.begin(), instr.axes.end(), static_cast<uint32_t>(axis)) != instr.axes.end();
}

void walkStages(const Plan &plan, const std::function<void(const std::vector<Site> &)> &visit) {
  std::vector<Site> at;
  for (uint32_t s = 0; s < plan.stages(); ++s)
    if (const Program *program = plan.stepProgram(s))
      at.push_back({program, 0});
  std::map<std::pair<int64_t, int64_t>, int64_t> messages;
  auto ended = [](const Site &site) { return site.index >= site.program->instrs.size(); };
  auto meets = [&](const Site &site) { return !ended(site) && crossesStages(plan, site.instr()); };
  for (bool moved = true; moved;) {
    moved = false;
    for (Site &site : at)
      while (!ended(site) && !meets(site)) {
        const Instr &instr = site.instr();
        int64_t stage = site.program->stage;
        if (instr.op == Op::Recv && messages[{instr.ints[0], stage}] == 0)
          break;
        if (instr.op == Op::Recv)
          --messages[{instr.ints[0], stage}];
        if (instr.op == Op::Send)
          ++messages[{stage, instr.ints[0]}];
        visit({site});
        ++site.index;
        moved = true;
      }
    if (!at.empty() && std::all_of(at.begin(), at.end(), meets)) {
      visit(at);
      for (Site &site : at)
        ++site.index;
      moved = true;
    }
  }
}

} // namespace llcc::rt
