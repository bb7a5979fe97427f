// The file of metrics: JSON lines, one a step.
#ifndef LLCC_RUNTIME_LLRUN_METRICS_H
#define LLCC_RUNTIME_LLRUN_METRICS_H

#include "runtime/llrun/Evaluate.h"
#include <cstdio>

namespace llcc::rt {

/// A file that cannot be written any more does not end the training: it is said once.
class Metrics {
public:
  /// A run that goes on from a checkpoint keeps the lines of the steps before `first`: those after it are done again.
  /// An empty path: no file.
  Metrics(const std::string &path, int64_t first);
  ~Metrics();
  void step(int64_t step, double loss, double lr, double norm, double rate);
  void evaluation(int64_t step, int64_t epoch, const Evaluation &e);

private:
  void keepBefore(int64_t first);
  void written(bool bad);
  std::string path;
  FILE *file = nullptr;
  bool warned = false;
};

} // namespace llcc::rt

#endif
