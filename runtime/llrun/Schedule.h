// Learning rate of a step.
#ifndef LLCC_RUNTIME_LLRUN_SCHEDULE_H
#define LLCC_RUNTIME_LLRUN_SCHEDULE_H

#include "runtime/plan/Plan.h"
#include <algorithm>
#include <cmath>

namespace llcc::rt {

/// Rate of `step` (from 1) of `total`: linear warm-up over plan.warmupSteps, then constant, linear decay to 0, or half
/// a cosine to 0 (Loshchilov, Hutter 2017, eq. 5 without restarts). `base` is the rate after warm-up.
inline double learningRate(const Plan &plan, double base, int64_t step, int64_t total) {
  if (step <= plan.warmupSteps)
    return base * double(step) / double(plan.warmupSteps);
  double span = double(std::max<int64_t>(1, total - plan.warmupSteps));
  double part = std::min(1.0, double(step - plan.warmupSteps - 1) / span);
  if (plan.lrSchedule == "linear")
    return base * (1 - part);
  if (plan.lrSchedule == "cosine")
    return base * 0.5 * (1 + std::cos(M_PI * part));
  return base;
}

} // namespace llcc::rt

#endif
