// Sessions: memory, weights, and what the host gives and takes.
#include "runtime/core/Session.h"
#include "runtime/core/Error.h"
#include "runtime/core/Save.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace llcc::rt {

Arena::Arena(uint64_t size) : bytes(size) {
  void *memory = mmap(nullptr, std::max<uint64_t>(size, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw Error{71, "cannot get " + std::to_string(size) + " bytes of memory for a device: " + strerror(errno)};
  madvise(memory, size, MADV_HUGEPAGE);
  data = static_cast<char *>(memory);
}

Arena::~Arena() {
  if (data)
    munmap(data, std::max<uint64_t>(bytes, 1));
}

static uint32_t threadsOf(const llcc_rt_options &options) {
  return options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
}

Session::Session(const Module &module, const llcc_rt_options &options)
    : module(module), memoryLimit(options.memory_limit), team(module.plan.devices(), threadsOf(options)) {
  const Plan &plan = module.plan;
  if (plan.target.rfind("cpu", 0) != 0)
    throw Error{69, module.path + ": was compiled for " + plan.target +
                        ", this build runs cpu artifacts only; compile with --target=cpu"};
  if (options.timeout_ms)
    fate.limit = std::chrono::milliseconds(options.timeout_ms);
  for (const Program &program : plan.programs)
    if (memoryLimit && program.arenaBytes > memoryLimit)
      throw Error{
          78,
          module.path + ": needs " + std::to_string(program.arenaBytes) + " bytes on a device, the limit is " +
              std::to_string(memoryLimit) +
              "; compile with a smaller --batch, more --devices with --strategy=tensor or pipeline, or raise --memory"};
  uint32_t count = plan.devices();
  everyone = std::make_unique<Meeting>(count, fate, count <= std::thread::hardware_concurrency());
  devices.resize(count);
  int pipeline = -1;
  for (size_t i = 0; i < plan.axes.size(); ++i)
    if (plan.axes[i] == "pipeline")
      pipeline = int(i);
  for (uint32_t d = 0; d < count; ++d) {
    uint32_t stage = pipeline < 0 ? 0 : plan.coordinates(d)[size_t(pipeline)];
    if (const Program *program = plan.stepProgram(stage))
      bind(devices[d], *program, d);
  }
  if (const Program *program = plan.inferProgram()) {
    inference = std::make_unique<Bound>();
    bind(*inference, *program, 0);
  }
  std::vector<char> whole;
  for (size_t v = 0; v < plan.variables.size(); ++v) {
    const Variable &variable = plan.variables[v];
    if (variable.role == Variable::Role::Param) {
      set(v, module.initial(variable));
      continue;
    }
    whole.assign(variable.shape.bytes(), 0);
    for (uint64_t i = 0; variable.init != 0 && i < variable.shape.elements(); ++i) {
      float f = float(variable.init);
      if (variable.shape.type == DType::F64)
        memcpy(&whole[8 * i], &variable.init, 8);
      else
        memcpy(&whole[4 * i], &f, 4);
    }
    set(v, whole.data());
  }
}

void Session::bind(Bound &bound, const Program &program, uint32_t device) {
  bound.program = &program;
  bound.device = device;
  bound.coords = module.plan.coordinates(device);
  bound.coords64.assign(bound.coords.begin(), bound.coords.end());
  if (bound.coords64.empty())
    bound.coords64.push_back(0);
  bound.arena = std::make_unique<Arena>(program.arenaBytes);
  bound.steps.resize(program.instrs.size());
  bound.updateStart = program.instrs.size();
  for (size_t i = 0; i < program.instrs.size(); ++i) {
    const Instr &instr = program.instrs[i];
    Bound::Step &step = bound.steps[i];
    for (uint32_t out : instr.outs) {
      Buffer::Space space = program.buffers[out].space;
      if (space == Buffer::Space::Param || space == Buffer::Space::State)
        bound.updateStart = std::min(bound.updateStart, i);
    }
    switch (instr.op) {
    case Op::Launch:
      step.kernel = module.kernel(instr.kernel);
      for (uint32_t in : instr.ins)
        step.buffers.push_back(bound.at(in));
      for (uint32_t out : instr.outs)
        if (std::find(instr.ins.begin(), instr.ins.end(), out) == instr.ins.end())
          step.buffers.push_back(bound.at(out));
      break;
    case Op::Matmul:
    case Op::Conv:
    case Op::ConvInputGrad:
    case Op::ConvWeightGrad:
      step.call = prepareCall(program, instr, bound.arena->data);
      break;
    case Op::AllReduce:
    case Op::AllGather:
    case Op::ReduceScatter:
    case Op::AllToAll:
      step.meeting = &meetingOf(instr, bound, step.member);
      break;
    default:
      break;
    }
  }
}

// Members differ only along the axes; the member number is row-major along them, in the order given.
Meeting &Session::meetingOf(const Instr &instr, const Bound &bound, size_t &member) {
  const Plan &plan = module.plan;
  std::vector<uint32_t> coords = bound.coords, group;
  size_t members = 1;
  for (uint32_t axis : instr.axes)
    members *= plan.sizes[axis];
  for (size_t m = 0; m < members; ++m) {
    size_t rest = m;
    for (size_t j = instr.axes.size(); j-- > 0;) {
      coords[instr.axes[j]] = uint32_t(rest % plan.sizes[instr.axes[j]]);
      rest /= plan.sizes[instr.axes[j]];
    }
    if (coords == bound.coords)
      member = m;
    uint32_t device = 0;
    for (size_t a = 0; a < coords.size(); ++a)
      device = device * plan.sizes[a] + coords[a];
    group.push_back(device);
  }
  std::unique_ptr<Meeting> &meeting = meetings[group];
  if (!meeting)
    meeting = std::make_unique<Meeting>(members, fate, plan.devices() <= std::thread::hardware_concurrency());
  return *meeting;
}

bool Session::holds(const Bound &bound, size_t variable, uint32_t &buffer) const {
  if (!bound.program)
    return false;
  for (uint32_t b = 0; b < bound.program->buffers.size(); ++b) {
    const Buffer &candidate = bound.program->buffers[b];
    if ((candidate.space == Buffer::Space::Param || candidate.space == Buffer::Space::State) &&
        candidate.index == variable) {
      buffer = b;
      return true;
    }
  }
  return false;
}

void Session::get(size_t v, char *data) const {
  const Variable &variable = module.plan.variables[v];
  if (auto found = unplaced.find(v); found != unplaced.end()) {
    memcpy(data, found->second.data(), found->second.size());
    return;
  }
  // From the last device to the first: what the first holders have stays.
  for (size_t d = devices.size(); d-- > 0;) {
    uint32_t buffer;
    if (holds(devices[d], v, buffer))
      gatherPiece(variable.shape, pieceOf(variable.shape, variable.sharding, module.plan.sizes, devices[d].coords),
                  devices[d].at(buffer), data);
  }
}

void Session::set(size_t v, const char *data) {
  const Variable &variable = module.plan.variables[v];
  inferenceFresh = false;
  bool placed = false;
  for (Bound &device : devices) {
    uint32_t buffer;
    if (!holds(device, v, buffer))
      continue;
    placed = true;
    scatterPiece(variable.shape, pieceOf(variable.shape, variable.sharding, module.plan.sizes, device.coords), data,
                 device.at(buffer));
  }
  if (!placed)
    unplaced[v].assign(data, data + variable.shape.bytes());
}

void Session::checkInputs(const llcc_rt_tensor *given, size_t count, bool training, int64_t samples) {
  const Plan &plan = module.plan;
  inputs.assign(plan.inputs.size(), nullptr);
  for (size_t i = 0; i < count; ++i)
    for (size_t n = 0; n < plan.inputs.size(); ++n)
      if (given[i].name && plan.inputs[n].name == given[i].name)
        inputs[n] = &given[i];
  for (size_t n = 0; n < plan.inputs.size(); ++n) {
    const Input &input = plan.inputs[n];
    if (!inputs[n]) {
      if (input.label && !training)
        continue;
      throw Error{65, "input \"" + input.name + "\" is missing"};
    }
    std::vector<int64_t> want = input.shape.dims, have(inputs[n]->dims, inputs[n]->dims + inputs[n]->rank);
    if (input.batched)
      want[0] = samples;
    Shape shape{input.shape.type, want};
    auto text = [](const std::vector<int64_t> &dims) {
      std::string t = "[";
      for (size_t i = 0; i < dims.size(); ++i)
        t += (i ? ", " : "") + std::to_string(dims[i]);
      return t + "]";
    };
    if (DType(inputs[n]->dtype) != input.shape.type || have != want || inputs[n]->bytes != shape.bytes())
      throw Error{65, "input \"" + input.name + "\" is " + nameOf(DType(inputs[n]->dtype)) + text(have) + " in " +
                          std::to_string(inputs[n]->bytes) + " bytes, needs " + nameOf(input.shape.type) + text(want)};
    if (input.classes < 0)
      continue;
    for (uint64_t i = 0, elements = shape.elements(); i < elements; ++i) {
      int64_t value = input.shape.type == DType::I64   ? static_cast<const int64_t *>(inputs[n]->data)[i]
                      : input.shape.type == DType::I32 ? static_cast<const int32_t *>(inputs[n]->data)[i]
                                                       : 0;
      if ((value < 0 || value >= input.classes) && !(input.label && value == input.ignore))
        throw Error{65, "input \"" + input.name + "\": element " + std::to_string(i) + " is " + std::to_string(value) +
                            ", needs a number from 0 to " + std::to_string(input.classes - 1)};
    }
  }
}

llcc_rt_step_result Session::trainStep(const llcc_rt_tensor *given, size_t count, double rate,
                                       llcc_rt_tensor *gradients, size_t gradientCount) {
  checkInputs(given, count, true, module.plan.batch);
  lr = float(rate);
  stepNumber = double(step + 1);
  wanted.clear();
  for (size_t i = 0; i < gradientCount; ++i) {
    int64_t v = module.find(gradients[i].name);
    if (v < 0 || gradients[i].bytes != module.plan.variables[size_t(v)].shape.bytes())
      throw Error{64, std::string("gradient \"") + gradients[i].name +
                          "\" is of no parameter, or its buffer has the wrong size"};
    wanted[gradients[i].name] = &gradients[i];
  }
  fate.reset();
  mailbox.clear();
  failureCode = 0;
  team.run([this](uint32_t d) { runProgram(devices[d]); });
  if (failureCode) {
    // Meetings were left half-way; a session that failed must not run again.
    throw Error{failureCode, failure};
  }
  inferenceFresh = false;
  llcc_rt_step_result result{};
  result.size = sizeof result;
  result.step = step + 1;
  result.grad_norm = std::nan("");
  bool found = false;
  for (const Bound &device : devices) {
    if (device.hasLoss && !found) {
      result.loss = device.loss;
      found = true;
    }
    if (device.hasNorm && std::isnan(result.grad_norm))
      result.grad_norm = device.gradNorm;
  }
  if (found && !std::isfinite(result.loss))
    throw Error{65, "loss of step " + std::to_string(step + 1) + " is " +
                        (std::isnan(result.loss) ? "NaN" : "infinite") +
                        "; a smaller learning rate, or --clip, may help"};
  ++step;
  return result;
}

void Session::infer(const llcc_rt_tensor *given, size_t count, int64_t samples, llcc_rt_tensor *outputs,
                    size_t outputCount) {
  if (!inference)
    throw Error{65, module.path + ": has no inference program"};
  checkInputs(given, count, false, samples);
  const Plan &plan = module.plan;
  for (const Input &input : plan.inputs)
    if (input.batched && !input.label && samples > input.shape.dims[0])
      throw Error{64, std::to_string(samples) + " samples do not fit the inference program, it takes up to " +
                          std::to_string(input.shape.dims[0])};
  rows = samples;
  wanted.clear();
  for (size_t i = 0; i < outputCount; ++i)
    wanted[outputs[i].name] = &outputs[i];
  if (!inferenceFresh)
    for (size_t v = 0; v < plan.variables.size(); ++v) {
      uint32_t buffer;
      if (holds(*inference, v, buffer))
        get(v, inference->at(buffer));
    }
  inferenceFresh = true;
  fate.reset();
  failureCode = 0;
  runProgram(*inference);
  if (failureCode)
    throw Error{failureCode, failure};
}

void Session::save(const std::string &path) const {
  const Plan &plan = module.plan;
  bool whole = path.size() > 4 && path.substr(path.size() - 4) == ".llx";
  std::vector<Section> sections;
  for (const std::string &name : module.artifact.names())
    if (whole || name == "model.onnx" || name.rfind("file:", 0) == 0)
      sections.push_back({name, std::string(module.artifact.section(name))});
  for (size_t v = 0; v < plan.variables.size(); ++v) {
    const Variable &variable = plan.variables[v];
    if (variable.role != Variable::Role::Param)
      continue;
    for (Section &section : sections)
      if (section.name == variable.section)
        get(v, section.bytes.data() + variable.offset);
  }
  if (whole) {
    if (std::string error = writeArtifact(path, sections); !error.empty())
      throw Error{74, error};
    return;
  }
  saveModel(path, sections);
}

} // namespace llcc::rt
