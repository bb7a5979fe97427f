// Threads that are switched by hand, on x86-64: a switch saves what the ABI says a call preserves.
#include "runtime/devices/cudasim/Fiber.h"
#include "runtime/core/Error.h"
#include <cstdint>
#include <sys/mman.h>

extern "C" void llcc_fiber_switch(void **save, void *load);
extern "C" void llcc_fiber_start();
// rdi: where the stack pointer is saved; rsi: the one to go on with. A fresh fiber finds in r12 what to call and in r13
// its argument.
asm(R"(
.text
.globl llcc_fiber_switch
.hidden llcc_fiber_switch
.type llcc_fiber_switch,@function
llcc_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size llcc_fiber_switch,.-llcc_fiber_switch
.globl llcc_fiber_start
.hidden llcc_fiber_start
.type llcc_fiber_start,@function
llcc_fiber_start:
  movq %r13, %rdi
  callq *%r12
  ud2
.size llcc_fiber_start,.-llcc_fiber_start
)");

namespace llcc::rt {

FiberStacks::~FiberStacks() {
  for (char *stack : stacks)
    ::munmap(stack, kBytes);
}

FiberStacks &FiberStacks::ofThread() {
  static thread_local FiberStacks stacks;
  return stacks;
}

char *FiberStacks::top(size_t index) {
  while (stacks.size() <= index) {
    void *memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      throw Error{Unavailable, "no memory for the stacks of simulated threads"};
    ::mprotect(memory, 4096, PROT_NONE); // a thread that needs more ends here, not in its neighbour's stack
    stacks.push_back(static_cast<char *>(memory));
  }
  return stacks[index] + kBytes;
}

void Fiber::prepare(char *top, Body what, void *with) {
  body = what;
  argument = with;
  ended = false;
  auto *stack = reinterpret_cast<uint64_t *>(top) - 2; // after `ret` the stack is a multiple of 16, as before a call
  *--stack = reinterpret_cast<uint64_t>(&llcc_fiber_start);
  *--stack = 0;                                  // rbp
  *--stack = 0;                                  // rbx
  *--stack = reinterpret_cast<uint64_t>(&enter); // r12
  *--stack = reinterpret_cast<uint64_t>(this);   // r13
  *--stack = 0;                                  // r14
  *--stack = 0;                                  // r15
  inside = stack;
}

void Fiber::enter(Fiber *self) {
  self->body(self->argument);
  self->ended = true;
  llcc_fiber_switch(&self->inside, self->outside);
}

bool Fiber::resume() {
  llcc_fiber_switch(&outside, inside);
  return !ended;
}

void Fiber::yield() { llcc_fiber_switch(&inside, outside); }

} // namespace llcc::rt
