// Order between streams: how far each instruction knows the other streams to have come.
#ifndef LLCC_PASSES_LOWER_STREAMS_H
#define LLCC_PASSES_LOWER_STREAMS_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace mlir::llcc {

inline constexpr int64_t kStreams = 2;

/// Vector clocks over a list of instructions. clock(i)[s] is the last instruction of stream s that has certainly ended
/// before i starts.
class Clocks {
public:
  using Clock = std::array<int64_t, kStreams>;

  /// Appends an instruction of `stream`.
  void begin(int64_t stream) {
    Clock clock = {-1, -1};
    if (last[stream] >= 0) {
      clock = clocks[last[stream]];
      clock[stream] = last[stream];
    }
    last[stream] = clocks.size();
    clocks.push_back(clock);
    streams.push_back(stream);
  }
  /// Makes the newest instruction wait for `other`; false where that is so already.
  bool wait(int64_t other) {
    Clock &mine = clocks.back();
    if (mine[streams[other]] >= other)
      return false;
    for (int64_t s = 0; s < kStreams; ++s)
      mine[s] = std::max(mine[s], clocks[other][s]);
    mine[streams[other]] = other;
    return true;
  }
  const Clock &operator[](int64_t i) const { return clocks[i]; }
  int64_t streamOf(int64_t i) const { return streams[i]; }
  int64_t size() const { return clocks.size(); }

private:
  std::vector<Clock> clocks;
  std::vector<int64_t> streams;
  Clock last = {-1, -1};
};

} // namespace mlir::llcc

#endif
