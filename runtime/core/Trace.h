// When each instruction of a device began and ended; as a file that chrome://tracing and Perfetto open.
#ifndef LLCC_RUNTIME_CORE_TRACE_H
#define LLCC_RUNTIME_CORE_TRACE_H

#include "runtime/plan/Plan.h"
#include <chrono>
#include <string>
#include <vector>

namespace llcc::rt {

/// What one device did, in order. Only its own thread writes it, while a step runs.
class Timeline {
public:
  using Clock = std::chrono::steady_clock;
  struct Event {
    Clock::time_point begin, end;
    int64_t step;
    uint32_t instr;
  };
  /// Events kept: a trace is for looking at some steps, a long run must not fill the memory.
  static constexpr size_t kMost = size_t(1) << 20;

  Timeline(const Program *program) : program(program) {}
  void startStep(int64_t number) { step = number; }
  void add(size_t instr, Clock::time_point begin, Clock::time_point end) {
    if (events.size() < kMost)
      events.push_back({begin, end, step, static_cast<uint32_t>(instr)});
  }

  const Program *program; ///< nullptr: the device is idle
  std::vector<Event> events;

private:
  int64_t step = 0;
};

/// Chrome's trace format: one complete event an instruction, named by operation, kernel and ONNX node; a group of rows
/// a device (called `names[device]`), a row a stream; times in microseconds since `origin`. Throws Error when the file
/// cannot be written.
void writeTrace(const std::string &path, const std::vector<Timeline> &devices, const std::vector<std::string> &names,
                Timeline::Clock::time_point origin);

/// Of a step of a device, in the mean: time in collectives, sends and receives (waiting for others included), and how
/// much of it compute instructions of the same device ran.
struct Overlap {
  double step = 0, communication = 0, hidden = 0; ///< seconds
};
Overlap overlapOf(const std::vector<Timeline> &devices);

} // namespace llcc::rt

#endif
