// The scheduler of the simulated GPUs: which operation runs next.
#include "runtime/devices/cudasim/SimWorld.h"
#include "runtime/collectives/local/Reduction.h"
#include "runtime/core/Error.h"
#include "runtime/devices/cudasim/SimGpu.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace llcc::rt {

SimWorld::SimWorld() {
  const char *text = std::getenv("LLCC_CUDASIM_SEED");
  if (!text || !*text)
    return;
  char *end = nullptr;
  seed = std::strtoull(text, &end, 10);
  if (*end)
    throw Error{Usage, std::string("LLCC_CUDASIM_SEED is \"") + text + "\", needs a whole number"};
  dice.seed(*seed);
}

SimWorld::~SimWorld() = default;

std::unique_ptr<GpuSystem> makeSimWorld() { return std::make_unique<SimWorld>(); }

std::unique_ptr<Gpu> SimWorld::open(const GpuPlace &place) {
  std::lock_guard<std::mutex> lock(mutex);
  std::string_view bytes = place.section("code.cudasim");
  SimKernels &kernels = code[std::to_string(reinterpret_cast<uintptr_t>(bytes.data()))];
  if (kernels.empty())
    kernels.load(place.plan, bytes, place.section("cudasim"));
  size_t number = place.device;
  if (place.invitation.empty())
    number = std::max<size_t>(gpus.size(), place.plan.devices());
  if (gpus.size() <= number)
    gpus.resize(number + 1);
  auto gpu = std::make_unique<SimGpu>(*this, place, kernels, number);
  gpus[number] = gpu.get();
  return gpu;
}

void SimWorld::leaveGpu(SimGpu *gpu) {
  std::lock_guard<std::mutex> lock(mutex);
  for (SimGpu *&mine : gpus)
    mine = mine == gpu ? nullptr : mine;
}

void SimWorld::enter(uint32_t threads) {
  std::lock_guard<std::mutex> lock(mutex);
  active += threads;
}

void SimWorld::leave() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    --active;
  }
  change.notify_all();
}

void SimWorld::fail(const std::string &text) {
  failure = text;
  scheduling = false;
  change.notify_all();
  throw Error{Unavailable, text};
}

bool SimWorld::wait(SimGpu &gpu, Event event, std::chrono::milliseconds atMost) {
  std::unique_lock<std::mutex> lock(mutex);
  auto end = std::chrono::steady_clock::now() + atMost;
  uint64_t number = gpu.events[event].enqueued;
  auto come = [](const std::tuple<SimGpu *, Event, uint64_t> &w) {
    return std::get<0>(w)->events[std::get<1>(w)].done >= std::get<2>(w);
  };
  auto mine = waiting.insert(waiting.end(), {&gpu, event, number});
  struct Leave {
    SimWorld &world;
    std::list<std::tuple<SimGpu *, Event, uint64_t>>::iterator mine;
    ~Leave() { world.waiting.erase(mine); }
  } leave{*this, mine};
  while (true) {
    if (!failure.empty())
      throw Error{Unavailable, failure};
    if (come(*mine))
      return true;
    // One that has what it waits for goes on alone, before anything else runs.
    if (waiting.size() >= active && !scheduling && std::none_of(waiting.begin(), waiting.end(), come)) {
      scheduling = true;
      while (std::none_of(waiting.begin(), waiting.end(), come))
        schedule();
      scheduling = false;
      change.notify_all();
      continue;
    }
    if (change.wait_until(lock, end) == std::cv_status::timeout)
      return failure.empty() && come(*mine);
  }
}

int64_t SimWorld::drawPriority(const SimGpu &gpu, Stream stream) {
  // Of the place alone, not of the dice: streams are made by host threads, whose order nobody knows.
  uint64_t x = seed.value_or(0) * 0x9e3779b97f4a7c15 + gpu.number * 0xbf58476d1ce4e5b9 + stream * 0x94d049bb133111eb;
  for (int i = 0; i < 3; ++i) {
    x ^= x >> 31;
    x *= 0xd6e8feb86659fd93;
  }
  return static_cast<int64_t>(x >> 2);
}

std::vector<SimWorld::Choice> SimWorld::partners(const SimGpu &gpu, const SimOp &op) {
  std::vector<Choice> all;
  const SimGpu::Group &group = gpu.groups[op.exchange->group];
  for (uint32_t m : group.members) {
    SimGpu *peer = m < gpus.size() ? gpus[m] : nullptr;
    if (!peer || op.exchange->group >= peer->groups.size() || peer->groups[op.exchange->group].done != op.number)
      return {};
    Choice found;
    for (auto *queues : {&peer->streams, &peer->graphQueues})
      for (auto &[stream, queue] : *queues)
        if (!queue.ops.empty())
          if (const SimOp &head = queue.ops.front(); head.kind == SimOp::Kind::Exchange && head.number == op.number &&
                                                     head.exchange->group == op.exchange->group)
            found = {peer, &queue};
    if (!found.queue)
      return {};
    all.push_back(found);
  }
  return all;
}

bool SimWorld::mayRun(const Choice &choice) {
  const SimOp &op = choice.queue->ops.front();
  switch (op.kind) {
  case SimOp::Kind::Work:
  case SimOp::Kind::Record:
    return true;
  case SimOp::Kind::Wait:
    return choice.gpu->eventOf(*choice.queue, op).done >= op.number;
  case SimOp::Kind::Graph:
    return choice.gpu->graphQueues.empty();
  case SimOp::Kind::Exchange:
    return !partners(*choice.gpu, op).empty();
  }
  return false;
}

bool SimWorld::before(const Choice &a, const Choice &b) const {
  if (seed && a.queue->priority != b.queue->priority)
    return a.queue->priority > b.queue->priority;
  uint64_t x = a.queue->ops.front().order, y = b.queue->ops.front().order;
  return std::pair(x, a.gpu->number) < std::pair(y, b.gpu->number);
}

void SimWorld::schedule() {
  Choice best;
  for (SimGpu *gpu : gpus) {
    if (!gpu)
      continue;
    Choice next; // without a seed: the first of the GPU's list alone, beside sends, which wait for receivers
    for (auto *queues : {&gpu->streams, &gpu->graphQueues})
      for (auto &[stream, queue] : *queues) {
        if (queue.ops.empty() || queue.ops.front().started)
          continue;
        Choice choice{gpu, &queue};
        const SimOp &op = queue.ops.front();
        bool sends = op.kind == SimOp::Kind::Exchange && op.exchange->kind == Exchange::Kind::Send;
        if ((!next.queue || before(choice, next)) && ((!seed && !sends) || mayRun(choice)))
          next = choice;
      }
    if (next.queue && (!best.queue || before(next, best)) && (seed || mayRun(next)))
      best = next;
  }
  if (!best.queue)
    fail("nothing can run any more: " + standstill());
  if (seed && dice() % 32 == 0)
    best.queue->priority = --lowest;
  ++clock;
  std::string what = best.queue->ops.front().what;
  try {
    run(best);
  } catch (const Error &error) {
    fail("device " + std::to_string(best.gpu->device) + ", " + what + ": " + error.text);
  }
}

void SimWorld::run(const Choice &choice) {
  SimGpu &gpu = *choice.gpu;
  SimOp &op = choice.queue->ops.front();
  switch (op.kind) {
  case SimOp::Kind::Exchange:
    return exchange(choice);
  case SimOp::Kind::Graph:
    return gpu.start(op);
  case SimOp::Kind::Work:
    op.work();
    break;
  case SimOp::Kind::Record: {
    SimGpu::EventState &state = gpu.eventOf(*choice.queue, op);
    state.done = std::max(state.done, op.number);
    state.time = clock;
    break;
  }
  case SimOp::Kind::Wait:
    break;
  }
  gpu.ran(*choice.queue);
}

void SimWorld::exchange(const Choice &choice) {
  std::vector<Choice> members = partners(*choice.gpu, choice.queue->ops.front());
  std::vector<std::shared_ptr<const Exchange>> all;
  for (const Choice &member : members)
    all.push_back(member.queue->ops.front().exchange);
  using Kind = Exchange::Kind;
  const Exchange &first = *all[0];
  bool pair = first.kind == Kind::Send || first.kind == Kind::Recv;
  uint64_t size = sizeOf(first.type);
  for (size_t m = 1; m < all.size(); ++m) {
    bool alike = all[m]->type == first.type && all[m]->reduction == first.reduction &&
                 all[m]->parts.size() == first.parts.size() &&
                 (pair ? first.kind == Kind::Send && all[m]->kind == Kind::Recv : all[m]->kind == first.kind);
    for (size_t p = 0; alike && p < first.parts.size() && first.kind != Kind::AllToAll; ++p)
      alike = all[m]->parts[p].count == first.parts[p].count;
    if (!alike)
      throw Error{Software, "device " + std::to_string(members[0].gpu->device) + " meets device " +
                                std::to_string(members[m].gpu->device) +
                                ", which is at another exchange: " + all[m]->what};
  }
  auto at = [&](size_t m, GpuAddress address, uint64_t count) {
    return members[m].gpu->at(address, count * size, "exchange");
  };
  std::vector<char> result;
  for (size_t p = 0; p < first.parts.size(); ++p) {
    uint64_t count = first.parts[p].count, bytes = count * size;
    auto operands = [&](uint64_t offset, uint64_t whole) {
      std::vector<const char *> from;
      for (size_t m = 0; m < all.size(); ++m)
        from.push_back(at(m, all[m]->parts[p].from, whole) + offset * size);
      return from;
    };
    switch (first.kind) {
    case Kind::AllReduce:
      result.resize(bytes);
      reduce(first.type, first.reduction, operands(0, count), result.data(), count);
      for (size_t m = 0; m < all.size(); ++m)
        std::memcpy(at(m, all[m]->parts[p].to, count), result.data(), bytes);
      break;
    case Kind::ReduceScatter:
      // All read before one writes: a result may lie in its operand.
      result.resize(bytes * all.size());
      for (size_t m = 0; m < all.size(); ++m)
        reduce(first.type, first.reduction, operands(m * count, all.size() * count), result.data() + m * bytes, count);
      for (size_t m = 0; m < all.size(); ++m)
        std::memcpy(at(m, all[m]->parts[p].to, count), result.data() + m * bytes, bytes);
      break;
    case Kind::AllGather:
      result.resize(bytes * all.size());
      for (size_t m = 0; m < all.size(); ++m)
        std::memcpy(result.data() + m * bytes, at(m, all[m]->parts[p].from, count), bytes);
      for (size_t m = 0; m < all.size(); ++m)
        std::memcpy(at(m, all[m]->parts[p].to, all.size() * count), result.data(), result.size());
      break;
    case Kind::AllToAll: // part p goes to member p
      for (size_t m = 0; m < all.size(); ++m) {
        const Exchange::Part &sent = all[m]->parts[p], &taken = all[p]->parts[m];
        if (sent.count != taken.received)
          throw Error{Software, "member " + std::to_string(m) + " sends " + std::to_string(sent.count) +
                                    " elements to member " + std::to_string(p) + ", which expects " +
                                    std::to_string(taken.received)};
        std::memcpy(at(p, taken.to, sent.count), at(m, sent.from, sent.count), sent.count * size);
      }
      break;
    case Kind::Send:
    case Kind::Recv:
      std::memcpy(at(1, all[1]->parts[p].to, count), at(0, all[0]->parts[p].from, count), bytes);
      break;
    }
  }
  for (const Choice &member : members) {
    ++member.gpu->groups[member.queue->ops.front().exchange->group].done;
    member.gpu->ran(*member.queue);
  }
}

/// What stands first in each stream.
std::string SimWorld::standstill() {
  std::string text;
  for (SimGpu *gpu : gpus)
    if (gpu)
      for (auto *queues : {&gpu->streams, &gpu->graphQueues})
        for (auto &[stream, queue] : *queues)
          if (!queue.ops.empty() && !queue.ops.front().started)
            text += (text.empty() ? "" : "; ") + std::string("device ") + std::to_string(gpu->device) + " stream " +
                    std::to_string(stream) + " is at " + queue.ops.front().what;
  return text.empty() ? "no stream has anything to do, and the host waits for an event that nobody records" : text;
}

} // namespace llcc::rt
