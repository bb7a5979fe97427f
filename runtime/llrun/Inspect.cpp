// `llrun inspect`: what an artifact holds, in words and tables.
#include "runtime/data/Array.h"
#include "runtime/llrun/Commands.h"
#include "runtime/llrun/Opened.h"
#include <cstdio>
#include <map>

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

static void printProgram(const Plan &plan, const Program &program, bool full) {
  std::map<std::string, size_t> counts;
  for (const Instr &instr : program.instrs)
    ++counts[nameOf(instr.op)];
  printf("\n%s program, stage %u: %zu instructions, %zu buffers, %s\n",
         program.kind == Program::Kind::Step ? "step" : "inference", program.stage, program.instrs.size(),
         program.buffers.size(), bytesText(program.arenaBytes).c_str());
  for (auto &[name, count] : counts)
    printf("  %6zu %s\n", count, name.c_str());
  if (!full)
    return;
  for (size_t i = 0; i < program.instrs.size(); ++i) {
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
    if (!instr.node.empty())
      printf("   # %s", instr.node.c_str());
    printf("\n");
  }
}

int inspect(const std::string &path, bool full, bool ir, const std::string &section) {
  Opened opened(path);
  const Plan &plan = opened.plan;
  if (!section.empty() || ir) {
    std::string_view bytes = opened.artifact.section(ir ? "ir" : section);
    fwrite(bytes.data(), 1, bytes.size(), stdout);
    return bytes.data() ? 0 : 66;
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
  printf("\nvariables\n");
  for (const Variable &v : plan.variables)
    printf("  %-8s %-32s %s%-14s stage %u  %s%s\n", v.role == Variable::Role::Param ? "param" : "state", v.name.c_str(),
           nameOf(v.shape.type), format(v.shape.dims).c_str(), v.stage, placement(plan, v.sharding).c_str(),
           v.role == Variable::Role::Param && !v.trainable ? "  frozen" : "");
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
