// Runs a plan on terms: all devices, both streams, bytes of the arena as expressions. The judge of mutants; shares no
// code with the verifier.
#ifndef LLCC_TEST_RUNTIME_MUTANTS_MACHINE_H
#define LLCC_TEST_RUNTIME_MUTANTS_MACHINE_H

#include "runtime/plan/Plan.h"
#include <map>
#include <string>

/// Which of the instructions that may run does.
enum class Pace {
  List,     ///< in list order
  Compute,  ///< stream 0 as far ahead as waits allow
  Transfer, ///< stream 1 as far ahead
};

/// What is seen of one step and one inference: name → expression. Final bytes of every device's variables, losses,
/// gradients and norms in the order in which they are shown, outputs; "stopped" where devices wait in vain or leave the
/// arena.
using Seen = std::map<std::string, uint64_t>;
Seen execute(const llcc::rt::Plan &plan, Pace pace);

#endif
