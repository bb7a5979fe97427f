// Measures a session on held-out data.
#ifndef LLCC_RUNTIME_LLRUN_EVALUATE_H
#define LLCC_RUNTIME_LLRUN_EVALUATE_H

#include "runtime/data/Feeder.h"
#include "runtime/llrun/Opened.h"

namespace llcc::rt {

struct Evaluation {
  double loss = 0;      ///< mean over all samples, by the plan's loss
  double accuracy = -1; ///< share of right classes; -1: not a classification
  int64_t samples = 0;
};

/// Runs all samples of `data` through the inference program.
Evaluation evaluate(Opened &opened, Feeder &data);

/// Runs all samples through the inference program; every output whole, by name.
Arrays inferAll(Opened &opened, Feeder &data);

} // namespace llcc::rt

#endif
