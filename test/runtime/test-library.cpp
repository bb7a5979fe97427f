// Library calls against the plain loops, and the plain loops in f64 against definitions written down independently.
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cpu/Library.h"
#include "runtime/plan/Half.h"
#include "test/runtime/Check.h"
#include "test/runtime/Regression.h"
#include <cstdlib>
#include <functional>

using namespace llcc::rt;

namespace {

double number(size_t i) { return double((i * 7919 + 13) % 201) / 100 - 1; }

template <class T> void putAs(double value, char *to) {
  T narrow(value);
  std::memcpy(to, &narrow, sizeof narrow);
}
void put(DType type, double value, char *to) {
  switch (type) {
  case DType::F64:
    return putAs<double>(value, to);
  case DType::BF16:
    return putAs<BFloat16>(value, to);
  case DType::F16:
    return putAs<Float16>(value, to);
  default:
    return putAs<float>(float(value), to);
  }
}
template <class T> double getAs(const char *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return double(value);
}
double get(DType type, const char *from) {
  return type == DType::F64    ? getAs<double>(from)
         : type == DType::BF16 ? getAs<BFloat16>(from)
         : type == DType::F16  ? getAs<Float16>(from)
                               : getAs<float>(from);
}

/// Runs one instruction on one device; values in and out are doubles whatever the type.
/// `sum`: type of the result.
std::vector<double> run(DType type, DType sum, Op op, const Shape &first, const Shape &second, const Shape &result,
                        std::vector<int64_t> ints, std::vector<double> reals, bool reference, int threads) {
  setenv("LLCC_REFERENCE", reference ? "1" : "0", 1);
  Program program;
  Builder b(program);
  uint32_t x = b.temp(first.dims, type), y = b.temp(second.dims, type), z = b.temp(result.dims, sum);
  b.add(op, {x, y}, {z}, std::move(ints), std::move(reals));
  std::unique_ptr<char, void (*)(void *)> arena(static_cast<char *>(std::aligned_alloc(64, program.arenaBytes + 64)),
                                                [](void *p) { std::free(p); });
  auto place = [&](uint32_t buffer) { return arena.get() + program.buffers[buffer].offset; };
  auto each = [&](uint32_t buffer, const std::function<void(size_t, char *)> &f) {
    for (size_t i = 0; i < program.buffers[buffer].shape.elements(); ++i)
      f(i, place(buffer) + i * sizeOf(program.buffers[buffer].shape.type));
  };
  if (type != DType::F64 && !reference && program.buffers[x].shape.elements() && program.buffers[y].shape.elements()) {
    // The device would fall back on the loops in silence.
    Library library(2);
    const Instr &instr = program.instrs[0];
    CHECK(op == Op::Matmul ? library.matmul(program, instr, {place(x), place(y)}, {place(z)})
                           : library.convolution(program, instr, {place(x), place(y)}, {place(z)}),
          "oneDNN has no %s of this shape", nameOf(op));
  }
  KernelTable none;
  std::unique_ptr<Device> device = makeCpuDevice({}, threads, none);
  Work work = device->prepare(program, program.instrs[0], {place(x), place(y)}, {place(z)});
  device->finish();
  for (int round = 0; round < 2; ++round) { // the second run must not see the first
    for (uint32_t buffer : {x, y, z})
      each(buffer, [&](size_t i, char *to) { put(program.buffers[buffer].shape.type, number(i + buffer * 1000), to); });
    work();
  }
  std::vector<double> values;
  each(z, [&](size_t, char *from) { values.push_back(get(sum, from)); });
  return values;
}
std::vector<double> run(DType type, Op op, const Shape &first, const Shape &second, const Shape &result,
                        std::vector<int64_t> ints, std::vector<double> reals, bool reference, int threads) {
  return run(type, type, op, first, second, result, std::move(ints), std::move(reals), reference, threads);
}

double distance(const std::vector<double> &a, const std::vector<double> &b) {
  double most = a.size() == b.size() ? 0 : INFINITY, scale = 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    most = std::fmax(most, std::isfinite(a[i]) ? std::fabs(a[i] - b[i]) : INFINITY);
    scale = std::fmax(scale, std::fabs(b[i]));
  }
  return most / scale;
}

void matmuls() {
  struct Sizes {
    int64_t batch, m, n, k;
  };
  for (Sizes s : {Sizes{1, 1, 1, 1},
                  {1, 3, 5, 7},
                  {1, 64, 10, 128},
                  {4, 3, 5, 7},
                  {6, 17, 33, 9},
                  {1, 1, 300, 65},
                  {1, 1, 300, 257}, // few operations on many bytes: all threads
                  {1, 301, 257, 1},
                  {0, 3, 3, 3},
                  {1, 3, 3, 0},
                  {1, 129, 65, 257}})
    for (int transposes = 0; transposes < 4; ++transposes)
      for (auto [alpha, beta] : {std::pair(1.0, 0.0), {0.5, 0.0}, {1.0, 1.0}, {-2.0, 0.25}}) {
        int64_t left = transposes & 1, right = transposes >> 1;
        Shape x{DType::F64, {s.batch, left ? s.k : s.m, left ? s.m : s.k}},
            y{DType::F64, {s.batch, right ? s.n : s.k, right ? s.k : s.n}}, z{DType::F64, {s.batch, s.m, s.n}};
        std::vector<int64_t> ints = {s.batch, s.m, s.n, s.k, left, right};
        std::vector<double> exact;
        for (int64_t b = 0; b < s.batch; ++b)
          for (int64_t i = 0; i < s.m; ++i)
            for (int64_t j = 0; j < s.n; ++j) {
              double sum = 0;
              for (int64_t k = 0; k < s.k; ++k)
                sum += number(size_t(b * s.m * s.k + (left ? k * s.m + i : i * s.k + k))) *
                       number(size_t(1000 + b * s.k * s.n + (right ? j * s.k + k : k * s.n + j)));
              exact.push_back(alpha * sum + beta * number(size_t(2000 + (b * s.m + i) * s.n + j)));
            }
        auto name = [&] {
          return std::to_string(s.batch) + " x " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                 std::to_string(s.k);
        };
        CHECK(distance(run(DType::F64, Op::Matmul, x, y, z, ints, {alpha, beta}, false, 1), exact) < 1e-13, "f64 %s",
              name().c_str());
        CHECK(distance(run(DType::F32, Op::Matmul, x, y, z, ints, {alpha, beta}, true, 1), exact) < 1e-6,
              "reference %s", name().c_str());
        for (int threads : {1, 2})
          CHECK(distance(run(DType::F32, Op::Matmul, x, y, z, ints, {alpha, beta}, false, threads), exact) < 1e-5,
                "library, %d threads, %s", threads, name().c_str());
      }
}

struct Window {
  int64_t batch, channels, filters, groups;
  std::vector<int64_t> in, kernel, strides, lo, hi, dilations;
};

/// The three convolutions as sums over all pairs of input and output positions, straight from the formula in Ops.td.
void naive(const Window &w, const std::vector<int64_t> &out, Op op, std::vector<double> &result) {
  size_t rank = w.in.size();
  int64_t perGroup = w.channels / w.groups, filtersPerGroup = w.filters / w.groups;
  auto volume = [](const std::vector<int64_t> &dims) {
    int64_t v = 1;
    for (int64_t d : dims)
      v *= d;
    return v;
  };
  int64_t nin = volume(w.in), nk = volume(w.kernel), nout = volume(out);
  for (int64_t n = 0; n < w.batch; ++n)
    for (int64_t m = 0; m < w.filters; ++m)
      for (int64_t c = 0; c < perGroup; ++c)
        for (int64_t o = 0; o < nout; ++o)
          for (int64_t k = 0; k < nk; ++k) {
            int64_t position = 0, ro = o, rk = k, scale = 1;
            bool inside = true;
            for (size_t d = rank; d-- > 0;) {
              int64_t i = ro % out[d] * w.strides[d] - w.lo[d] + rk % w.kernel[d] * w.dilations[d];
              inside &= i >= 0 && i < w.in[d];
              position += i * scale;
              scale *= w.in[d];
              ro /= out[d];
              rk /= w.kernel[d];
            }
            if (!inside)
              continue;
            int64_t channel = m / filtersPerGroup * perGroup + c;
            size_t x = size_t((n * w.channels + channel) * nin + position), f = size_t((m * perGroup + c) * nk + k),
                   y = size_t((n * w.filters + m) * nout + o);
            if (op == Op::Conv)
              result[y] += number(x) * number(1000 + f);
            if (op == Op::ConvInputGrad)
              result[x] += number(y) * number(1000 + f);
            if (op == Op::ConvWeightGrad)
              result[f] += number(x) * number(1000 + y);
          }
}

void convolutions() {
  const Window windows[] = {{2, 3, 4, 1, {7}, {3}, {1}, {1}, {1}, {1}},
                            {1, 4, 6, 2, {11}, {3}, {2}, {0}, {1}, {2}},
                            {2, 1, 8, 1, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
                            {2, 16, 32, 1, {8, 8}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
                            {1, 6, 6, 6, {7, 9}, {3, 2}, {1, 2}, {2, 0}, {0, 1}, {1, 1}},
                            {2, 8, 4, 4, {6, 5}, {2, 3}, {1, 1}, {0, 2}, {1, 2}, {2, 1}},
                            {1, 3, 5, 1, {5, 5}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
                            {1, 2, 3, 1, {4, 5, 6}, {2, 3, 2}, {1, 2, 1}, {0, 1, 1}, {1, 1, 0}, {1, 1, 2}}};
  for (const Window &w : windows) {
    size_t rank = w.in.size();
    std::vector<int64_t> out, ints = {int64_t(rank), w.groups};
    for (const auto *list : {&w.strides, &w.lo, &w.hi, &w.dilations})
      ints.insert(ints.end(), list->begin(), list->end());
    Shape x{DType::F32, {w.batch, w.channels}}, f{DType::F32, {w.filters, w.channels / w.groups}},
        y{DType::F32, {w.batch, w.filters}};
    for (size_t d = 0; d < rank; ++d) {
      out.push_back((w.in[d] + w.lo[d] + w.hi[d] - w.dilations[d] * (w.kernel[d] - 1) - 1) / w.strides[d] + 1);
      x.dims.push_back(w.in[d]);
      f.dims.push_back(w.kernel[d]);
      y.dims.push_back(out[d]);
    }
    struct Kind {
      Op op;
      const Shape &first, &second, &result;
    };
    for (const Kind &kind :
         {Kind{Op::Conv, x, f, y}, Kind{Op::ConvInputGrad, y, f, x}, Kind{Op::ConvWeightGrad, x, y, f}}) {
      std::vector<double> exact(kind.result.elements(), 0);
      naive(w, out, kind.op, exact);
      const char *name = nameOf(kind.op);
      size_t number = size_t(&w - windows);
      CHECK(distance(run(DType::F64, kind.op, kind.first, kind.second, kind.result, ints, {}, false, 1), exact) < 1e-13,
            "f64 %s, window %zu", name, number);
      CHECK(distance(run(DType::F32, kind.op, kind.first, kind.second, kind.result, ints, {}, true, 2), exact) < 1e-6,
            "reference %s, window %zu", name, number);
      for (int threads : {1, 2})
        CHECK(distance(run(DType::F32, kind.op, kind.first, kind.second, kind.result, ints, {}, false, threads),
                       exact) < 1e-5,
              "library %s, window %zu, %d threads", name, number, threads);
    }
  }
}

/// Products of 16 bit operands: as the loops in f64 but for one rounding of the result, and none where that is f32.
/// Sizes on both sides of the blocks of HalfMatmul; batches of few and of many operations.
void halves() {
  struct Sizes {
    int64_t batch, m, n, k;
  };
  for (DType type : {DType::BF16, DType::F16})
    for (DType sum : {type, DType::F32}) {
      double allowed = sum == DType::F32 ? 1e-5 : type == DType::BF16 ? 1.0 / 256 : 1.0 / 2048;
      auto same = [&](Op op, const Shape &x, const Shape &y, const Shape &z, const std::vector<int64_t> &ints,
                      const std::vector<double> &reals, const std::string &what) {
        std::vector<double> exact = run(type, sum, op, x, y, z, ints, reals, true, 2);
        for (int threads : {1, 2}) {
          double error = distance(run(type, sum, op, x, y, z, ints, reals, false, threads), exact);
          CHECK(error <= allowed, "%s of %s to %s, %d threads, %s: %g", nameOf(op), nameOf(type), nameOf(sum), threads,
                what.c_str(), error);
        }
      };
      for (Sizes s : {Sizes{1, 1, 1, 1}, {1, 3, 5, 7}, {7, 16, 12, 8}, {1, 515, 1030, 20}, {1, 8, 6, 1100}})
        for (int transposes = 0; transposes < 4; ++transposes)
          for (double beta : {0.0, 0.5}) {
            int64_t left = transposes & 1, right = transposes >> 1;
            Shape x{type, {s.batch, left ? s.k : s.m, left ? s.m : s.k}},
                y{type, {s.batch, right ? s.n : s.k, right ? s.k : s.n}}, z{sum, {s.batch, s.m, s.n}};
            same(Op::Matmul, x, y, z, {s.batch, s.m, s.n, s.k, left, right}, {1, beta},
                 std::to_string(s.batch) + " x " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                     std::to_string(s.k));
          }
      Shape x{type, {2, 8, 9, 7}}, f{type, {6, 4, 3, 2}}, y{type, {2, 6, 5, 8}};
      std::vector<int64_t> ints = {2, 2, 2, 1, 1, 1, 1, 1, 1, 1};
      same(Op::Conv, x, f, y, ints, {}, "two groups");
      same(Op::ConvInputGrad, y, f, x, ints, {}, "two groups");
      same(Op::ConvWeightGrad, x, y, f, ints, {}, "two groups");
    }
}

} // namespace

int main() {
  matmuls();
  convolutions();
  halves();
  return finished("test-library");
}
