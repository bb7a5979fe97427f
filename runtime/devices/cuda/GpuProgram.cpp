// One program bound to one GPU: memory, groups, and the run of a step.
#include "runtime/devices/cuda/GpuProgram.h"
#include "runtime/collectives/Network.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace llcc::rt {

/// Bytes of the host's pinned memory through which weights come and go.
static constexpr uint64_t kTransfer = uint64_t(16) << 20;
static constexpr uint32_t kMostStreams = 64;

namespace {
/// The caller's thread uses the device alone.
struct Alone {
  explicit Alone(GpuSystem &system) : system(system) { system.enter(1); }
  ~Alone() { system.leave(); }
  GpuSystem &system;
};
} // namespace

GpuProgram::GpuProgram(const Program &program, std::unique_ptr<Gpu> owner, GpuSystem &system, const Place &place)
    : program(program), gpu(std::move(owner)), system(system), place(place) {
  const char *wish = std::getenv("LLCC_GRAPH");
  graphs = !wish || std::strcmp(wish, "0") != 0;
  start = nextEvent++;
  transferred = nextEvent++;
  for (Event &event : ended)
    event = nextEvent++;
  reserve();
  joinGroups();
  prepareAll();
  clearWeights();
}

GpuProgram::~GpuProgram() {
  // The end of the last step may still run. After a failure nobody knows whether it ever ends.
  if (!broken && !place.watch.aborted())
    try {
      Alone alone(system);
      for (unsigned s = 0; s < 2; ++s)
        if (used[s])
          waitFor(ended[s]);
    } catch (const Error &) {
    } catch (const Aborted &) {
    }
  for (unsigned s = 0; s < 2; ++s) {
    if (captured[s])
      gpu->destroy(graph[s]);
    if (staging[s])
      gpu->unpin(staging[s]);
  }
  for (void *memory : {static_cast<void *>(results), static_cast<void *>(transfer), static_cast<void *>(marks)})
    if (memory)
      gpu->unpin(memory);
  for (const auto &reading : readings)
    if (reading->own)
      gpu->unpin(reading->own);
  for (GpuAddress memory : owned)
    gpu->release(memory);
}

uint64_t GpuProgram::libraryBytes() const { return ownedBytes + gpu->libraryBytes(); }

std::vector<GpuAddress> GpuProgram::placesOf(const std::vector<uint32_t> &buffers) const {
  std::vector<GpuAddress> places;
  for (uint32_t b : buffers)
    places.push_back(at(b));
  return places;
}

void GpuProgram::reserve() {
  if (uint64_t there = gpu->freeBytes(); program.arenaBytes > there)
    throw Error{Config, "device " + std::to_string(place.device) + ": the plan needs " +
                            std::to_string(program.arenaBytes) + " bytes, the GPU has " + std::to_string(there) +
                            " of " + std::to_string(gpu->totalBytes()) +
                            " free; compile with more --microbatches, a smaller --dim batch, or more --devices"};
  arena = gpu->allocate(program.arenaBytes);
  owned.push_back(arena);
  std::vector<int64_t> numbers(place.coords.begin(), place.coords.end());
  if (numbers.empty())
    numbers.push_back(0); // kernels expect at least one
  uint64_t bytes = numbers.size() * sizeof(int64_t);
  coords = gpu->allocate(bytes);
  owned.push_back(coords);
  ownedBytes += bytes;
  transfer = static_cast<char *>(gpu->pin(kTransfer));
  marks = static_cast<uint32_t *>(gpu->pin(kMostStreams * sizeof(uint32_t)));
  std::fill_n(marks, kMostStreams, 0);
  std::memcpy(transfer, numbers.data(), bytes);
  gpu->copyIn(0, coords, transfer, bytes);
  finishRead();
}

/// Weights and state begin as zeros; what else is in the arena is written before it is read.
void GpuProgram::clearWeights() {
  for (const Buffer &buffer : program.buffers)
    if (buffer.viewOf < 0 && (buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State) &&
        buffer.shape.bytes() > 0)
      gpu->fill(0, arena + buffer.offset, 1, 0, buffer.shape.bytes());
  finishRead();
}

/// Every device joins every group of the plan, in the same order, whether its own program uses it or not.
void GpuProgram::joinGroups() {
  if (program.kind == Program::Kind::Infer)
    return;
  std::set<std::vector<uint32_t>> axes;
  std::set<std::pair<uint32_t, uint32_t>> pairs;
  for (const Program &other : place.plan.programs)
    for (const Instr &instr : other.instrs) {
      if (isGroupCollective(instr.op))
        axes.insert(instr.axes);
      if (instr.op == Op::Send)
        pairs.insert({other.stage, static_cast<uint32_t>(instr.ints[0])});
    }
  size_t member = 0;
  for (const std::vector<uint32_t> &over : axes)
    groups[over] = gpu->join(groupOf(place.plan, over, place.device, member));
  for (auto [from, to] : pairs) {
    bool mine = program.stage == from || program.stage == to;
    lanes[{from, to}] = gpu->join(
        mine ? std::vector<uint32_t>{peerOf(place.plan, place.device, from), peerOf(place.plan, place.device, to)}
             : std::vector<uint32_t>{});
  }
}

/// All streams begin behind the last run's end and are joined at the end, as the plan is proven step by step.
void GpuProgram::enqueueAll(bool timed) {
  gpu->record(start, 0);
  for (Stream s : streams)
    if (s != 0)
      gpu->wait(s, start);
  for (size_t i = 0; i < steps.size(); ++i) {
    const Instr &instr = program.instrs[i];
    const Step &step = steps[i];
    try {
      for (uint32_t before : instr.waits)
        gpu->wait(instr.stream, steps[before].event);
      if (timed)
        gpu->record(times[i].first, instr.stream);
      // The first run tells of each instruction, graphs only of what waits for peers.
      if (step.marked || runs == 0 || !graphs)
        gpu->mark(instr.stream, marks + instr.stream, static_cast<uint32_t>(i + 1));
      if (step.enqueue)
        step.enqueue(instr.stream);
      if (timed)
        gpu->record(times[i].second, instr.stream);
      if (step.event)
        gpu->record(step.event, instr.stream);
    } catch (const Error &failure) {
      throw Error{failure.code, nameOf(program, i) + ": " + failure.text};
    }
    if (auto last = lastCapture.find(instr.stream); last != lastCapture.end() && last->second == i)
      gpu->recordForHost(captures[instr.stream], instr.stream); // results are with the host before the step has ended
  }
  for (Stream s : streams)
    if (s != 0) {
      gpu->record(joins[s], s);
      gpu->wait(0, joins[s]);
    }
}

void GpuProgram::run(Timeline *timeline) {
  place.watch.check();
  unsigned now = set;
  set ^= 1;
  if (used[now])
    waitFor(ended[now]); // the run before the last one has read its staging memory
  for (const Feeding &feeding : feedings)
    feeding.write(staging[now] + feeding.offset);
  bool rare = false;
  for (const auto &reading : readings)
    if (reading->rare && reading->wanted()) {
      rare = true;
      if (!reading->own)
        reading->own = static_cast<char *>(gpu->pin(reading->bytes));
    }
  if (timeline && times.empty())
    for (size_t i = 0; i < steps.size(); ++i) {
      times.push_back({nextEvent, nextEvent + 1});
      nextEvent += 2;
    }
  auto begin = Timeline::Clock::now();
  if (!graphs || runs == 0 || rare || timeline) {
    enqueueAll(timeline != nullptr);
  } else {
    if (!captured[now]) {
      if (used[now ^ 1])
        waitFor(ended[now ^ 1]);
      std::fill_n(marks, kMostStreams, 0); // what the run by instructions has left
      gpu->beginCapture(0);
      enqueueAll(false);
      graph[now] = gpu->endCapture(0);
      captured[now] = true;
    }
    gpu->launch(0, graph[now]);
  }
  try {
    gpu->recordForHost(ended[now], 0); // may be the first call that hears of what went wrong in the run
  } catch (const Error &failure) {
    lost(failure);
  }
  used[now] = true;
  ++runs;
  for (auto [stream, event] : captures)
    waitFor(event);
  place.watch.check(); // a device that wakes after the session has failed must not touch the host's arrays any more
  for (const auto &reading : readings)
    if (reading->wanted())
      reading->take(reading->own ? reading->own : results + reading->offset);
  if (timeline) {
    waitFor(ended[now]);
    auto at = [&](Event event) {
      return begin + std::chrono::duration_cast<Timeline::Clock::duration>(
                         std::chrono::duration<double>(gpu->secondsBetween(start, event)));
    };
    for (size_t i = 0; i < steps.size(); ++i)
      timeline->add(i, at(times[i].first), at(times[i].second));
  }
  place.watch.progress(place.device, program.instrs.size());
}

/// The instruction at which each stream is, as far as it is known.
std::string GpuProgram::wherever() const {
  std::string text;
  for (Stream s : streams) {
    uint32_t mark = s < kMostStreams ? *const_cast<volatile uint32_t *>(marks + s) : 0;
    if (mark > 0 && mark <= program.instrs.size())
      text += (text.empty() ? "" : ", ") + std::string("stream ") + std::to_string(s) + " has begun " +
              nameOf(program.instrs[mark - 1], mark - 1);
  }
  return text;
}

void GpuProgram::waitFor(Event event) {
  auto end = std::chrono::steady_clock::now() + place.watch.timeout;
  try {
    while (!gpu->waitOnHost(event, std::chrono::milliseconds(20))) {
      place.watch.check();
      if (std::chrono::steady_clock::now() > end)
        throw Error{Unavailable, "does not end within " + std::to_string(place.watch.timeout.count()) + " ms"};
    }
  } catch (const Aborted &) {
    gpu->abandon();
    throw;
  } catch (const Error &failure) {
    lost(failure);
  }
}

void GpuProgram::lost(const Error &failure) {
  gpu->abandon();
  std::string where = wherever();
  throw Error{failure.code,
              "device " + std::to_string(place.device) + " " + (where.empty() ? "" : "(" + where + ") ") +
                  failure.text +
                  (where.empty() && graphs ? "; run with LLCC_GRAPH=0 to learn at which instruction" : "")};
}

void GpuProgram::finishRead() {
  gpu->recordForHost(transferred, 0);
  waitFor(transferred);
}

void GpuProgram::read(uint64_t offset, char *to, uint64_t bytes) {
  Alone alone(system);
  for (uint64_t done = 0; done < bytes; done += kTransfer) {
    uint64_t now = std::min(kTransfer, bytes - done);
    gpu->copyOut(0, transfer, arena + offset + done, now);
    finishRead();
    std::memcpy(to + done, transfer, now);
  }
}

void GpuProgram::write(uint64_t offset, const char *from, uint64_t bytes) {
  Alone alone(system);
  for (uint64_t done = 0; done < bytes; done += kTransfer) {
    uint64_t now = std::min(kTransfer, bytes - done);
    std::memcpy(transfer, from + done, now);
    gpu->copyIn(0, arena + offset + done, transfer, now);
    finishRead();
  }
}

} // namespace llcc::rt
