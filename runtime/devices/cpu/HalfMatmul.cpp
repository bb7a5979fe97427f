// Products of bf16 and f16 matrices through sgemm.
//
// A block of the result is at most 512 x 1024, its depth 512: 5 MiB in f32 for both operands and the sum. The cost of
// widening is a thousandth of the product's operations; the sum over depth stays in f32 and is rounded once.
#include "runtime/devices/cpu/HalfMatmul.h"
#include "runtime/core/Error.h"
#include "runtime/devices/cpu/Reference.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <oneapi/dnnl/dnnl.h>

namespace llcc::rt {
namespace {

constexpr int64_t mostRows = 512, mostColumns = 1024, mostDepth = 512;

struct Blocked {
  MatmulShape s;
  DType type;      ///< of the operands
  bool wideResult; ///< the result is f32
  int64_t mc, nc, kc;

  Blocked(const Instr &instr, DType type, bool wideResult)
      : s(instr), type(type), wideResult(wideResult), mc(std::min(s.m, mostRows)), nc(std::min(s.n, mostColumns)),
        kc(std::min(s.k, mostDepth)) {}

  uint64_t floats() const { return static_cast<uint64_t>(mc * kc + kc * nc + (wideResult ? 0 : mc * nc)); }

  /// rows x cols of a matrix with `stride` elements a row, densely; all threads of the device take rows.
  void load(const char *from, int64_t stride, int64_t rows, int64_t cols, float *to, int threads) const {
    splitRange(rows, partsFor(double(rows) * double(cols), rows, threads), [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        widen(type, from + r * stride * 2, to + r * cols, static_cast<size_t>(cols));
    });
  }
  void store(const float *from, int64_t rows, int64_t cols, char *to, int64_t stride, int threads) const {
    splitRange(rows, partsFor(double(rows) * double(cols), rows, threads), [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        narrow(type, from + r * cols, to + r * stride * 2, static_cast<size_t>(cols));
    });
  }

  /// One product of the batch.
  void run(const char *lhs, const char *rhs, char *out, float *scratch, int threads) const {
    float *left = scratch, *right = left + mc * kc, *sums = right + kc * nc;
    for (int64_t j = 0; j < s.n; j += nc)
      for (int64_t i = 0; i < s.m; i += mc) {
        int64_t m = std::min(mc, s.m - i), n = std::min(nc, s.n - j);
        char *block = out + (i * s.n + j) * (wideResult ? 4 : 2);
        float *c = wideResult ? reinterpret_cast<float *>(block) : sums;
        int64_t ldc = wideResult ? s.n : n;
        if (!wideResult && s.beta != 0)
          load(block, s.n, m, n, sums, threads);
        for (int64_t d = 0; d < s.k; d += kc) {
          int64_t k = std::min(kc, s.k - d);
          if (s.lhsTransposed)
            load(lhs + (d * s.m + i) * 2, s.m, k, m, left, threads);
          else
            load(lhs + (i * s.k + d) * 2, s.k, m, k, left, threads);
          if (s.rhsTransposed)
            load(rhs + (j * s.k + d) * 2, s.k, n, k, right, threads);
          else
            load(rhs + (d * s.n + j) * 2, s.n, k, n, right, threads);
          dnnl_status_t status =
              dnnl_sgemm(s.lhsTransposed ? 'T' : 'N', s.rhsTransposed ? 'T' : 'N', m, n, k, static_cast<float>(s.alpha),
                         left, s.lhsTransposed ? m : k, right, s.rhsTransposed ? k : n,
                         d == 0 ? static_cast<float>(s.beta) : 1.0f, c, ldc);
          if (status != dnnl_success)
            throw Error{Unavailable, "oneDNN's sgemm failed with status " + std::to_string(status)};
        }
        if (!wideResult)
          store(sums, m, n, block, s.n, threads);
      }
  }
};

} // namespace

Work HalfMatmul::prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                         const std::vector<char *> &outs) {
  Blocked blocked(instr, program.buffers[instr.ins[0]].shape.type,
                  program.buffers[instr.outs[0]].shape.type == DType::F32);
  const MatmulShape &s = blocked.s;
  // Products of attention heads are many and small: each thread takes some of them, one after the other.
  constexpr double smallProduct = 1e7;
  int parts = 1;
  if (2.0 * double(s.m) * double(s.n) * double(s.k) < smallProduct)
    parts = partsFor(double(s.batch) * double(s.m) * double(s.n) * double(s.k), s.batch, threads);
  floats = std::max(floats, blocked.floats() * static_cast<uint64_t>(parts));
  return [this, blocked, parts, lhs = ins[0], rhs = ins[1], out = outs[0]] {
    const MatmulShape &s = blocked.s;
    splitRange(parts, parts, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part)
        for (int64_t b = s.batch * part / parts, end = s.batch * (part + 1) / parts; b < end; ++b)
          blocked.run(lhs + b * s.m * s.k * 2, rhs + b * s.k * s.n * 2,
                      out + b * s.m * s.n * (blocked.wideResult ? 4 : 2),
                      scratch.get() + static_cast<uint64_t>(part) * blocked.floats(), parts > 1 ? 1 : threads);
    });
  };
}

void HalfMatmul::finish() {
  if (floats && !scratch)
    scratch.reset(new float[floats]);
}

} // namespace llcc::rt
