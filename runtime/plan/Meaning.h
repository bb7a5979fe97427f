// What a plan computes, independent of where buffers lie and of the order of what does not depend on each other.
#ifndef LLCC_RUNTIME_PLAN_MEANING_H
#define LLCC_RUNTIME_PLAN_MEANING_H

#include "runtime/plan/Plan.h"
#include <map>

namespace llcc::rt {

/// How a value compares with that of one device that runs the same microbatches with as many threads a device.
enum class Likeness : uint8_t {
  Bitwise, ///< every operation has the operands and shapes that it has there
  Order    ///< sums are split over devices: equal up to the order of additions
};
const char *nameOf(Likeness likeness);

struct Meaning {
  uint64_t hash = 0; ///< of the expression that makes the value
  Likeness likeness = Likeness::Bitwise;
};

/// Everything that is seen of a plan: "loss", "gradient norm", "gradient of NAME", "variable NAME" (its new value),
/// "output NAME", and "tables" (mesh, variables, inputs, outputs). Each value is numbered by its operation, numbers,
/// axes, kernel, shapes and the numbers of its operands (Cocke 1970), through sends and collectives; two plans with
/// equal meanings compute the same, whatever their arenas, streams and waits, as far as verify() finds them sound.
/// Needs a plan that verify() accepts.
std::map<std::string, Meaning> meaningsOf(const Plan &plan);

/// The first difference as a sentence; empty where there is none.
std::string differenceOf(const std::map<std::string, Meaning> &certified, const std::map<std::string, Meaning> &found);

} // namespace llcc::rt

#endif
