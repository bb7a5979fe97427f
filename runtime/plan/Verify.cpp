// Proves a plan sound: runs the parts of the verifier in order, and checks what all of them rely on.
#include "runtime/plan/Verify.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <set>

namespace llcc::rt {

std::string nameOf(const Program &program) {
  return program.kind == Program::Kind::Infer ? "inference program"
                                              : "step program of stage " + std::to_string(program.stage);
}

std::string nameOf(const Instr &instr, size_t index) {
  std::string text = "instruction " + std::to_string(index) + " (" + nameOf(instr.op);
  if (instr.op == Op::Launch)
    text += " " + instr.kernel;
  if (!instr.node.empty())
    text += ", node \"" + instr.node + "\"";
  return text + ")";
}

std::string nameOf(const Program &program, size_t instr) {
  return nameOf(program) + ": " + nameOf(program.instrs[instr], instr);
}

std::string nameOf(const Shape &shape) {
  std::string text = std::string(nameOf(shape.type)) + "[";
  for (size_t i = 0; i < shape.dims.size(); ++i)
    text += (i ? "x" : "") + std::to_string(shape.dims[i]);
  return text + "]";
}

int pipelineAxis(const Plan &plan) {
  for (size_t i = 0; i < plan.axes.size(); ++i)
    if (plan.axes[i] == "pipeline")
      return static_cast<int>(i);
  return -1;
}

std::vector<bool> fedInputs(const Plan &plan, uint32_t device) {
  std::vector<bool> fed(plan.inputs.size(), false);
  int axis = pipelineAxis(plan);
  const Program *program = plan.stepProgram(axis < 0 ? 0 : plan.coordinates(device)[static_cast<size_t>(axis)]);
  if (program)
    for (const Instr &instr : program->instrs)
      if (instr.op == Op::Feed)
        fed[program->buffers[instr.outs[0]].index] = true;
  return fed;
}

int64_t membersOf(const Plan &plan, const Instr &instr) {
  int64_t members = 1;
  for (uint32_t axis : instr.axes)
    members *= plan.sizes[axis];
  return members;
}

static bool overflows(const Shape &shape) {
  uint64_t count = 1;
  for (int64_t dim : shape.dims)
    if (dim < 0 || __builtin_mul_overflow(count, static_cast<uint64_t>(dim ? dim : 1), &count) || count >> 56)
      return true;
  return false;
}

/// A sharding names each mesh axis at most once, and has no entry or one for each dimension.
static void verifySharding(const Plan &plan, const Shape &shape, const Sharding &sharding, const std::string &owner,
                           Report &report) {
  if (!sharding.dims.empty() && sharding.dims.size() != shape.dims.size())
    report.add(owner + ": sharding has " + std::to_string(sharding.dims.size()) + " dimensions, the shape has " +
               std::to_string(shape.dims.size()));
  std::set<uint32_t> seen;
  for (const auto &axes : sharding.dims)
    for (uint32_t axis : axes) {
      if (axis >= plan.axes.size())
        report.add(owner + ": sharding names mesh axis " + std::to_string(axis) + ", the mesh has " +
                   std::to_string(plan.axes.size()));
      else if (plan.axes[axis] == "pipeline")
        report.add(owner + ": sharding cuts over \"pipeline\", stages hold different tensors");
      else if (!seen.insert(axis).second)
        report.add(owner + ": sharding names mesh axis \"" + plan.axes[axis] + "\" twice");
    }
}

static void verifyMesh(const Plan &plan, Report &report) {
  if (plan.axes.size() != plan.sizes.size())
    return report.add("mesh has " + std::to_string(plan.axes.size()) + " axes and " +
                      std::to_string(plan.sizes.size()) + " sizes");
  uint64_t devices = 1;
  for (size_t i = 0; i < plan.axes.size(); ++i) {
    devices *= plan.sizes[i];
    if (plan.sizes[i] == 0 || devices > 65536)
      return report.add("mesh axis \"" + plan.axes[i] + "\" has size " + std::to_string(plan.sizes[i]) +
                        ", all axes together need 1 to 65536 devices");
    if (std::count(plan.axes.begin(), plan.axes.end(), plan.axes[i]) > 1)
      return report.add("mesh has two axes \"" + plan.axes[i] + "\"");
  }
}

static void verifyTables(const Plan &plan, Report &report) {
  std::set<std::string> names;
  for (const Variable &v : plan.variables) {
    std::string owner = "variable \"" + v.name + "\"";
    if (!names.insert(v.name).second)
      report.add(owner + " stands twice in the table");
    if (overflows(v.shape))
      report.add(owner + ": shape has a negative or huge dimension");
    if (Shape file{v.shape.type, v.dimsInFile()}; overflows(file) || file.elements() != v.shape.elements())
      report.add(owner + " has the shape " + nameOf(file) + " in the model's file and " + nameOf(v.shape) +
                 " here, needs as many elements");
    if (v.role == Variable::Role::Param && v.stored != v.shape.type &&
        !(v.shape.type == DType::F32 && isHalf(v.stored)))
      report.add(owner + " is stored as " + nameOf(v.stored) + " and held as " + nameOf(v.shape.type) +
                 ", only bf16 and f16 may be held as f32");
    if (v.stage >= plan.stages())
      report.add(owner + ": belongs to stage " + std::to_string(v.stage) + ", the mesh has " +
                 std::to_string(plan.stages()));
    verifySharding(plan, v.shape, v.sharding, owner, report);
  }
  names.clear();
  if (plan.microbatches < 1 || plan.batch < 0)
    report.add("batch is " + std::to_string(plan.batch) + " in " + std::to_string(plan.microbatches) +
               " microbatches, needs at least one microbatch");
  for (const Input &i : plan.inputs) {
    std::string owner = "input \"" + i.name + "\"";
    if (!names.insert(i.name).second)
      report.add(owner + " stands twice in the table");
    if (overflows(i.shape))
      report.add(owner + ": shape has a negative or huge dimension");
    else if (i.batched && (i.shape.dims.empty() || plan.batch % plan.microbatches != 0 ||
                           i.shape.dims[0] != plan.batch / plan.microbatches))
      report.add(owner + ": one microbatch is " + nameOf(i.shape) + ", " + std::to_string(plan.microbatches) +
                 " of them must make the batch of " + std::to_string(plan.batch));
    verifySharding(plan, i.shape, i.sharding, owner, report);
  }
  names.clear();
  for (const Output &o : plan.outputs) {
    if (!names.insert(o.name).second)
      report.add("output \"" + o.name + "\" stands twice in the table");
    if (overflows(o.shape))
      report.add("output \"" + o.name + "\": shape has a negative or huge dimension");
  }
  names.clear();
  for (const Kernel &k : plan.kernels) {
    if (!names.insert(k.name).second)
      report.add("kernel \"" + k.name + "\" stands twice in the table");
    for (uint32_t axis : k.coords)
      if (axis >= plan.axes.size())
        report.add("kernel \"" + k.name + "\" looks at mesh axis " + std::to_string(axis) + ", the mesh has " +
                   std::to_string(plan.axes.size()));
  }
}

void verifyStructure(const Plan &plan, Report &report) {
  verifyMesh(plan, report);
  if (!report.lines.empty())
    return;
  verifyTables(plan, report);
  std::vector<int> steps(plan.stages(), 0);
  int infers = 0, all = 0;
  for (const Program &program : plan.programs) {
    bool step = program.kind == Program::Kind::Step;
    if (step && program.stage >= plan.stages()) {
      report.add(nameOf(program) + ": the mesh has " + std::to_string(plan.stages()) + " stages");
      continue;
    }
    all += step;
    int &count = step ? steps[program.stage] : infers;
    if (++count == 2)
      report.add(nameOf(program) + " stands twice in the plan");
    for (size_t b = 0; b < program.buffers.size(); ++b)
      if (overflows(program.buffers[b].shape))
        report.add(nameOf(program) + ": buffer " + std::to_string(b) + ": shape has a negative or huge dimension");
    for (size_t b = 0; b < program.buffers.size(); ++b) {
      const Buffer &view = program.buffers[b];
      if (view.viewOf < 0)
        continue;
      std::string owner =
          nameOf(program) + ": buffer " + std::to_string(b) + " is a view of buffer " + std::to_string(view.viewOf);
      if (view.viewOf >= static_cast<int64_t>(b) || program.buffers[view.viewOf].viewOf >= 0)
        report.add(owner + ", which is not an earlier buffer of its own");
      else if (const Buffer &root = program.buffers[view.viewOf];
               root.offset != view.offset || root.shape.type != view.shape.type || root.space != view.space ||
               root.index != view.index || root.shape.elements() != view.shape.elements())
        report.add(owner + " with another place, type or number of elements: " + nameOf(view.shape) + " at " +
                   std::to_string(view.offset) + ", " + nameOf(root.shape) + " at " + std::to_string(root.offset));
    }
    for (size_t i = 0; i < program.instrs.size(); ++i) {
      const Instr &instr = program.instrs[i];
      for (const auto *list : {&instr.ins, &instr.outs})
        for (uint32_t b : *list)
          if (b >= program.buffers.size())
            report.add(nameOf(program, i) + ": uses buffer " + std::to_string(b) + ", the program has " +
                       std::to_string(program.buffers.size()));
      if (instr.stream > 1)
        report.add(nameOf(program, i) + ": is on stream " + std::to_string(instr.stream) +
                   ", there are streams 0 and 1");
      for (uint32_t w : instr.waits)
        if (w >= i)
          report.add(nameOf(program, i) + ": waits for instruction " + std::to_string(w) + ", which is not before it");
        else if (program.instrs[w].stream == instr.stream)
          report.add(nameOf(program, i) + ": waits for instruction " + std::to_string(w) +
                     " of its own stream, where order is given");
      for (size_t a = 0; a < instr.axes.size(); ++a)
        if (instr.axes[a] >= plan.axes.size())
          report.add(nameOf(program, i) + ": names mesh axis " + std::to_string(instr.axes[a]) + ", the mesh has " +
                     std::to_string(plan.axes.size()));
        else if (std::find(instr.axes.begin(), instr.axes.begin() + a, instr.axes[a]) != instr.axes.begin() + a)
          report.add(nameOf(program, i) + ": names mesh axis \"" + plan.axes[instr.axes[a]] + "\" twice");
      if (report.full())
        return;
    }
  }
  if (all > 0)
    for (size_t stage = 0; stage < steps.size(); ++stage)
      if (steps[stage] == 0)
        report.add("plan has no step program for stage " + std::to_string(stage) + " of " +
                   std::to_string(plan.stages()));
  if (all == 0 && infers == 0)
    report.add("plan has no program");
}

std::vector<std::string> verify(const Plan &plan) {
  Report report;
  verifyStructure(plan, report);
  if (!report.lines.empty())
    return report.lines;
  verifyBuffers(plan, report);
  verifyShapes(plan, report);
  // Order and meeting are only worth a sentence in a plan whose instructions make sense.
  if (report.lines.empty()) {
    verifyOrder(plan, report);
    verifyCollectives(plan, report);
  }
  if (report.lines.empty())
    verifyReplicas(plan, report);
  return report.lines;
}

} // namespace llcc::rt
