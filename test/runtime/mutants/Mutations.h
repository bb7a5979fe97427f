// Small changes of plans, by kind.
#ifndef LLCC_TEST_RUNTIME_MUTANTS_MUTATIONS_H
#define LLCC_TEST_RUNTIME_MUTANTS_MUTATIONS_H

#include "runtime/plan/Plan.h"
#include <functional>
#include <random>
#include <string>
#include <vector>

/// Changes the plan at a place that `random` chooses; false where there is nothing to change at it.
struct Mutation {
  std::string name;
  std::function<bool(llcc::rt::Plan &plan, std::mt19937 &random)> change;
};
const std::vector<Mutation> &mutations();

#endif
