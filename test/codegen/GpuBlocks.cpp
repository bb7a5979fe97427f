// Fibers for the threads of a block: each runs until it must wait for others.
#include "GpuBlocks.h"

#include <cstring>
#include <memory>
#include <ucontext.h>

namespace llcc::test {
namespace {

constexpr size_t kStack = 64 << 10;

struct Fiber : rt::SimThread {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  struct Block *all = nullptr;
  int64_t number = 0;
  int64_t barriers = 0, shuffles = 0; ///< that it has come to
  bool done = false;
};

struct Block {
  const GpuLaunch &launch;
  std::vector<void *> buffers;
  std::vector<Fiber> fibers;
  std::vector<uint64_t> values[2]; ///< of each thread's last shuffles, even and odd ones
  ucontext_t scheduler;

  /// Comes back when `ready` holds; the scheduler runs others meanwhile.
  template <typename Ready> void wait(Fiber &fiber, Ready ready) {
    while (!ready())
      swapcontext(&fiber.context, &scheduler);
  }
};

void barrier(rt::SimThread *self) {
  Fiber &fiber = *static_cast<Fiber *>(self);
  ++fiber.barriers;
  fiber.all->wait(fiber, [&] {
    for (Fiber &other : fiber.all->fibers)
      if (other.barriers < fiber.barriers)
        return false;
    return true;
  });
}

uint64_t shuffle(rt::SimThread *self, uint64_t value, int64_t offset, int64_t width, int64_t mode) {
  Fiber &fiber = *static_cast<Fiber *>(self);
  Block &block = *fiber.all;
  std::vector<uint64_t> &values = block.values[fiber.shuffles % 2];
  values[fiber.number] = value;
  ++fiber.shuffles;
  int64_t first = fiber.number / rt::kSimWarp * rt::kSimWarp, lane = fiber.number - first;
  block.wait(fiber, [&] {
    for (int64_t i = first; i < first + rt::kSimWarp; ++i)
      if (i >= int64_t(block.fibers.size()) || block.fibers[i].shuffles < fiber.shuffles)
        return false;
    return true;
  });
  int64_t source = mode == 0 ? lane ^ offset : mode == 1 ? lane + offset : mode == 2 ? lane - offset : offset;
  fiber.valid = lane < width && source >= 0 && source < width;
  return fiber.valid ? values[first + source] : 0xDEADDEADDEADDEADull;
}

void enter(unsigned high, unsigned low) {
  Fiber &fiber = *reinterpret_cast<Fiber *>(uintptr_t(high) << 32 | low);
  Block &block = *fiber.all;
  block.launch.kernel(block.buffers.data(), block.launch.coords.data(), &fiber, 0);
  fiber.done = true;
  while (true)
    swapcontext(&fiber.context, &block.scheduler);
}

/// Runs one block to its end; false: nobody can go on.
bool runFibers(Block &block) {
  for (Fiber &fiber : block.fibers) {
    if (!fiber.stack)
      fiber.stack.reset(new char[kStack]);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    auto at = reinterpret_cast<uintptr_t>(&fiber);
    makecontext(&fiber.context, reinterpret_cast<void (*)()>(enter), 2, unsigned(at >> 32), unsigned(at));
  }
  size_t left = block.fibers.size();
  while (left) {
    bool moved = false;
    for (size_t i = 0; i < block.fibers.size(); ++i) {
      Fiber &fiber = block.fibers[block.launch.backwards ? block.fibers.size() - 1 - i : i];
      if (fiber.done)
        continue;
      int64_t before = fiber.barriers + fiber.shuffles;
      swapcontext(&block.scheduler, &fiber.context);
      left -= fiber.done;
      moved |= fiber.done || fiber.barriers + fiber.shuffles != before;
    }
    if (!moved)
      return false;
  }
  return true;
}
} // namespace

std::string run(const GpuLaunch &launch) {
  std::vector<char> shared(launch.sharedBytes + 64);
  Block block{launch, launch.buffers, std::vector<Fiber>(launch.block), {}, {}};
  auto at = (reinterpret_cast<uintptr_t>(shared.data()) + 63) / 64 * 64;
  block.buffers.push_back(reinterpret_cast<void *>(at));
  for (auto &values : block.values)
    values.resize(launch.block);
  for (int64_t b = 0; b < launch.grid; ++b) {
    std::memset(shared.data(), 0xA5, shared.size());
    for (int64_t t = 0; t < launch.block; ++t) {
      Fiber &fiber = block.fibers[t];
      static_cast<rt::SimThread &>(fiber) = {{t, 0, 0}, {b, 0, 0}, {launch.block, 1, 1}, {launch.grid, 1, 1}, barrier,
                                             shuffle,   0};
      fiber.all = &block;
      fiber.number = t;
      fiber.barriers = fiber.shuffles = 0;
      fiber.done = false;
    }
    if (!launch.meets) {
      for (int64_t i = 0; i < launch.block; ++i) {
        Fiber &fiber = block.fibers[launch.backwards ? launch.block - 1 - i : i];
        launch.kernel(block.buffers.data(), launch.coords.data(), &fiber, 0);
      }
    } else if (!runFibers(block)) {
      return "threads of block " + std::to_string(b) + " wait for threads that have left";
    }
  }
  return "";
}

} // namespace llcc::test
