// `llrun inspect`: what an artifact holds, in words and tables.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include "runtime/llrun/Commands.h"
#include "runtime/llrun/Opened.h"
#include <cstdio>
#include <map>
#include <set>

namespace llcc::rt {

static std::string placement(const Plan &plan, const Sharding &sharding) {
  std::string text = "{";
  for (size_t i = 0; i < sharding.dims.size(); ++i) {
    text += i ? ", " : "";
    for (size_t j = 0; j < sharding.dims[i].size(); ++j)
      text += (j ? "*" : "") + plan.axes[sharding.dims[i][j]];
    if (sharding.dims[i].empty())
      text += "-";
  }
  return text + "}";
}

// What carries an instruction out on the plan's target.
static std::string executor(const Plan &plan, const Instr &instr) {
  bool cuda = plan.target.compare(0, 4, "cuda") == 0;
  switch (instr.op) {
  case Op::Launch: {
    if (!cuda)
      return "generated code";
    for (const Kernel &kernel : plan.kernels)
      if (kernel.name == instr.kernel)
        return "kernel <<<" + format({kernel.grid.begin(), kernel.grid.end()}) + ", " +
               format({kernel.block.begin(), kernel.block.end()}) + ">>>";
    return "kernel";
  }
  case Op::Matmul:
    return cuda ? "cublasLt" : "onednn";
  case Op::Conv:
  case Op::ConvInputGrad:
  case Op::ConvWeightGrad:
    return cuda ? "cudnn" : "onednn";
  case Op::Recurrence:
  case Op::RecurrenceGrad:
    return "runtime";
  case Op::AllReduce:
  case Op::AllGather:
  case Op::ReduceScatter:
  case Op::AllToAll:
  case Op::RingShift:
  case Op::Send:
  case Op::Recv:
    return cuda ? "nccl" : "shared memory";
  case Op::Copy:
  case Op::Fill:
    return cuda ? "driver" : "memory";
  case Op::Feed:
  case Op::FeedScalar:
  case Op::Capture:
    return "host";
  }
  return "";
}

static void printInstr(const Plan &plan, const Program &program, size_t i) {
  const Instr &instr = program.instrs[i];
  printf("  %4zu s%u %-15s %-6s", i, instr.stream, nameOf(instr.op), instr.kernel.c_str());
  auto list = [&](const std::vector<uint32_t> &buffers) {
    for (uint32_t b : buffers)
      printf(" %u:%s%s@%llu", b, nameOf(program.buffers[b].shape.type), format(program.buffers[b].shape.dims).c_str(),
             (unsigned long long)program.buffers[b].offset);
  };
  list(instr.ins);
  printf(" ->");
  list(instr.outs);
  for (uint32_t wait : instr.waits)
    printf(" wait %u", wait);
  for (uint32_t axis : instr.axes)
    printf(" over %s", plan.axes[axis].c_str());
  if (!instr.name.empty())
    printf(" %s", instr.name.c_str());
  printf(" by %s", executor(plan, instr).c_str());
  if (!instr.node.empty())
    printf("   # %s", instr.node.c_str());
  printf("\n");
}

static void printProgram(const Plan &plan, const Program &program, bool full) {
  struct Group {
    size_t count = 0;
    std::string by;
  };
  std::map<unsigned, std::map<std::string, Group>> streams;
  for (const Instr &instr : program.instrs) {
    Group &group = streams[instr.stream][nameOf(instr.op)];
    ++group.count;
    group.by = instr.op == Op::Launch ? "generated code" : executor(plan, instr);
  }
  printf("\n%s program, stage %u: %zu instructions, %zu buffers, %s\n",
         program.kind == Program::Kind::Step ? "step" : "inference", program.stage, program.instrs.size(),
         program.buffers.size(), bytesText(program.arenaBytes).c_str());
  for (auto &[stream, groups] : streams) {
    printf("  stream %u, %s\n", stream, stream == 0 ? "computation" : "communication");
    for (auto &[name, group] : groups)
      printf("    %6zu %-16s by %s\n", group.count, name.c_str(), group.by.c_str());
  }
  // In the order of the plan, which is the order of each stream.
  for (size_t i = 0; full && i < program.instrs.size(); ++i)
    printInstr(plan, program, i);
}

int inspect(const std::string &path, bool full, bool ir, const std::string &section) {
  Opened opened(path);
  const Plan &plan = opened.plan;
  if (!section.empty() || ir) {
    std::string_view bytes = opened.artifact.section(ir ? "ir" : section);
    if (!bytes.data()) {
      std::string known;
      for (const std::string &name : opened.artifact.names())
        known += (known.empty() ? "" : ", ") + name;
      throw Failure{66, path + ": has no section \"" + (ir ? "ir" : section) + "\", it has " + known};
    }
    fwrite(bytes.data(), 1, bytes.size(), stdout);
    return 0;
  }
  printf("model      %s\ntarget     %s\nmade by    %s\nstrategy   %s on a mesh", plan.model.c_str(),
         plan.target.c_str(), plan.command.c_str(), plan.strategy.c_str());
  for (size_t i = 0; i < plan.axes.size(); ++i)
    printf(" %s=%u", plan.axes[i].c_str(), plan.sizes[i]);
  printf(", %u device%s\nbatch      %lld in %lld microbatch%s\nloss       %s\noptimizer  %s\n", plan.devices(),
         plan.devices() == 1 ? "" : "s", (long long)plan.batch, (long long)plan.microbatches,
         plan.microbatches == 1 ? "" : "es", plan.loss.c_str(), plan.optimizer.c_str());
  for (const Input &input : plan.inputs)
    printf("%-10s %s %s%s\n", input.label ? "label" : "input", input.name.c_str(), nameOf(input.shape.type),
           format(input.shape.dims).c_str());
  for (const Output &output : plan.outputs)
    printf("output     %s %s%s\n", output.name.c_str(), nameOf(output.shape.type), format(output.shape.dims).c_str());
  std::set<uint32_t> changed;
  for (const Program &program : plan.programs)
    for (const Instr &instr : program.instrs)
      for (uint32_t b : instr.outs)
        if (program.buffers[b].space == Buffer::Space::Param)
          changed.insert(program.buffers[b].index);
  auto kind = [&](const Variable &v) {
    if (v.role != Variable::Role::Param || v.trainable)
      return "";
    return changed.count(uint32_t(&v - plan.variables.data())) ? "  tracked" : "  frozen";
  };
  printf("\nvariables\n");
  for (const Variable &v : plan.variables)
    printf("  %-8s %-32s %s%-14s stage %u  %s%s\n", v.role == Variable::Role::Param ? "param" : "state", v.name.c_str(),
           nameOf(v.shape.type), format(v.shape.dims).c_str(), v.stage, placement(plan, v.sharding).c_str(), kind(v));
  printf("\nkernels\n");
  for (const Kernel &kernel : plan.kernels) {
    printf("  %-6s %u in, %u out", kernel.name.c_str(), kernel.ins, kernel.outs);
    if (!kernel.grid.empty())
      printf("  grid %s block %s", format({kernel.grid.begin(), kernel.grid.end()}).c_str(),
             format({kernel.block.begin(), kernel.block.end()}).c_str());
    printf("  %s\n", kernel.text.c_str());
  }
  for (const Program &program : plan.programs)
    printProgram(plan, program, full);
  printf("\nsections\n");
  for (const std::string &name : opened.artifact.names())
    printf("  %-16s %s\n", name.c_str(), bytesText(opened.artifact.section(name).size()).c_str());
  return 0;
}

} // namespace llcc::rt
