// The simulated GPU does what CUDA does with streams, events, graphs and groups, and shows what a program forgot.
#include "runtime/devices/cudasim/SimWorld.h"
#include "test/runtime/Check.h"
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

using namespace llcc::rt;
using std::chrono::milliseconds;

namespace {

/// Some GPUs that one host thread drives, in list order or in that of a seed (-1: none).
struct Bench {
  Plan plan;
  std::unique_ptr<GpuSystem> world;
  std::vector<std::unique_ptr<Gpu>> gpus;

  Bench(uint32_t count, int seed) {
    plan.axes = {"data"};
    plan.sizes = {count};
    if (seed < 0)
      unsetenv("LLCC_CUDASIM_SEED");
    else
      setenv("LLCC_CUDASIM_SEED", std::to_string(seed).c_str(), 1);
    world = makeSimWorld();
    world->enter(1);
    for (uint32_t d = 0; d < count; ++d)
      gpus.push_back(
          world->open({plan, d, d, {d}, [](const std::string &) { return std::string_view(); }, world->invite()}));
  }
  ~Bench() {
    gpus.clear();
    world->leave();
  }
  Gpu &operator*() { return *gpus[0]; }
  Gpu *operator->() { return gpus[0].get(); }
  void drain(size_t d = 0, Stream stream = 0) {
    gpus[d]->recordForHost(1000 + stream, stream);
    CHECK(gpus[d]->waitOnHost(1000 + stream, milliseconds(1000)), "stream %u does not come", stream);
  }
  std::string failureOf(const std::function<void()> &what) {
    try {
      what();
    } catch (const Error &error) {
      return error.text;
    }
    return "";
  }
};

#define REFUSED(bench, text, ...)                                                                                      \
  do {                                                                                                                 \
    std::string said = bench.failureOf([&] { __VA_ARGS__; });                                                          \
    CHECK(contains(said, text), "said \"%s\", needs \"%s\"", said.c_str(), text);                                      \
  } while (0)

void freshMemoryIsNoNumber() {
  Bench gpu(1, -1);
  GpuAddress memory = gpu->allocate(64);
  auto *host = static_cast<float *>(gpu->pin(64));
  gpu->copyOut(0, host, memory, 64);
  gpu.drain();
  for (int i = 0; i < 16; ++i)
    CHECK(std::isnan(host[i]), "element %d is %g", i, double(host[i]));
  REFUSED(gpu, "which are not pinned", {
    float stack[4];
    gpu->copyOut(0, stack, memory, sizeof stack);
  });
  REFUSED(gpu, "no memory of the device", {
    gpu->copyOut(0, host, memory + 32, 64);
    gpu.drain();
  });
}

void copiesReadTheHostWhenTheyRun() {
  Bench gpu(1, -1);
  GpuAddress memory = gpu->allocate(4);
  auto *host = static_cast<int32_t *>(gpu->pin(8));
  host[0] = 1;
  gpu->copyIn(0, memory, host, 4);
  host[0] = 2; // too early
  gpu->copyOut(0, host + 1, memory, 4);
  gpu.drain();
  CHECK(host[1] == 2, "the device had %d", host[1]);
}

/// Stream 1 doubles what stream 0 has written: by a copy of 4 bytes onto 8. Returns what the host reads.
int produceAndConsume(int seed, bool waits, bool graph) {
  Bench gpu(1, seed);
  GpuAddress a = gpu->allocate(4), b = gpu->allocate(4);
  auto *host = static_cast<int32_t *>(gpu->pin(4));
  gpu->fill(0, a, 4, 1, 1);
  gpu->fill(0, b, 4, 1, 1);
  gpu.drain();
  if (graph)
    gpu->beginCapture(0);
  gpu->record(1, 0);
  gpu->wait(1, 1);
  gpu->fill(0, a, 4, 7, 1);
  gpu->record(2, 0);
  if (waits)
    gpu->wait(1, 2);
  gpu->copy(1, b, a, 4);
  gpu->record(3, 1);
  gpu->wait(0, 3);
  gpu->copyOut(0, host, b, 4);
  if (graph)
    gpu->launch(0, gpu->endCapture(0));
  gpu.drain();
  return *host;
}

void aMissingWaitIsFoundByASeed() {
  for (bool graph : {false, true}) {
    std::set<int> with, without;
    for (int seed = -1; seed < 16; ++seed) {
      with.insert(produceAndConsume(seed, true, graph));
      without.insert(produceAndConsume(seed, false, graph));
    }
    CHECK(with == std::set<int>{7}, "%zu results with the wait", with.size());
    CHECK(without == (std::set<int>{1, 7}), "%zu results without the wait", without.size());
    CHECK(produceAndConsume(-1, false, graph) == 7, "list order depends on waits");
  }
}

void anEventThatWasNeverRecordedHoldsNobody() {
  Bench gpu(1, -1);
  gpu->wait(0, 5);
  gpu.drain();
}

void graphsRunAgain() {
  Bench gpu(1, 3);
  GpuAddress sum = gpu->allocate(8);
  auto *host = static_cast<int32_t *>(gpu->pin(12));
  gpu->beginCapture(0);
  gpu->copyIn(0, sum, host, 4);
  gpu->copy(0, sum + 4, sum, 4);
  gpu->copyOut(0, host + 1, sum + 4, 4);
  gpu->recordForHost(7, 0);
  gpu->fill(0, sum, 4, 0, 1);
  Graph graph = gpu->endCapture(0);
  for (int i = 10; i < 13; ++i) {
    host[0] = i;
    gpu->launch(0, graph);
    CHECK(gpu->waitOnHost(7, milliseconds(1000)), "the graph does not tell");
    CHECK(host[1] == i, "launch %d gave %d", i, host[1]);
    gpu.drain();
  }
}

void captureHasCudasRules() {
  Bench gpu(1, -1);
  gpu->record(1, 0);
  gpu->beginCapture(0);
  REFUSED(gpu, "was recorded outside of the graph", gpu->wait(0, 1));
  REFUSED(gpu, "stream 2 is not part of the graph", gpu->record(9, 2));
  REFUSED(gpu, "allocates memory while a graph is captured", gpu->allocate(4));
  REFUSED(gpu, "waits while a graph is captured", gpu->waitOnHost(1, milliseconds(1)));
  gpu->record(2, 0);
  gpu->wait(1, 2);
  REFUSED(gpu, "stream 1 has work in the graph that stream 0 does not wait for", gpu->endCapture(0));
  gpu->record(3, 1);
  gpu->wait(0, 3);
  gpu->endCapture(0);
}

Exchange allReduce(uint32_t group, GpuAddress at, uint64_t count, const char *what) {
  Exchange exchange;
  exchange.group = group;
  exchange.parts = {{at, at, count, 0}};
  exchange.what = what;
  return exchange;
}

void exchangesMeet() {
  for (int seed = -1; seed < 8; ++seed) {
    Bench gpu(2, seed);
    auto *host = static_cast<float *>(gpu->pin(8));
    GpuAddress place[2];
    for (uint32_t d = 0; d < 2; ++d) {
      Gpu &mine = *gpu.gpus[d];
      place[d] = mine.allocate(8);
      uint32_t bits = 0;
      float value = d ? 10.0f : 1.0f;
      std::memcpy(&bits, &value, 4);
      mine.fill(0, place[d], 4, bits, 2);
      mine.exchange(0, allReduce(mine.join({0, 1}), place[d], 2, "sum"));
    }
    gpu->copyOut(0, host, place[0], 8);
    gpu.drain();
    CHECK(host[0] == 11 && host[1] == 11, "sums are %g and %g", double(host[0]), double(host[1]));
  }
}

void aCircleIsNamed() {
  Bench gpu(2, -1);
  for (uint32_t d = 0; d < 2; ++d) {
    Gpu &mine = *gpu.gpus[d];
    GpuAddress at = mine.allocate(8);
    uint32_t first = mine.join({0, 1}), second = mine.join({0, 1});
    mine.exchange(0, allReduce(d ? second : first, at, 1, d ? "the second" : "the first"));
    mine.exchange(0, allReduce(d ? first : second, at, 1, "later"));
  }
  REFUSED(gpu, "nothing can run any more: device 0 stream 0 is at the first; device 1 stream 0 is at the second",
          gpu.drain());
}

void exchangesOfDifferentSizesAreNamed() {
  Bench gpu(2, -1);
  for (uint32_t d = 0; d < 2; ++d) {
    Gpu &mine = *gpu.gpus[d];
    mine.exchange(0, allReduce(mine.join({0, 1}), mine.allocate(8), d + 1, d ? "two" : "one"));
  }
  REFUSED(gpu, "device 0 meets device 1, which is at another exchange: two", gpu.drain());
}

void memoryEnds() {
  setenv("LLCC_CUDASIM_MEMORY", "1024", 1);
  Bench gpu(1, -1);
  unsetenv("LLCC_CUDASIM_MEMORY");
  GpuAddress first = gpu->allocate(1000);
  REFUSED(gpu, "cannot get 100 bytes of memory, 24 are free", gpu->allocate(100));
  gpu->release(first);
  CHECK(gpu->freeBytes() == 1024, "%llu bytes are free", static_cast<unsigned long long>(gpu->freeBytes()));
}

} // namespace

int main() {
  freshMemoryIsNoNumber();
  copiesReadTheHostWhenTheyRun();
  aMissingWaitIsFoundByASeed();
  anEventThatWasNeverRecordedHoldsNobody();
  graphsRunAgain();
  captureHasCudasRules();
  exchangesMeet();
  aCircleIsNamed();
  exchangesOfDifferentSizesAreNamed();
  memoryEnds();
  return finished("test-sim-gpu");
}
