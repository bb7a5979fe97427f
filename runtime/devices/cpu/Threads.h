// Splits a range over the threads of one device, in the pool that oneDNN uses as well (libgomp's, one for each device
// thread).
#ifndef LLCC_RUNTIME_DEVICES_CPU_THREADS_H
#define LLCC_RUNTIME_DEVICES_CPU_THREADS_H

#include <cstdint>

namespace llcc::rt {

/// Threads that parallel regions started by the calling thread have; oneDNN follows it.
void setThreads(int threads);

using RangeBody = void (*)(void *context, int64_t begin, int64_t end);
/// Calls body on `parts` neighbouring pieces of [0, extent), at the same time. One part is a plain call.
void splitRange(int64_t extent, int parts, RangeBody body, void *context);

/// Parts worth making of `work` elementary operations on `threads` threads: waking a thread costs some microseconds.
inline int partsFor(double work, int64_t extent, int threads) {
  constexpr double least = 32768;
  double parts = work / least;
  if (parts > threads)
    parts = threads;
  if (parts > static_cast<double>(extent))
    parts = static_cast<double>(extent);
  return parts < 1 ? 1 : static_cast<int>(parts);
}

template <class F> void splitRange(int64_t extent, int parts, F body) {
  splitRange(
      extent, parts, [](void *context, int64_t begin, int64_t end) { (*static_cast<F *>(context))(begin, end); },
      &body);
}

} // namespace llcc::rt

#endif
