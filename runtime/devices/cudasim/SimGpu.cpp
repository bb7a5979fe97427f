// One simulated GPU: what the host enqueues becomes operations in queues.
#include "runtime/devices/cudasim/SimGpu.h"
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace llcc::rt {

/// Set in every address: whoever takes one for the host's memory ends at once.
static constexpr GpuAddress kDeviceMemory = GpuAddress(1) << 62;
/// Bytes of fresh memory: as floats of any width no numbers, as indices out of every range.
static constexpr int kFresh = 0xff;

SimGpu::SimGpu(SimWorld &world, const GpuPlace &place, const SimKernels &kernels, size_t number)
    : world(world), plan(place.plan), kernels(kernels), device(place.device), number(number),
      coords(place.coords.begin(), place.coords.end()), total(uint64_t(64) << 30) {
  if (const char *text = std::getenv("LLCC_CUDASIM_MEMORY"))
    total = std::strtoull(text, nullptr, 10);
  // One thread: what a product rounds to must not depend on which thread the scheduler runs in.
  library = makeCpuDevice(place.coords, 1, none, plan.deterministic);
}

SimGpu::~SimGpu() { world.leaveGpu(this); }

GpuAddress SimGpu::allocate(uint64_t bytes) {
  noCapture("allocates memory");
  if (bytes > total - taken)
    throw Error{Unavailable, "device " + std::to_string(device) + " cannot get " + std::to_string(bytes) +
                                 " bytes of memory, " + std::to_string(total - taken) + " are free"};
  Memory memory{std::make_unique<char[]>(bytes + 512), nullptr, bytes};
  memory.data = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(memory.block.get()) + 255) / 256 * 256);
  std::memset(memory.data, kFresh, bytes);
  taken += bytes;
  GpuAddress address = reinterpret_cast<GpuAddress>(memory.data) | kDeviceMemory;
  memories[address] = std::move(memory);
  return address;
}

void SimGpu::release(GpuAddress memory) {
  auto found = memories.find(memory);
  if (found == memories.end())
    return;
  taken -= found->second.bytes;
  memories.erase(found);
}

void *SimGpu::pin(uint64_t bytes) {
  noCapture("pins memory");
  Memory memory{std::make_unique<char[]>(bytes + 64), nullptr, bytes};
  memory.data = memory.block.get();
  std::memset(memory.data, kFresh, bytes);
  char *data = memory.data;
  pinned[data] = std::move(memory);
  return data;
}

void SimGpu::unpin(void *memory) { pinned.erase(static_cast<char *>(memory)); }

char *SimGpu::at(GpuAddress address, uint64_t bytes, const char *what) const {
  auto next = memories.upper_bound(address);
  if (next != memories.begin()) {
    const auto &[base, memory] = *std::prev(next);
    if (address - base <= memory.bytes && bytes <= memory.bytes - (address - base))
      return memory.data + (address - base);
  }
  throw Error{Software,
              std::string(what) + " of " + std::to_string(bytes) + " bytes, which are no memory of the device"};
}

void SimGpu::checkPinned(const void *memory, uint64_t bytes, const char *what) const {
  auto *data = static_cast<const char *>(memory);
  auto next = pinned.upper_bound(data);
  if (next != pinned.begin()) {
    const auto &[base, block] = *std::prev(next);
    if (static_cast<uint64_t>(data - base) <= block.bytes && bytes <= block.bytes - static_cast<uint64_t>(data - base))
      return;
  }
  throw Error{Software, std::string(what) + " of " + std::to_string(bytes) + " bytes, which are not pinned"};
}

void SimGpu::noCapture(const char *what) const {
  if (capture)
    throw Error{Software, std::string("the host ") + what + " while a graph is captured"};
}

SimQueue &SimGpu::queue(Stream stream) {
  auto [it, fresh] = streams.try_emplace(stream);
  if (fresh) {
    it->second.stream = stream;
    it->second.priority = world.drawPriority(*this, stream);
  }
  return it->second;
}

void SimGpu::push(Stream stream, SimOp op) {
  std::lock_guard<std::mutex> lock(world.mutex);
  if (!world.failure.empty())
    throw Error{Unavailable, world.failure};
  if (!capture) {
    op.order = nextOrder++ << 32;
    queue(stream).ops.push_back(std::move(op));
    return;
  }
  auto joined = capture->counts.find(stream);
  if (joined == capture->counts.end())
    throw Error{Software, "stream " + std::to_string(stream) + " is not part of the graph that is captured"};
  capture->behind[stream][stream] = ++joined->second;
  capture->graph->ops.emplace_back(stream, std::move(op));
}

void SimGpu::pushWork(Stream stream, std::string what, std::function<void()> work) {
  SimOp op;
  op.what = std::move(what);
  op.work = std::move(work);
  push(stream, std::move(op));
}

void SimGpu::copyIn(Stream stream, GpuAddress to, const void *from, uint64_t bytes) {
  checkPinned(from, bytes, "copies from the host");
  pushWork(stream, "copy from the host", [=] { std::memcpy(at(to, bytes, "copy"), from, bytes); });
}

void SimGpu::copyOut(Stream stream, void *to, GpuAddress from, uint64_t bytes) {
  checkPinned(to, bytes, "copies to the host");
  pushWork(stream, "copy to the host", [=] { std::memcpy(to, at(from, bytes, "copy"), bytes); });
}

void SimGpu::copy(Stream stream, GpuAddress to, GpuAddress from, uint64_t bytes) {
  pushWork(stream, "copy", [=] { std::memmove(at(to, bytes, "copy"), at(from, bytes, "copy"), bytes); });
}

void SimGpu::copyRows(Stream stream, GpuAddress to, uint64_t toPitch, GpuAddress from, uint64_t fromPitch,
                      uint64_t width, uint64_t rows) {
  if (width > toPitch || width > fromPitch)
    throw Error{Software, "copies rows of " + std::to_string(width) + " bytes at a pitch that is less"};
  if (rows == 0 || width == 0)
    return;
  pushWork(stream, "copy of rows", [=] {
    char *target = at(to, (rows - 1) * toPitch + width, "copy");
    const char *source = at(from, (rows - 1) * fromPitch + width, "copy");
    for (uint64_t r = 0; r < rows; ++r)
      std::memmove(target + r * toPitch, source + r * fromPitch, width);
  });
}

void SimGpu::fill(Stream stream, GpuAddress to, uint32_t size, uint64_t bits, uint64_t count) {
  pushWork(stream, "fill", [=] {
    char *target = at(to, size * count, "fill");
    for (uint64_t i = 0; i < count; ++i)
      std::memcpy(target + i * size, &bits, size);
  });
}

void SimGpu::launch(Stream stream, uint32_t kernel, const std::vector<GpuAddress> &arguments) {
  pushWork(stream, "kernel " + plan.kernels[kernel].name, [this, kernel, arguments] {
    std::vector<void *> buffers;
    for (size_t i = 0; i + 1 < arguments.size(); ++i)
      buffers.push_back(at(arguments[i], 0, "kernel argument"));
    auto *place = reinterpret_cast<const int64_t *>(at(arguments.back(), 8, "kernel argument"));
    kernels.run(kernel, std::move(buffers), place, world.seed ? world.dice() | 1 : 0);
  });
}

void SimGpu::mark(Stream stream, uint32_t *word, uint32_t value) {
  checkPinned(word, sizeof *word, "marks a word");
  pushWork(stream, "mark", [=] { *word = value; });
}

std::function<void(Stream)> SimGpu::prepare(const Program &program, const Instr &instr,
                                            const std::vector<GpuAddress> &ins, const std::vector<GpuAddress> &outs) {
  std::vector<char *> from, to;
  for (size_t i = 0; i < ins.size(); ++i)
    from.push_back(at(ins[i], program.buffers[instr.ins[i]].shape.bytes(), "library operand"));
  for (size_t i = 0; i < outs.size(); ++i)
    to.push_back(at(outs[i], program.buffers[instr.outs[i]].shape.bytes(), "library result"));
  Work work = library->prepare(program, instr, from, to);
  std::string what = std::string(nameOf(instr.op)) + (instr.node.empty() ? "" : " of node \"" + instr.node + "\"");
  return [this, work, what](Stream stream) {
    pushWork(stream, what, [work] {
      setThreads(1);
      work();
    });
  };
}

void SimGpu::finish() { library->finish(); }
uint64_t SimGpu::libraryBytes() { return library->libraryBytes(); }

uint32_t SimGpu::join(const std::vector<uint32_t> &members) {
  noCapture("joins a group");
  std::lock_guard<std::mutex> lock(world.mutex);
  if (!members.empty() && std::find(members.begin(), members.end(), device) == members.end())
    throw Error{Software, "joins a group without being in it"};
  groups.push_back({members, 0, 0});
  return static_cast<uint32_t>(groups.size() - 1);
}

void SimGpu::exchange(Stream stream, const Exchange &exchange) {
  SimOp op;
  op.kind = SimOp::Kind::Exchange;
  op.what = exchange.what;
  op.exchange = std::make_shared<Exchange>(exchange);
  if (exchange.group >= groups.size() || groups[exchange.group].members.empty())
    throw Error{Software, "exchanges with a group that it is not in"};
  if (!capture)
    op.number = groups[exchange.group].enqueued++;
  push(stream, std::move(op));
}

void SimGpu::record(Event event, Stream stream) {
  SimOp op;
  op.kind = SimOp::Kind::Record;
  op.what = "record of event " + std::to_string(event);
  op.event = event;
  if (capture) {
    op.number = ++capture->records[event];
    push(stream, std::move(op));
    capture->events[event] = capture->behind[stream];
    return;
  }
  op.number = ++events[event].enqueued;
  push(stream, std::move(op));
}

void SimGpu::recordForHost(Event event, Stream stream) {
  if (!capture)
    return record(event, stream);
  SimOp op;
  op.kind = SimOp::Kind::Record;
  op.what = "record of event " + std::to_string(event) + " for the host";
  op.event = event;
  op.external = true;
  push(stream, std::move(op));
}

void SimGpu::wait(Stream stream, Event event) {
  SimOp op;
  op.kind = SimOp::Kind::Wait;
  op.what = "wait for event " + std::to_string(event);
  op.event = event;
  if (!capture) {
    op.number = events[event].enqueued; // never recorded: nothing to wait for, as CUDA has it
    return push(stream, std::move(op));
  }
  auto found = capture->events.find(event);
  if (found == capture->events.end())
    throw Error{Software, "stream " + std::to_string(stream) +
                              " waits for an event that was recorded outside of the graph that is captured"};
  op.number = capture->records[event];
  capture->counts.try_emplace(stream, 0);
  for (auto [other, count] : found->second) {
    size_t &mine = capture->behind[stream][other];
    mine = std::max(mine, count);
  }
  push(stream, std::move(op));
}

bool SimGpu::waitOnHost(Event event, std::chrono::milliseconds atMost) {
  noCapture("waits");
  return world.wait(*this, event, atMost);
}

double SimGpu::secondsBetween(Event from, Event to) {
  std::lock_guard<std::mutex> lock(world.mutex);
  return 1e-6 * (static_cast<double>(events[to].time) - static_cast<double>(events[from].time)); // an operation: 1 µs
}

void SimGpu::beginCapture(Stream stream) {
  noCapture("begins a graph");
  capture.emplace();
  capture->origin = stream;
  capture->graph = std::make_shared<SimGraph>();
  capture->counts[stream] = 0;
}

Graph SimGpu::endCapture(Stream stream) {
  if (!capture || capture->origin != stream)
    throw Error{Software, "ends a graph that was not begun on stream " + std::to_string(stream)};
  for (auto [other, count] : capture->counts)
    if (other != stream && capture->behind[stream][other] != count)
      throw Error{Software, "stream " + std::to_string(other) + " has work in the graph that stream " +
                                std::to_string(stream) + " does not wait for"};
  Graph graph = nextGraph++;
  graphs[graph] = capture->graph;
  capture.reset();
  return graph;
}

void SimGpu::launch(Stream stream, Graph graph) {
  SimOp op;
  op.kind = SimOp::Kind::Graph;
  op.what = "graph " + std::to_string(graph);
  op.graph = graphs.at(graph);
  // What is counted over the launches of all graphs and streams.
  for (auto &[from, inner] : op.graph->ops)
    if (inner.kind == SimOp::Kind::Exchange)
      op.numbers.push_back(groups[inner.exchange->group].enqueued++);
    else if (inner.external)
      op.numbers.push_back(++events[inner.event].enqueued);
  push(stream, std::move(op));
}

void SimGpu::destroy(Graph graph) { graphs.erase(graph); }

void SimGpu::start(SimOp &op) {
  op.started = true;
  graphEvents.clear();
  size_t next = 0;
  uint64_t index = 0;
  for (auto &[stream, inner] : op.graph->ops) {
    auto [it, fresh] = graphQueues.try_emplace(stream);
    if (fresh) {
      it->second.stream = stream;
      it->second.ofGraph = true;
      it->second.priority = world.drawPriority(*this, stream + 1000 * static_cast<Stream>(1 + op.order % 1009));
    }
    SimOp copy = inner;
    if (inner.kind == SimOp::Kind::Exchange || inner.external)
      copy.number = op.numbers[next++];
    copy.order = op.order + ++index;
    it->second.ops.push_back(std::move(copy));
  }
  graphEnded();
}

SimGpu::EventState &SimGpu::eventOf(const SimQueue &queue, const SimOp &op) {
  return queue.ofGraph && !op.external ? graphEvents[op.event] : events[op.event];
}

void SimGpu::ran(SimQueue &queue) {
  bool inGraph = queue.ofGraph;
  queue.ops.pop_front();
  if (inGraph)
    graphEnded();
}

/// The launch of a graph ends with its last operation.
void SimGpu::graphEnded() {
  for (auto &[stream, queue] : graphQueues)
    if (!queue.ops.empty())
      return;
  graphQueues.clear();
  for (auto &[stream, queue] : streams)
    if (!queue.ops.empty() && queue.ops.front().started)
      queue.ops.pop_front();
}

} // namespace llcc::rt
