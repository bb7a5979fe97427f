// One legal order of all step programs' instructions, across pipeline stages.
#ifndef LLCC_RUNTIME_PLAN_WALK_H
#define LLCC_RUNTIME_PLAN_WALK_H

#include "runtime/plan/Plan.h"
#include <functional>
#include <map>

namespace llcc::rt {

/// Where an instruction stands.
struct Site {
  const Program *program;
  size_t index;
  const Instr &instr() const { return program->instrs[index]; }
};

/// Visits the instructions of all step programs: each stage in list order, a receive after its send, a collective over
/// "pipeline" once with the sites of all stages (else one site). Stops where stages wait for each other, which verify()
/// refuses.
void walkStages(const Plan &plan, const std::function<void(const std::vector<Site> &)> &visit);

/// What is sent, in order, from stage to stage: a visitor pushes at a Send and pops at its Recv.
template <class T> using Mail = std::map<std::pair<int64_t, int64_t>, std::vector<T>>;

/// True for a collective whose group lies in several stages.
bool crossesStages(const Plan &plan, const Instr &instr);

} // namespace llcc::rt

#endif
