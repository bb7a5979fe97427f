// The loop over the steps of an LSTM, GRU or RNN.
//
// A step is a product of the state with r, into the place where the input's part lies already, and work on rows. What
// is saved (gates and cells) is written where the gradient reads it. The state between steps is the step's own y: it is
// copied away only where lengths make sequences stop at different steps.
#include "runtime/devices/cpu/Recurrence.h"
#include "runtime/core/Error.h"
#include "runtime/devices/cpu/Activation.h"
#include "runtime/devices/cpu/Threads.h"
#include <algorithm>
#include <memory>
#include <oneapi/dnnl/dnnl.h>

namespace llcc::rt {
namespace {

/// C[m, n] = A[m, k] B (+ C), B [k, n] or, transposed, [n, k]; `ld*`: elements from row to row.
template <class T> struct Gemm {
  bool reference;
  void operator()(bool transposed, int64_t m, int64_t n, int64_t k, const T *a, int64_t lda, const T *b, int64_t ldb,
                  bool accumulate, T *c, int64_t ldc) const {
    if (m == 0 || n == 0)
      return;
    if constexpr (std::is_same_v<T, float>)
      if (!reference && k > 0) {
        dnnl_status_t status =
            dnnl_sgemm('N', transposed ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb, accumulate ? 1.0f : 0.0f, c, ldc);
        if (status != dnnl_success)
          throw Error{Unavailable, "oneDNN call failed with status " + std::to_string(status)};
        return;
      }
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = accumulate ? double(c[i * ldc + j]) : 0;
        for (int64_t l = 0; l < k; ++l)
          sum += double(a[i * lda + l]) * double(transposed ? b[j * ldb + l] : b[l * ldb + j]);
        c[i * ldc + j] = T(sum);
      }
  }
};

/// Numbers and arrays of one instruction.
template <class T> struct Cell {
  bool lstm, gru, gradient, reverse, coupled, linear;
  int64_t steps, batch, units, gates, saved;
  Activation<T> f[3];
  Gemm<T> gemm;
  // Null where the instruction has none. y is written by Recurrence, read by RecurrenceGrad; so are cells and gates.
  const T *x = nullptr, *r = nullptr, *h0 = nullptr, *c0 = nullptr, *peepholes = nullptr, *bias = nullptr;
  const T *dy = nullptr, *dcells = nullptr;
  T *y = nullptr, *cells = nullptr, *kept = nullptr, *dx = nullptr, *dh = nullptr, *dc = nullptr;
  const int32_t *lengths32 = nullptr;
  const int64_t *lengths64 = nullptr;
  std::shared_ptr<std::vector<T>> scratch; ///< three rows [units] a sequence

  Cell(const Program &program, const Instr &instr, const std::vector<char *> &ins, const std::vector<char *> &outs,
       bool reference)
      : gemm{reference} {
    const int64_t flags = instr.ints[1];
    lstm = instr.ints[0] == 0, gru = instr.ints[0] == 1, gradient = instr.op == Op::RecurrenceGrad;
    reverse = flags & kReverse, coupled = flags & kInputForget, linear = flags & kLinearBeforeReset;
    const Shape &all = program.buffers[gradient ? instr.ins[3] : instr.outs[0]].shape;
    steps = all.dims[0], batch = all.dims[1], units = all.dims[2];
    gates = lstm ? 4 : gru ? 3 : 1;
    saved = lstm || linear ? 4 : 3;
    for (size_t i = 0; i < 3; ++i)
      f[i] = {instr.ints[2 + i], T(instr.reals[i]), T(instr.reals[3 + i]), T(instr.reals[6])};
    size_t i = 0, o = 0;
    auto in = [&] { return reinterpret_cast<T *>(ins[i++]); };
    auto out = [&] { return reinterpret_cast<T *>(outs[o++]); };
    auto lengths = [&] {
      if (!(flags & kHasLengths))
        return;
      if (program.buffers[instr.ins[i]].shape.type == DType::I32)
        lengths32 = reinterpret_cast<const int32_t *>(ins[i]);
      else
        lengths64 = reinterpret_cast<const int64_t *>(ins[i]);
    };
    if (gradient) {
      r = in(), h0 = in(), y = in(), dy = in();
      c0 = lstm ? in() : nullptr;
      cells = lstm ? in() : nullptr;
      kept = lstm || gru ? in() : nullptr;
      dcells = flags & kHasCellCotangent ? in() : nullptr;
      peepholes = flags & kHasPeepholes ? in() : nullptr;
      dx = out(), dh = out();
      dc = lstm ? out() : nullptr;
    } else {
      x = in(), r = in(), h0 = in();
      c0 = lstm ? in() : nullptr;
      peepholes = flags & kHasPeepholes ? in() : nullptr;
      bias = linear ? in() : nullptr;
      y = out();
      cells = lstm ? out() : nullptr;
      kept = lstm || gru ? out() : nullptr;
    }
    lengths();
    scratch = std::make_shared<std::vector<T>>(static_cast<size_t>(3 * batch * units));
  }

  bool hasLengths() const { return lengths32 || lengths64; }
  bool runs(int64_t t, int64_t b) const { return lengths32 ? t < lengths32[b] : lengths64 ? t < lengths64[b] : true; }
  T *rows(int which, int64_t b) const { return scratch->data() + (which * batch + b) * units; }
  /// Offset of sequence b at step t in an array of `features` times the units.
  int64_t at(int64_t t, int64_t b, int64_t features = 1) const { return (t * batch + b) * features * units; }
  int64_t stepOf(int64_t i) const { return reverse ? steps - 1 - i : i; }

  /// Sequences [b0, b1), all steps.
  void forward(int64_t b0, int64_t b1) const {
    int64_t H = units, n = b1 - b0;
    T *gated = rows(0, b0), *h = rows(1, b0), *c = rows(2, b0);
    if (hasLengths()) {
      std::copy_n(h0 + b0 * H, n * H, h);
      if (lstm)
        std::copy_n(c0 + b0 * H, n * H, c);
    }
    for (int64_t i = 0; i < steps; ++i) {
      int64_t t = stepOf(i), previous = reverse ? t + 1 : t - 1;
      const T *lastH = hasLengths() ? h : i == 0 ? h0 + b0 * H : y + at(previous, b0);
      const T *lastC = !lstm ? nullptr : hasLengths() ? c : i == 0 ? c0 + b0 * H : cells + at(previous, b0);
      T *out = y + at(t, b0), *state = lstm ? cells + at(t, b0) : nullptr;
      int64_t wide = lstm || gru ? saved : 1;
      T *g = lstm || gru ? kept + at(t, b0, wide) : out;
      for (int64_t b = 0; b < n; ++b)
        std::copy_n(x + at(t, b0 + b, gates), gates * H, g + b * wide * H);
      gemm(true, n, (gru ? 2 : gates) * H, H, lastH, H, r, H, true, g, wide * H);
      if (gru && linear) {
        for (int64_t b = 0; b < n; ++b)
          std::copy_n(bias, H, g + (b * wide + 3) * H);
        gemm(true, n, H, H, lastH, H, r + 2 * H * H, H, true, g + 3 * H, wide * H);
      }
      if (gru) {
        for (int64_t b = 0; b < n; ++b) {
          T *row = g + b * wide * H;
          f[0].apply(row, 2 * H);
          if (linear)
            for (int64_t j = 0; j < H; ++j)
              row[2 * H + j] += row[H + j] * row[3 * H + j];
          else
            for (int64_t j = 0; j < H; ++j)
              gated[b * H + j] = row[H + j] * lastH[b * H + j];
        }
        if (!linear)
          gemm(true, n, H, H, gated, H, r + 2 * H * H, H, true, g + 2 * H, wide * H);
      }
      for (int64_t b = 0; b < n; ++b) {
        T *row = g + b * wide * H;
        if (lstm)
          lstmRow(row, lastC + b * H, state + b * H, out + b * H);
        else if (gru)
          gruRow(row, lastH + b * H, out + b * H);
        else
          f[0].apply(row, H);
        if (!hasLengths())
          continue;
        if (runs(t, b0 + b)) {
          std::copy_n(out + b * H, H, h + b * H);
          if (lstm)
            std::copy_n(state + b * H, H, c + b * H);
        } else {
          std::fill_n(row, wide * H, T(0));
          std::fill_n(out + b * H, H, T(0));
          if (lstm)
            std::fill_n(state + b * H, H, T(0));
        }
      }
    }
  }

  /// g: arguments of the input, output, forget and cell gate, then their values.
  void lstmRow(T *g, const T *last, T *state, T *out) const {
    int64_t H = units;
    T *in = g, *show = g + H, *forget = g + 2 * H, *candidate = g + 3 * H;
    if (peepholes)
      for (int64_t j = 0; j < H; ++j) {
        in[j] += peepholes[j] * last[j];
        forget[j] += peepholes[2 * H + j] * last[j];
      }
    f[0].apply(in, H);
    if (coupled)
      for (int64_t j = 0; j < H; ++j)
        forget[j] = 1 - in[j];
    else
      f[0].apply(forget, H);
    f[1].apply(candidate, H);
    for (int64_t j = 0; j < H; ++j)
      out[j] = state[j] = forget[j] * last[j] + in[j] * candidate[j];
    if (peepholes)
      for (int64_t j = 0; j < H; ++j)
        show[j] += peepholes[H + j] * state[j];
    f[0].apply(show, H);
    f[2].apply(out, H);
    for (int64_t j = 0; j < H; ++j)
      out[j] *= show[j];
  }

  void gruRow(T *g, const T *last, T *out) const {
    int64_t H = units;
    f[1].apply(g + 2 * H, H);
    for (int64_t j = 0; j < H; ++j)
      out[j] = (1 - g[j]) * g[2 * H + j] + g[j] * last[j];
  }

  void backward(int64_t b0, int64_t b1) const {
    int64_t H = units, n = b1 - b0;
    T *d = rows(0, b0), *inner = rows(1, b0), *next = rows(2, b0);
    std::fill_n(dh + b0 * H, n * H, T(0));
    if (lstm)
      std::fill_n(dc + b0 * H, n * H, T(0));
    T *carried = dh + b0 * H;
    for (int64_t i = steps; i-- > 0;) {
      int64_t t = stepOf(i), previous = reverse ? t + 1 : t - 1;
      T *out = dx + at(t, b0, gates);
      for (int64_t j = 0; j < n * H; ++j)
        d[j] = carried[j] + dy[at(t, b0) + j];
      for (int64_t b = 0; b < n; ++b) {
        T *row = out + b * gates * H;
        if (!runs(t, b0 + b)) {
          std::fill_n(row, gates * H, T(0));
          continue;
        }
        // A sequence starts from the end at its last step.
        bool first = i == 0 || !runs(previous, b0 + b);
        const T *lastH = first ? h0 + (b0 + b) * H : y + at(previous, b0 + b);
        const T *lastC = !lstm ? nullptr : first ? c0 + (b0 + b) * H : cells + at(previous, b0 + b);
        if (lstm)
          lstmBackRow(t, b0 + b, d + b * H, lastC, row, inner + b * H);
        else if (gru)
          gruBackRow(kept + at(t, b0 + b, saved), d + b * H, lastH, row, inner + b * H, next + b * H);
        else {
          std::copy_n(d + b * H, H, row);
          f[0].chain(row, y + at(t, b0 + b), H);
        }
      }
      if (gru && !linear) { // next = d * z so far
        gemm(false, n, H, H, out + 2 * H, gates * H, r + 2 * H * H, H, false, inner, H);
        for (int64_t b = 0; b < n; ++b) {
          if (!runs(t, b0 + b))
            continue;
          bool first = i == 0 || !runs(previous, b0 + b);
          const T *lastH = first ? h0 + (b0 + b) * H : y + at(previous, b0 + b);
          const T *reset = kept + at(t, b0 + b, saved) + H;
          T *dr = out + (b * gates + 1) * H, *own = inner + b * H;
          for (int64_t j = 0; j < H; ++j) {
            dr[j] = own[j] * lastH[j];
            next[b * H + j] += own[j] * reset[j];
          }
          f[0].chain(dr, reset, H);
        }
      } else if (gru) {
        gemm(false, n, H, H, inner, H, r + 2 * H * H, H, true, next, H);
      }
      if (hasLengths()) {
        gemm(false, n, H, (gru ? 2 : gates) * H, out, gates * H, r, H, gru, next, H);
        for (int64_t b = 0; b < n; ++b)
          if (runs(t, b0 + b))
            std::copy_n(next + b * H, H, carried + b * H);
      } else {
        if (gru)
          std::copy_n(next, n * H, carried);
        gemm(false, n, H, (gru ? 2 : gates) * H, out, gates * H, r, H, gru, carried, H);
      }
    }
  }

  /// d: of y at the step. `shown` is room for h(c).
  void lstmBackRow(int64_t t, int64_t b, const T *d, const T *last, T *out, T *shown) const {
    int64_t H = units;
    const T *now = cells + at(t, b), *g = kept + at(t, b, 4), *own = dcells ? dcells + at(t, b) : nullptr;
    T *state = dc + b * H, *in = out, *show = out + H, *forget = out + 2 * H, *candidate = out + 3 * H;
    std::copy_n(now, H, shown);
    f[2].apply(shown, H);
    for (int64_t j = 0; j < H; ++j) {
      show[j] = d[j] * shown[j];
      in[j] = d[j] * g[H + j]; // of h(c), for now
    }
    f[0].chain(show, g + H, H);
    f[2].chain(in, shown, H);
    for (int64_t j = 0; j < H; ++j)
      state[j] += in[j] + (own ? own[j] : 0) + (peepholes ? peepholes[H + j] * show[j] : 0);
    for (int64_t j = 0; j < H; ++j) {
      T df = state[j] * last[j], di = state[j] * g[3 * H + j];
      in[j] = coupled ? di - df : di;
      forget[j] = coupled ? T(0) : df;
      candidate[j] = state[j] * g[j];
      state[j] *= g[2 * H + j];
    }
    f[0].chain(in, g, H);
    f[0].chain(forget, g + 2 * H, H);
    f[1].chain(candidate, g + 3 * H, H);
    if (peepholes)
      for (int64_t j = 0; j < H; ++j)
        state[j] += peepholes[j] * in[j] + peepholes[2 * H + j] * forget[j];
  }

  /// next = d * z; with linear_before_reset `inner` becomes the cotangent of h*r + bias.
  void gruBackRow(const T *g, const T *d, const T *last, T *out, T *inner, T *next) const {
    int64_t H = units;
    T *update = out, *reset = out + H, *hidden = out + 2 * H;
    for (int64_t j = 0; j < H; ++j) {
      update[j] = d[j] * (last[j] - g[2 * H + j]);
      hidden[j] = d[j] * (1 - g[j]);
      next[j] = d[j] * g[j];
    }
    f[0].chain(update, g, H);
    f[1].chain(hidden, g + 2 * H, H);
    if (!linear)
      return;
    for (int64_t j = 0; j < H; ++j) {
      reset[j] = hidden[j] * g[3 * H + j];
      inner[j] = hidden[j] * g[H + j];
    }
    f[0].chain(reset, g + H, H);
  }
};

template <class T>
Work workOf(const Program &program, const Instr &instr, const std::vector<char *> &ins, const std::vector<char *> &outs,
            int threads, bool reference) {
  Cell<T> cell(program, instr, ins, outs, reference);
  double work = double(cell.steps) * double(cell.batch) * double(cell.gates) * double(cell.units) * double(cell.units);
  int parts = partsFor(work, cell.batch, threads);
  return [cell, parts] {
    splitRange(cell.batch, parts, [&](int64_t begin, int64_t end) {
      cell.gradient ? cell.backward(begin, end) : cell.forward(begin, end);
    });
  };
}

} // namespace

Work recurrence(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                const std::vector<char *> &outs, int threads, bool reference) {
  if (program.buffers[instr.outs[0]].shape.type == DType::F64)
    return workOf<double>(program, instr, ins, outs, threads, reference);
  return workOf<float>(program, instr, ins, outs, threads, reference);
}

} // namespace llcc::rt
