// What the host gives to and takes from the devices in one run of their programs.
#ifndef LLCC_RUNTIME_CORE_HOSTSIDE_H
#define LLCC_RUNTIME_CORE_HOSTSIDE_H

#include "runtime/core/LossGate.h"
#include <cstring>

namespace llcc::rt {

/// Filled by the session before a run, read by device threads in it. Pointers belong to the caller of the C ABI.
struct HostSide {
  std::vector<const char *> inputs; ///< by number in Plan::inputs: all rows of the call
  int64_t rows = 0;                 ///< inference: rows that are there; the rest of the program's batch is zero
  float learningRate = 0;
  double step = 0;                   ///< number of this step, from 1
  int64_t seed = 0;                  ///< of random bits
  std::vector<char *> gradients;     ///< by number in Plan::variables: whole array; nullptr: not wanted
  std::vector<char *> outputs;       ///< by number in Plan::outputs; nullptr: not wanted
  std::vector<uint64_t> outputBytes; ///< what of it is wanted, from its start
  double gradNorm = 0;
};

/// A captured loss or norm: one f64 or f32.
inline double scalarAt(const char *data, DType type) {
  if (type == DType::F64) {
    double value;
    std::memcpy(&value, data, sizeof value);
    return value;
  }
  float value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

} // namespace llcc::rt

#endif
