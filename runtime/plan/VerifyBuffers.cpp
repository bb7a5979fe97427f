// Buffers lie in the arena, hold what the tables say, and every trainable variable is updated exactly once.
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <iterator>
#include <map>
#include <set>

namespace llcc::rt {
namespace {

bool equal(const Shape &a, const Shape &b) { return a.type == b.type && a.dims == b.dims; }

class BufferCheck {
public:
  BufferCheck(const Plan &plan, const Program &program, Report &report)
      : plan(plan), program(program), report(report) {}

  void run() {
    for (size_t b = 0; b < program.buffers.size() && !report.full(); ++b) {
      const Buffer &buffer = program.buffers[b];
      at = nameOf(program) + ": buffer " + std::to_string(b);
      if (buffer.offset % 64 != 0)
        report.add(at + " starts at byte " + std::to_string(buffer.offset) + ", needs a multiple of 64");
      if (buffer.offset > program.arenaBytes || buffer.shape.bytes() > program.arenaBytes - buffer.offset)
        report.add(at + " of " + std::to_string(buffer.shape.bytes()) + " bytes at " + std::to_string(buffer.offset) +
                   " leaves the arena of " + std::to_string(program.arenaBytes) + " bytes");
      if (buffer.viewOf < 0)
        check(buffer);
    }
  }

private:
  void check(const Buffer &buffer) {
    bool infer = program.kind == Program::Kind::Infer;
    switch (buffer.space) {
    case Buffer::Space::Temp:
      return;
    case Buffer::Space::Param:
    case Buffer::Space::State:
      return variable(buffer);
    case Buffer::Space::Input: {
      if (!indexed(buffer, plan.inputs.size(), "inputs"))
        return;
      const Input &input = plan.inputs[buffer.index];
      Shape expected = infer ? input.shape : localShape(input.shape, input.sharding, plan.sizes);
      // Inference takes as many rows as it was compiled for, which need not be a microbatch.
      if (infer && input.batched && !buffer.shape.dims.empty())
        expected.dims[0] = buffer.shape.dims[0];
      return same(buffer.shape, expected, "input \"" + input.name + "\"");
    }
    case Buffer::Space::Scalar:
      return scalar(buffer);
    case Buffer::Space::Output:
      if (indexed(buffer, plan.outputs.size(), "outputs"))
        same(buffer.shape, plan.outputs[buffer.index].shape, "output \"" + plan.outputs[buffer.index].name + "\"");
      return;
    }
  }

  void scalar(const Buffer &buffer) {
    static constexpr std::pair<const char *, DType> scalars[] = {
        {"lr", DType::F32}, {"step", DType::F64}, {"seed", DType::I64}};
    if (buffer.index >= std::size(scalars))
      return report.add(at + " holds scalar " + std::to_string(buffer.index) +
                        ", there are 0 (lr), 1 (step) and 2 (seed)");
    auto [name, type] = scalars[buffer.index];
    if (buffer.shape.elements() != 1 || buffer.shape.type != type)
      report.add(at + " holds scalar " + name + " as " + nameOf(buffer.shape) + ", needs one " + nameOf(type));
  }

  void variable(const Buffer &buffer) {
    if (!indexed(buffer, plan.variables.size(), "variables"))
      return;
    const Variable &v = plan.variables[buffer.index];
    std::string owner = "variable \"" + v.name + "\"";
    if ((v.role == Variable::Role::Param) != (buffer.space == Buffer::Space::Param))
      report.add(at + " is a " + (buffer.space == Buffer::Space::Param ? "param" : "state") + ", " + owner + " is not");
    if (program.kind == Program::Kind::Infer)
      return same(buffer.shape, v.shape, owner + ", whole,");
    // Frozen weights may stand in several stages; what is updated has one home.
    if (program.stage != v.stage && (v.trainable || v.role == Variable::Role::State))
      report.add(at + " holds " + owner + ", which belongs to stage " + std::to_string(v.stage));
    auto [first, fresh] = seen.emplace(buffer.index, &buffer);
    if (!fresh)
      report.add(at + " holds " + owner + ", and so does buffer " +
                 std::to_string(first->second - program.buffers.data()));
    same(buffer.shape, localShape(v.shape, v.sharding, plan.sizes), owner);
  }

  bool indexed(const Buffer &buffer, size_t count, const char *table) {
    if (buffer.index < count)
      return true;
    report.add(at + " has index " + std::to_string(buffer.index) + ", the plan has " + std::to_string(count) + " " +
               table);
    return false;
  }
  void same(const Shape &found, const Shape &expected, const std::string &owner) {
    if (!equal(found, expected))
      report.add(at + " is " + nameOf(found) + ", " + owner + " needs " + nameOf(expected));
  }

  const Plan &plan;
  const Program &program;
  Report &report;
  std::string at;
  std::map<uint32_t, const Buffer *> seen;
};

void verifyUpdates(const Plan &plan, Report &report) {
  std::vector<int> writes(plan.variables.size(), 0);
  for (const Program &program : plan.programs)
    for (size_t i = 0; i < program.instrs.size(); ++i)
      for (uint32_t b : program.instrs[i].outs) {
        const Buffer &buffer = program.buffers[b];
        if (buffer.space != Buffer::Space::Param && buffer.space != Buffer::Space::State)
          continue;
        if (program.kind == Program::Kind::Infer)
          report.add(nameOf(program, i) + ": writes variable \"" + plan.variables[buffer.index].name +
                     "\", inference changes none");
        else if (++writes[buffer.index] == 2)
          report.add(nameOf(program, i) + ": updates variable \"" + plan.variables[buffer.index].name +
                     "\" a second time");
      }
  if (!plan.stepProgram(0))
    return;
  for (size_t v = 0; v < writes.size(); ++v)
    if (plan.variables[v].trainable && plan.variables[v].role == Variable::Role::Param && writes[v] == 0)
      report.add("trainable variable \"" + plan.variables[v].name + "\" is never updated");
}

/// A stage that reads a batched input reads all of its microbatches.
void verifyFeeds(const Plan &plan, Report &report) {
  for (const Program &program : plan.programs) {
    if (program.kind != Program::Kind::Step)
      continue;
    std::map<uint32_t, std::set<int64_t>> fed;
    for (const Instr &instr : program.instrs)
      if (instr.op == Op::Feed && !instr.outs.empty() && !instr.ints.empty())
        if (uint32_t input = program.buffers[instr.outs[0]].index; input < plan.inputs.size())
          fed[input].insert(instr.ints[0]);
    for (auto &[input, microbatches] : fed)
      for (int64_t m = 0; m < plan.microbatches && plan.inputs[input].batched; ++m)
        if (!microbatches.count(m)) {
          report.add(nameOf(program) + ": reads input \"" + plan.inputs[input].name + "\", but never its microbatch " +
                     std::to_string(m) + " of " + std::to_string(plan.microbatches));
          break;
        }
  }
}

} // namespace

void verifyBuffers(const Plan &plan, Report &report) {
  for (const Program &program : plan.programs)
    BufferCheck(plan, program, report).run();
  if (report.lines.empty())
    verifyUpdates(plan, report);
  if (report.lines.empty())
    verifyFeeds(plan, report);
}

} // namespace llcc::rt
