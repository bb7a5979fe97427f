// The session's forward pass: one device, whole weights, in an arena of its own.
#include "runtime/core/Batch.h"
#include "runtime/core/Session.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstring>

namespace llcc::rt {
namespace {

/// Rows that one run of the inference program takes; 0 where no input is batched.
int64_t rowsOf(const Plan &plan, const Program &program) {
  for (const Buffer &buffer : program.buffers)
    if (buffer.space == Buffer::Space::Input && buffer.viewOf < 0 && plan.inputs[buffer.index].batched &&
        !buffer.shape.dims.empty())
      return buffer.shape.dims[0];
  return 0;
}

} // namespace

void Session::buildInference() {
  const Plan &plan = module.plan;
  uint64_t need = inference.program->arenaBytes + (module.trains() ? seats[0].program->arenaBytes : 0);
  if (memoryLimit && need > memoryLimit)
    throw Error{Config, "inference beside training needs " + std::to_string(need) +
                            " bytes on device 0, the limit is " + std::to_string(memoryLimit) +
                            "; use a session of an artifact compiled for inference"};
  // While the others rest, device 0 has all threads.
  onDevices(1, [&](uint32_t) {
    inference.coords.assign(plan.sizes.size(), 0);
    Place place{plan, 0, inference.coords, host, nullptr, false, false, false, watch};
    inference.bound = gpus ? bindToGpu(inference, place, "")
                           : bindToCpu(*inference.program, place, nullptr, threads, module.code.kernels());
    setThreads(threadsPerDevice);
  });
}

void Session::gatherForInference() {
  if (inferenceVersion == weightsVersion)
    return;
  for (const Buffer &buffer : inference.program->buffers)
    if (buffer.viewOf < 0 && (buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State)) {
      char *to = isRoot() ? inference.bound->mapped(buffer.offset) : nullptr;
      std::vector<char> room(isRoot() && !to ? buffer.shape.bytes() : 0);
      get(buffer.index, to ? to : room.data());
      if (!room.empty())
        inference.bound->write(buffer.offset, room.data(), room.size());
    }
  inferenceVersion = weightsVersion;
}

void Session::infer(const llcc_rt_tensor *inputs, size_t count, int64_t rows, llcc_rt_tensor *outputs,
                    size_t outputCount) {
  checkSound();
  const Plan &plan = module.plan;
  inference.program = plan.inferProgram();
  if (!inference.program)
    throw Error{Usage, module.path + ": has no inference program"};
  if (!isRoot())
    return gatherForInference(); // rank 0 computes, the others give their weights
  if (rows < 1)
    throw Error{Usage, "inference of " + std::to_string(rows) + " rows, needs at least 1"};
  std::vector<const char *> given = takeBatch(plan, inputs, count, rows, false);
  if (!inference.bound)
    buildInference();
  gatherForInference();

  int64_t batch = rowsOf(plan, *inference.program);
  int64_t runs = batch > 0 ? (rows + batch - 1) / batch : 1;
  struct Wanted {
    size_t index;
    char *data;
    uint64_t whole, rowBytes; ///< of one run; bytes of one row, 0: not batched
  };
  std::vector<Wanted> wanted;
  for (size_t o = 0; o < outputCount; ++o) {
    std::string name = outputs[o].name ? outputs[o].name : "";
    auto found = std::find_if(plan.outputs.begin(), plan.outputs.end(),
                              [&](const Output &output) { return output.name == name; });
    if (found == plan.outputs.end())
      throw Error{Usage, module.path + ": has no output \"" + name + "\""};
    uint64_t whole = found->shape.bytes();
    bool batched = batch > 0 && !found->shape.dims.empty() && found->shape.dims[0] % batch == 0;
    uint64_t row = batched ? whole / static_cast<uint64_t>(batch) : 0;
    uint64_t needed = batched ? row * static_cast<uint64_t>(rows) : whole;
    if (outputs[o].bytes != needed || !outputs[o].data) {
      if (outputs[o].bytes != whole || runs != 1 || !outputs[o].data)
        throw Error{Usage, "output \"" + name + "\" needs " + std::to_string(needed) + " bytes for " +
                               std::to_string(rows) + " rows, it is given " + std::to_string(outputs[o].bytes)};
      row = 0; // the caller takes the padding as well
    }
    wanted.push_back(
        {static_cast<size_t>(found - plan.outputs.begin()), static_cast<char *>(outputs[o].data), whole, row});
  }

  for (int64_t run = 0; run < runs; ++run) {
    int64_t first = run * batch, now = batch > 0 ? std::min(batch, rows - first) : rows;
    host.rows = now;
    host.inputs = given;
    for (size_t i = 0; i < given.size(); ++i)
      if (given[i] && plan.inputs[i].batched) {
        Shape row = plan.inputs[i].shape;
        row.dims[0] = 1;
        host.inputs[i] += static_cast<uint64_t>(first) * row.bytes();
      }
    host.outputs.assign(plan.outputs.size(), nullptr);
    host.outputBytes.assign(plan.outputs.size(), 0);
    for (const Wanted &want : wanted) {
      host.outputs[want.index] = want.data + static_cast<uint64_t>(first) * want.rowBytes;
      host.outputBytes[want.index] = want.rowBytes ? want.rowBytes * static_cast<uint64_t>(now) : want.whole;
    }
    watch.begin(0, inference.program);
    onDevices(1, [&](uint32_t) {
      setThreads(threads);
      inference.bound->run(nullptr);
      setThreads(threadsPerDevice);
    });
  }
}

} // namespace llcc::rt
