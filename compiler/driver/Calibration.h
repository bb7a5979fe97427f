// Ranges of values over data: smallest and largest, or the bounds of a share of all numbers.
#ifndef LLCC_COMPILER_DRIVER_CALIBRATION_H
#define LLCC_COMPILER_DRIVER_CALIBRATION_H

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace llcc {

/// Numbers of one value of the graph, as they come: extremes, and a histogram whose range grows by doubling, so that
/// nothing has to be read twice.
class Histogram {
public:
  void add(const float *numbers, size_t count);
  /// The bounds between which `percentile` percent of all numbers lie, half of the rest on either side, to the width of
  /// a bin; 100: the extremes. Not finite numbers do not count.
  std::pair<double, double> range(double percentile) const;
  uint64_t count() const { return total; }

private:
  static constexpr int kBins = 4096; ///< over [-limit, limit)
  void grow(double magnitude);
  std::vector<uint64_t> bins = std::vector<uint64_t>(kBins);
  double limit = 0, low = 0, high = 0;
  uint64_t total = 0;
};

} // namespace llcc

#endif
