// Plain loops for matmul and the three convolutions.
#include "runtime/devices/cpu/Reference.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Half.h"
#include <algorithm>

namespace llcc::rt {

template <class T, class Out>
void referenceMatmul(const MatmulShape &s, const T *lhs, const T *rhs, Out *out, int threads) {
  int64_t lhsRow = s.lhsTransposed ? 1 : s.k, lhsCol = s.lhsTransposed ? s.m : 1;
  int64_t rhsRow = s.rhsTransposed ? 1 : s.n, rhsCol = s.rhsTransposed ? s.k : 1;
  int64_t rows = s.batch * s.m;
  splitRange(rows, partsFor(double(rows) * double(s.n) * double(s.k), rows, threads), [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(s.n));
    for (int64_t row = begin; row < end; ++row) {
      int64_t b = row / s.m, i = row % s.m;
      const T *left = lhs + b * s.m * s.k + i * lhsRow, *right = rhs + b * s.k * s.n;
      Out *result = out + row * s.n;
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t k = 0; k < s.k; ++k) {
        double a = left[k * lhsCol];
        for (int64_t j = 0; j < s.n; ++j)
          sums[static_cast<size_t>(j)] += a * static_cast<double>(right[k * rhsRow + j * rhsCol]);
      }
      for (int64_t j = 0; j < s.n; ++j) {
        double value = s.alpha * sums[static_cast<size_t>(j)];
        // beta = 0 must not read: the old bytes may be NaN.
        result[j] = static_cast<Out>(s.beta == 0 ? value : value + s.beta * static_cast<double>(result[j]));
      }
    }
  });
}

namespace {

int64_t volume(const int64_t (&dims)[3]) { return dims[0] * dims[1] * dims[2]; }

/// Calls f(linear kernel position, linear input position) for each kernel position that meets the input at output `o`.
template <class F> void forWindow(const ConvShape &s, const int64_t (&o)[3], F f) {
  int64_t i[3], start[3];
  for (int d = 0; d < 3; ++d)
    start[d] = o[d] * s.stride[d] - s.pad[d];
  for (int64_t a = 0; a < s.kernel[0]; ++a) {
    if ((i[0] = start[0] + a * s.dilation[0]) < 0 || i[0] >= s.in[0])
      continue;
    for (int64_t b = 0; b < s.kernel[1]; ++b) {
      if ((i[1] = start[1] + b * s.dilation[1]) < 0 || i[1] >= s.in[1])
        continue;
      for (int64_t c = 0; c < s.kernel[2]; ++c)
        if ((i[2] = start[2] + c * s.dilation[2]) >= 0 && i[2] < s.in[2])
          f((a * s.kernel[1] + b) * s.kernel[2] + c, (i[0] * s.in[1] + i[1]) * s.in[2] + i[2]);
    }
  }
}

/// Calls f(o, linear o) for each output position.
template <class F> void forOutputs(const ConvShape &s, F f) {
  int64_t o[3], linear = 0;
  for (o[0] = 0; o[0] < s.out[0]; ++o[0])
    for (o[1] = 0; o[1] < s.out[1]; ++o[1])
      for (o[2] = 0; o[2] < s.out[2]; ++o[2])
        f(o, linear++);
}

double workOf(const ConvShape &s) {
  return double(s.batch) * double(s.filters) * double(volume(s.out)) * double(s.channels / s.groups) *
         double(volume(s.kernel));
}

} // namespace

template <class T, class Out> void referenceConv(const ConvShape &s, const T *x, const T *w, Out *y, int threads) {
  int64_t perGroup = s.channels / s.groups, filtersPerGroup = s.filters / s.groups;
  int64_t in = volume(s.in), kernel = volume(s.kernel), out = volume(s.out), planes = s.batch * s.filters;
  splitRange(planes, partsFor(workOf(s), planes, threads), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      int64_t n = plane / s.filters, m = plane % s.filters, first = m / filtersPerGroup * perGroup;
      forOutputs(s, [&](const int64_t(&o)[3], int64_t at) {
        double sum = 0;
        for (int64_t c = 0; c < perGroup; ++c) {
          const T *image = x + (n * s.channels + first + c) * in, *filter = w + (m * perGroup + c) * kernel;
          forWindow(s, o, [&](int64_t k, int64_t i) { sum += double(image[i]) * double(filter[k]); });
        }
        y[plane * out + at] = static_cast<Out>(sum);
      });
    }
  });
}

// Every dy goes to the inputs of its window. One (sample, channel) plane is one task, so that no two add to one place.
template <class T, class Out>
void referenceConvInputGrad(const ConvShape &s, const T *dy, const T *w, Out *dx, int threads) {
  int64_t perGroup = s.channels / s.groups, filtersPerGroup = s.filters / s.groups;
  int64_t in = volume(s.in), kernel = volume(s.kernel), out = volume(s.out), planes = s.batch * s.channels;
  splitRange(planes, partsFor(workOf(s), planes, threads), [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(in));
    for (int64_t plane = begin; plane < end; ++plane) {
      int64_t n = plane / s.channels, c = plane % s.channels, first = c / perGroup * filtersPerGroup;
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t m = first; m < first + filtersPerGroup; ++m) {
        const T *given = dy + (n * s.filters + m) * out, *filter = w + (m * perGroup + c % perGroup) * kernel;
        forOutputs(s, [&](const int64_t(&o)[3], int64_t at) {
          forWindow(s, o, [&](int64_t k, int64_t i) {
            sums[static_cast<size_t>(i)] += double(given[at]) * double(filter[k]);
          });
        });
      }
      for (int64_t i = 0; i < in; ++i)
        dx[plane * in + i] = static_cast<Out>(sums[static_cast<size_t>(i)]);
    }
  });
}

template <class T, class Out>
void referenceConvWeightGrad(const ConvShape &s, const T *x, const T *dy, Out *dw, int threads) {
  int64_t perGroup = s.channels / s.groups, filtersPerGroup = s.filters / s.groups;
  int64_t in = volume(s.in), kernel = volume(s.kernel), out = volume(s.out), planes = s.filters * perGroup;
  splitRange(planes, partsFor(workOf(s), planes, threads), [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(kernel));
    for (int64_t plane = begin; plane < end; ++plane) {
      int64_t m = plane / perGroup, c = m / filtersPerGroup * perGroup + plane % perGroup;
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t n = 0; n < s.batch; ++n) {
        const T *image = x + (n * s.channels + c) * in, *given = dy + (n * s.filters + m) * out;
        forOutputs(s, [&](const int64_t(&o)[3], int64_t at) {
          forWindow(s, o, [&](int64_t k, int64_t i) {
            sums[static_cast<size_t>(k)] += double(image[i]) * double(given[at]);
          });
        });
      }
      for (int64_t k = 0; k < kernel; ++k)
        dw[plane * kernel + k] = static_cast<Out>(sums[static_cast<size_t>(k)]);
    }
  });
}

#define LLCC_INSTANTIATE(T, Out)                                                                                       \
  template void referenceMatmul<T, Out>(const MatmulShape &, const T *, const T *, Out *, int);                        \
  template void referenceConv<T, Out>(const ConvShape &, const T *, const T *, Out *, int);                            \
  template void referenceConvInputGrad<T, Out>(const ConvShape &, const T *, const T *, Out *, int);                   \
  template void referenceConvWeightGrad<T, Out>(const ConvShape &, const T *, const T *, Out *, int);
LLCC_INSTANTIATE(float, float)
LLCC_INSTANTIATE(double, double)
LLCC_INSTANTIATE(BFloat16, BFloat16)
LLCC_INSTANTIATE(BFloat16, float)
LLCC_INSTANTIATE(Float16, Float16)
LLCC_INSTANTIATE(Float16, float)
#undef LLCC_INSTANTIATE

} // namespace llcc::rt
