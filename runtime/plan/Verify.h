// What the parts of the verifier share: the list of violations and how an instruction is named in it. Not public.
#ifndef LLCC_RUNTIME_PLAN_VERIFY_H
#define LLCC_RUNTIME_PLAN_VERIFY_H

#include "runtime/plan/Plan.h"
#include <optional>

namespace llcc::rt {

class Report {
public:
  /// One broken rule often breaks many instructions: only the first `limit` sentences are kept.
  void add(const std::string &sentence) {
    if (lines.size() < limit)
      lines.push_back(sentence);
  }
  bool full() const { return lines.size() >= limit; }
  std::vector<std::string> lines;

private:
  static constexpr size_t limit = 50;
};

/// "step program of stage 1" or "inference program".
std::string nameOf(const Program &program);
/// "step program of stage 1: instruction 12 (matmul, node "fc1")".
std::string nameOf(const Program &program, size_t instr);
/// "instruction 12 (matmul, node "fc1")".
std::string nameOf(const Instr &instr, size_t index);
/// "f32[64x10]".
std::string nameOf(const Shape &shape);

inline bool isGroupCollective(Op op) { return op >= Op::AllReduce && op <= Op::RingShift; }
/// The buffer that a buffer is a view of, or itself.
inline uint32_t rootOf(const Program &program, uint32_t b) {
  return program.buffers[b].viewOf < 0 ? b : static_cast<uint32_t>(program.buffers[b].viewOf);
}
/// Number of the mesh axis "pipeline", -1 where there is none.
int pipelineAxis(const Plan &plan);
/// Members of a collective's group.
int64_t membersOf(const Plan &plan, const Instr &instr);

/// Mesh, tables, counts and that every index points at something; the other parts need this to hold.
void verifyStructure(const Plan &plan, Report &report);
/// Place, index and shape of each buffer; who may hold which variable; every trainable variable is updated exactly
/// once.
void verifyBuffers(const Plan &plan, Report &report);
/// Operand counts, shapes, types and numbers of each instruction.
void verifyShapes(const Plan &plan, Report &report);
/// Reads follow writes of the same bytes, and nothing overwrites what is still read, whatever the streams' relative
/// speed.
void verifyOrder(const Plan &plan, Report &report);
/// Collectives, sends and receives meet across stages and cannot wait for each other in a circle.
void verifyCollectives(const Plan &plan, Report &report);

/// Devices that hold the same piece of a variable update it alike; losses and gradients are shown whole.
void verifyReplicas(const Plan &plan, Report &report);

/// For each instruction and stream the last instruction of that stream that has ended when it starts (-1: none).
/// Streams run in list order, waits join them.
using Clock = std::vector<int64_t>;
std::vector<Clock> clocksOf(const Program &program);

/// How a captured gradient is cut, as its instruction says; empty where what it says is no cut of the plan's mesh.
std::optional<Sharding> gradientSharding(const Plan &plan, const Variable &variable, const Instr &capture);

/// Position of the first instruction that writes weights or optimizer state after the program's last loss capture (the
/// number of instructions where there is none): a loss that is not finite must stop the device here.
size_t commitPoint(const Program &program);
/// True if all stages can wait at their commit point until the loss is known, without waiting in a circle.
bool gateIsSafe(const Plan &plan);

} // namespace llcc::rt

#endif
