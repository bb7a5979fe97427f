// Runs kernels block by block; threads of a block that meet are fibers.
#include "runtime/devices/cudasim/SimKernels.h"
#include "runtime/core/Error.h"
#include "runtime/devices/cudasim/Fiber.h"
#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <sstream>

namespace llcc::rt {
namespace {

/// Numbers 0..n-1 from a drawn start in drawn steps; in order where nothing was drawn.
class Order {
public:
  Order(uint64_t n, uint64_t draw) : n(n) {
    if (draw == 0 || n < 2)
      return;
    first = draw % n;
    step = 1 + (draw >> 20) % (n - 1);
    while (std::gcd(step, n) != 1)
      step = step % (n - 1) + 1;
  }
  uint64_t operator[](uint64_t i) const { return (first + i * step) % n; }

private:
  uint64_t n, first = 0, step = 1;
};

/// One block whose threads meet at barriers and shuffles.
class Block {
public:
  struct Thread : SimThread {
    Block *owner;
    uint64_t index; ///< in the block
    Fiber fiber;
    enum : uint8_t { Running, AtBarrier, AtShuffle, Ended } state = Running;
    uint64_t turn = 0; ///< of the warp's shuffle that it waits for
  };

  Block(SimKernel code, const std::string &name, uint64_t count) : code(code), name(name), threads(count) {
    warps.resize((count + kSimWarp - 1) / kSimWarp);
    for (uint64_t w = 0; w < warps.size(); ++w)
      warps[w].size = std::min<uint64_t>(kSimWarp, count - w * kSimWarp);
  }

  void run(const SimThread &origin, void *const *buffers, const int64_t *coords, uint64_t draw) {
    given = buffers;
    place = coords;
    atBarrier = ended = 0;
    wrong.clear();
    FiberStacks &stacks = FiberStacks::ofThread();
    for (Warp &warp : warps)
      warp.arrived = 0;
    for (uint64_t i = 0; i < threads.size(); ++i) {
      Thread &thread = threads[i];
      static_cast<SimThread &>(thread) = origin;
      int64_t rest = static_cast<int64_t>(i);
      for (int d = 0; d < 3; ++d) {
        thread.thread[d] = rest % origin.blockDim[d];
        rest /= origin.blockDim[d];
      }
      thread.barrier = &Block::barrier;
      thread.shuffle = &Block::shuffle;
      thread.owner = this;
      thread.index = i;
      thread.state = Thread::Running;
      thread.fiber.prepare(stacks.top(i), &Block::body, &thread);
    }
    Order order(threads.size(), draw);
    while (ended < threads.size()) {
      bool moved = false;
      for (uint64_t i = 0; i < threads.size(); ++i) {
        Thread &thread = threads[order[i]];
        if (thread.state == Thread::AtShuffle && warps[thread.index / kSimWarp].turn != thread.turn)
          thread.state = Thread::Running;
        if (thread.state != Thread::Running)
          continue;
        moved = true;
        if (!thread.fiber.resume()) {
          thread.state = Thread::Ended;
          ++ended;
        }
        if (!wrong.empty())
          throw Error{Software, "kernel " + name + ": " + wrong};
      }
      if (atBarrier == threads.size()) {
        atBarrier = 0;
        for (Thread &thread : threads)
          thread.state = Thread::Running;
        moved = true;
      }
      if (!moved)
        throw Error{Software, "kernel " + name + ": " + standstill(origin)};
    }
  }

private:
  struct Warp {
    uint64_t size = 0, arrived = 0, turn = 0;
    int64_t width = 0, mode = 0;
    uint64_t values[2][kSimWarp]; ///< of this turn and of the one before, which some may still read
  };

  static void body(void *argument) {
    auto &self = *static_cast<Thread *>(argument);
    self.owner->code(self.owner->given, self.owner->place, &self, 0);
  }

  static void barrier(SimThread *caller) {
    auto &self = *static_cast<Thread *>(caller);
    self.state = Thread::AtBarrier;
    ++self.owner->atBarrier;
    self.fiber.yield();
  }

  static uint64_t shuffle(SimThread *caller, uint64_t value, int64_t offset, int64_t width, int64_t mode) {
    auto &self = *static_cast<Thread *>(caller);
    Block &block = *self.owner;
    Warp &warp = block.warps[self.index / kSimWarp];
    auto lane = static_cast<int64_t>(self.index % kSimWarp);
    auto complain = [&](const std::string &text) {
      if (block.wrong.empty())
        block.wrong = "thread " + std::to_string(self.index) + " " + text;
    };
    if (width < 1 || width > kSimWarp || (width & (width - 1)))
      complain("shuffles in a width of " + std::to_string(width) + ", needs a power of two up to 32");
    else if (lane >= width)
      complain("takes part in a shuffle of the first " + std::to_string(width) + " lanes");
    if (warp.arrived > 0 && (warp.width != width || warp.mode != mode))
      complain("shuffles otherwise than the rest of its warp");
    warp.width = width;
    warp.mode = mode;
    uint64_t turn = warp.turn;
    warp.values[turn & 1][lane] = value;
    auto expected = std::min<uint64_t>(warp.size, static_cast<uint64_t>(width));
    if (++warp.arrived >= expected) {
      warp.arrived = 0;
      ++warp.turn;
    } else {
      self.state = Thread::AtShuffle;
      self.turn = turn;
      self.fiber.yield();
    }
    int64_t from = mode == 0 ? lane ^ offset : mode == 1 ? lane + offset : mode == 2 ? lane - offset : offset;
    bool there = from >= 0 && from < static_cast<int64_t>(expected);
    self.valid = there;
    return there ? warp.values[turn & 1][from] : value;
  }

  std::string standstill(const SimThread &origin) const {
    std::map<std::string, std::pair<uint64_t, uint64_t>> groups; ///< how many, and the first
    for (const Thread &thread : threads) {
      auto &[count, first] = groups[thread.state == Thread::AtBarrier   ? "wait at a barrier"
                                    : thread.state == Thread::AtShuffle ? "wait in a shuffle"
                                                                        : "have ended"];
      first = count++ == 0 ? thread.index : first;
    }
    std::string text = "threads of block (" + std::to_string(origin.block[0]) + ", " + std::to_string(origin.block[1]) +
                       ", " + std::to_string(origin.block[2]) + ") do not meet: ";
    bool more = false;
    for (auto &[what, group] : groups) {
      text += (more ? ", " : "") + std::to_string(group.first) + " " + what + " (first: thread " +
              std::to_string(group.second) + ")";
      more = true;
    }
    return text;
  }

  SimKernel code;
  const std::string &name;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  void *const *given = nullptr;
  const int64_t *place = nullptr;
  uint64_t atBarrier = 0, ended = 0;
  std::string wrong;
};

} // namespace

void SimKernels::load(const Plan &plan, std::string_view code, std::string_view table) {
  std::map<std::string, std::pair<uint64_t, bool>> facts;
  std::istringstream lines{std::string(table)};
  std::string target, name;
  std::getline(lines, target);
  uint64_t bytes = 0;
  int meets = 0;
  while (lines >> name >> bytes >> meets)
    facts[name] = {bytes, meets != 0};
  library = std::make_unique<CodeLibrary>();
  if (plan.kernels.empty())
    return;
  checkTarget("simulated kernels", target);
  library->load("simulated kernels", code, plan.kernels, "code.cudasim");
  for (const Kernel &kernel : plan.kernels) {
    Entry entry;
    entry.name = kernel.name;
    entry.code = reinterpret_cast<SimKernel>(reinterpret_cast<void *>(library->kernels().at(kernel.name)));
    auto found = facts.find(kernel.name);
    if (found == facts.end() || kernel.grid.size() != 3 || kernel.block.size() != 3)
      throw Error{Data, "kernel \"" + kernel.name + "\" has no grid and block or no line in section \"cudasim\"; " +
                            "compile the model again"};
    std::tie(entry.sharedBytes, entry.meets) = found->second;
    std::copy(kernel.grid.begin(), kernel.grid.end(), entry.grid);
    std::copy(kernel.block.begin(), kernel.block.end(), entry.block);
    entries.push_back(std::move(entry));
  }
}

void SimKernels::run(uint32_t kernel, std::vector<void *> buffers, const int64_t *coords, uint64_t draw) const {
  const Entry &entry = entries.at(kernel);
  std::vector<char> shared(entry.sharedBytes + 64);
  auto aligned = (reinterpret_cast<uintptr_t>(shared.data()) + 63) / 64 * 64;
  buffers.push_back(reinterpret_cast<void *>(aligned));
  auto blocks = static_cast<uint64_t>(entry.grid[0] * entry.grid[1] * entry.grid[2]);
  auto threads = static_cast<uint64_t>(entry.block[0] * entry.block[1] * entry.block[2]);
  std::unique_ptr<Block> meeting;
  if (entry.meets)
    meeting = std::make_unique<Block>(entry.code, entry.name, threads);
  SimThread self{};
  std::copy_n(entry.block, 3, self.blockDim);
  std::copy_n(entry.grid, 3, self.gridDim);
  Order blockOrder(blocks, draw), threadOrder(threads, draw >> 7);
  for (uint64_t b = 0; b < blocks; ++b) {
    auto rest = static_cast<int64_t>(blockOrder[b]);
    for (int d = 0; d < 3; ++d) {
      self.block[d] = rest % entry.grid[d];
      rest /= entry.grid[d];
    }
    // What a block does not write before it reads is not a number, and differs from what a GPU would have there.
    std::memset(reinterpret_cast<void *>(aligned), 0xff, entry.sharedBytes);
    if (meeting) {
      meeting->run(self, buffers.data(), coords, draw);
      continue;
    }
    for (uint64_t t = 0; t < threads; ++t) {
      auto index = static_cast<int64_t>(threadOrder[t]);
      for (int d = 0; d < 3; ++d) {
        self.thread[d] = index % entry.block[d];
        index /= entry.block[d];
      }
      entry.code(buffers.data(), coords, &self, 0);
    }
  }
}

} // namespace llcc::rt
