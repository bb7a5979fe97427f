// Histograms of values.
#include "compiler/driver/Calibration.h"
#include <algorithm>
#include <cmath>

namespace llcc {

// Doubling the range joins bins in pairs around the middle.
void Histogram::grow(double magnitude) {
  if (limit == 0) {
    limit = magnitude;
    return;
  }
  while (magnitude > limit) {
    std::vector<uint64_t> wider(kBins);
    for (int i = 0; i < kBins; ++i)
      wider[size_t(kBins / 4 + i / 2)] += bins[size_t(i)];
    bins.swap(wider);
    limit *= 2;
  }
}

void Histogram::add(const float *numbers, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; ++i)
    if (std::isfinite(numbers[i]))
      most = std::max(most, std::fabs(double(numbers[i])));
  if (most > 0)
    grow(most);
  for (size_t i = 0; i < count; ++i) {
    double x = numbers[i];
    if (!std::isfinite(x))
      continue;
    low = total ? std::min(low, x) : x;
    high = total ? std::max(high, x) : x;
    ++total;
    int bin = limit > 0 ? int((x / limit + 1) * (kBins / 2)) : kBins / 2;
    ++bins[size_t(std::clamp(bin, 0, kBins - 1))];
  }
}

std::pair<double, double> Histogram::range(double percentile) const {
  if (percentile >= 100 || total == 0)
    return {low, high};
  double outside = double(total) * (100 - percentile) / 200; // on either side
  auto edge = [&](int bin) { return (double(bin) / (kBins / 2) - 1) * limit; };
  int first = 0, last = kBins - 1;
  for (double seen = 0; first < last; ++first)
    if ((seen += double(bins[size_t(first)])) > outside)
      break;
  for (double seen = 0; last > first; --last)
    if ((seen += double(bins[size_t(last)])) > outside)
      break;
  return {std::max(low, edge(first)), std::min(high, edge(last + 1))};
}

} // namespace llcc
