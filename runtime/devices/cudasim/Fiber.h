// Threads of a block that are switched by hand: each has a stack of its own and runs until it yields or ends.
#ifndef LLCC_RUNTIME_DEVICES_CUDASIM_FIBER_H
#define LLCC_RUNTIME_DEVICES_CUDASIM_FIBER_H

#include <cstddef>
#include <vector>

namespace llcc::rt {

/// Stacks for fibers, kept from block to block. One a host thread.
class FiberStacks {
public:
  FiberStacks() = default;
  FiberStacks(const FiberStacks &) = delete;
  FiberStacks &operator=(const FiberStacks &) = delete;
  ~FiberStacks();
  /// The top of stack number `index`. Throws Error where there is no memory.
  char *top(size_t index);
  static FiberStacks &ofThread();

private:
  static constexpr size_t kBytes = size_t(256) << 10;
  std::vector<char *> stacks;
};

class Fiber {
public:
  using Body = void (*)(void *argument);
  /// `body` starts with the first resume, and never throws.
  void prepare(char *top, Body body, void *argument);
  /// Runs the fiber until it yields (true) or ends (false).
  bool resume();
  /// Called in the fiber.
  void yield();

private:
  static void enter(Fiber *self);
  void *inside = nullptr, *outside = nullptr; ///< stack pointers
  Body body = nullptr;
  void *argument = nullptr;
  bool ended = false;
};

} // namespace llcc::rt

#endif
