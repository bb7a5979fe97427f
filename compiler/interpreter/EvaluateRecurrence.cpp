// Recurrence and its gradient, step by step from the formulas of ONNX LSTM-22, GRU-22 and RNN-22.
#include "compiler/interpreter/Evaluate.h"
#include "compiler/ir/LLCC.h"
#include <cmath>

namespace mlir::llcc {
namespace {

/// One activation function with the clip in front of it.
struct Activation {
  StringRef name;
  double alpha, beta, clip;

  double value(double x) const {
    if (clip > 0)
      x = std::min(std::max(x, -clip), clip);
    if (name == "sigmoid")
      return 1 / (1 + std::exp(-x));
    if (name == "tanh")
      return std::tanh(x);
    if (name == "relu")
      return x > 0 ? x : 0;
    if (name == "affine")
      return alpha * x + beta;
    if (name == "leaky_relu")
      return x >= 0 ? x : alpha * x;
    if (name == "thresholded_relu")
      return x > alpha ? x : 0;
    if (name == "scaled_tanh")
      return alpha * std::tanh(beta * x);
    if (name == "hard_sigmoid")
      return std::min(std::max(alpha * x + beta, 0.0), 1.0);
    if (name == "elu")
      return x >= 0 ? x : alpha * std::expm1(x);
    if (name == "softsign")
      return x / (1 + std::fabs(x));
    return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); // softplus
  }

  /// Derivative where the function has the value y, as the argument is not kept.
  double slope(double y) const {
    if (clip > 0 && (y == value(clip) || y == value(-clip)))
      return 0;
    if (name == "sigmoid")
      return y * (1 - y);
    if (name == "tanh")
      return 1 - y * y;
    if (name == "relu" || name == "thresholded_relu")
      return y != 0;
    if (name == "affine")
      return alpha;
    if (name == "leaky_relu")
      return y > 0 ? 1 : alpha;
    if (name == "scaled_tanh")
      return alpha == 0 ? 0 : beta * (alpha - y * y / alpha);
    if (name == "hard_sigmoid")
      return y > 0 && y < 1 ? alpha : 0;
    if (name == "elu")
      return y > 0 ? 1 : y + alpha;
    if (name == "softsign")
      return (1 - std::fabs(y)) * (1 - std::fabs(y));
    return -std::expm1(-y);
  }
};

/// Sizes and the walk over (step, sequence) pairs of either op.
template <class Op> struct Cell {
  int64_t steps, batch, units;
  bool lstm, gru, linear, coupled, reverse;
  SmallVector<Activation> f;
  const Tensor *lengths = nullptr;

  Cell(Op op, ArrayRef<int64_t> shape, int64_t units) : steps(shape[0]), batch(shape[1]), units(units) {
    lstm = op.getKind() == "lstm", gru = op.getKind() == "gru", linear = op.getLinearBeforeReset();
    coupled = op.getInputForget(), reverse = op.getReverse();
    for (auto [name, alpha, beta] :
         llvm::zip(op.getActivations().template getAsRange<StringAttr>(), op.getAlphas(), op.getBetas()))
      f.push_back({name.getValue(), alpha, beta, op.getClip().convertToDouble()});
  }
  /// Calls visit(t, b) for the steps of each sequence, in order or backwards.
  template <class Visit> void walk(bool backwards, Visit visit) const {
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = 0; i < steps; ++i) {
        int64_t t = backwards != reverse ? steps - 1 - i : i;
        if (!lengths || t < lengths->ints[b])
          visit(t, b);
      }
  }
  /// The step before `t`; outside [0, steps) for the first one of a sequence.
  int64_t before(int64_t t, int64_t b) const {
    int64_t previous = reverse ? t + 1 : t - 1;
    return lengths && previous >= lengths->ints[b] ? steps : previous;
  }
  int64_t at(int64_t t, int64_t b, int64_t features = 1) const { return (t * batch + b) * features * units; }
  /// State (h or c) that step t of sequence b starts from.
  const double *previous(const Tensor &all, const Tensor &first, int64_t t, int64_t b) const {
    int64_t p = before(t, b);
    return p >= 0 && p < steps ? &all.reals[at(p, b)] : &first.reals[b * units];
  }
};

/// Row `row` of r times h.
double product(const Tensor &r, int64_t row, const double *h, int64_t units) {
  double sum = 0;
  for (int64_t k = 0; k < units; ++k)
    sum += r.reals[row * units + k] * h[k];
  return sum;
}

LogicalResult forward(RecurrenceOp op, Operands xs, Results &results) {
  auto operand = [&](Value v) -> const Tensor * {
    if (v)
      for (auto [i, own] : llvm::enumerate(op->getOperands()))
        if (own == v)
          return xs[i];
    return nullptr;
  };
  const Tensor &x = *operand(op.getX()), &r = *operand(op.getR()), &h0 = *operand(op.getH0());
  const Tensor *c0 = operand(op.getC0()), *p = operand(op.getPeepholes()), *bias = operand(op.getHiddenBias());
  int64_t H = r.shape[1], gates = r.shape[0] / H;
  Cell<RecurrenceOp> cell(op, x.shape, H);
  cell.lengths = operand(op.getLengths());
  for (Value result : op->getResults())
    results.emplace_back(result.getType());
  Tensor &y = results[0];
  int64_t saved = cell.lstm || cell.linear ? 4 : 3;
  cell.walk(false, [&](int64_t t, int64_t b) {
    const double *in = &x.reals[cell.at(t, b, gates)], *h = cell.previous(y, h0, t, b);
    double *out = &y.reals[cell.at(t, b)];
    auto argument = [&](int64_t gate, int64_t j) { return in[gate * H + j] + product(r, gate * H + j, h, H); };
    if (cell.lstm) {
      Tensor &cells = results[1];
      const double *c = cell.previous(cells, *c0, t, b);
      double *next = &cells.reals[cell.at(t, b)], *g = &results[2].reals[cell.at(t, b, saved)];
      for (int64_t j = 0; j < H; ++j) {
        auto peep = [&](int64_t gate, double state) { return p ? p->reals[gate * H + j] * state : 0; };
        double i = cell.f[0].value(argument(0, j) + peep(0, c[j]));
        double f = cell.coupled ? 1 - i : cell.f[0].value(argument(2, j) + peep(2, c[j]));
        double candidate = cell.f[1].value(argument(3, j));
        next[j] = f * c[j] + i * candidate;
        double o = cell.f[0].value(argument(1, j) + peep(1, next[j]));
        out[j] = o * cell.f[2].value(next[j]);
        g[j] = i, g[H + j] = o, g[2 * H + j] = f, g[3 * H + j] = candidate;
      }
    } else if (cell.gru) {
      double *g = &results[1].reals[cell.at(t, b, saved)];
      for (int64_t j = 0; j < 2 * H; ++j)
        g[j] = cell.f[0].value(argument(j / H, j % H));
      std::vector<double> gated(H);
      for (int64_t j = 0; j < H; ++j)
        gated[j] = g[H + j] * h[j];
      for (int64_t j = 0; j < H; ++j) {
        double recurrent = product(r, 2 * H + j, cell.linear ? h : gated.data(), H);
        if (cell.linear) {
          g[3 * H + j] = recurrent + bias->reals[j];
          recurrent = g[H + j] * g[3 * H + j];
        }
        g[2 * H + j] = cell.f[1].value(in[2 * H + j] + recurrent);
        out[j] = (1 - g[j]) * g[2 * H + j] + g[j] * h[j];
      }
    } else {
      for (int64_t j = 0; j < H; ++j)
        out[j] = cell.f[0].value(argument(0, j));
    }
  });
  return success();
}

LogicalResult backward(RecurrenceGradOp op, Operands xs, Results &results) {
  auto operand = [&](Value v) -> const Tensor * {
    if (v)
      for (auto [i, own] : llvm::enumerate(op->getOperands()))
        if (own == v)
          return xs[i];
    return nullptr;
  };
  const Tensor &r = *operand(op.getR()), &h0 = *operand(op.getH0()), &y = *operand(op.getY()),
               &dy = *operand(op.getDy());
  const Tensor *c0 = operand(op.getC0()), *cells = operand(op.getCells()), *saved = operand(op.getGates());
  const Tensor *dcells = operand(op.getDcells()), *p = operand(op.getPeepholes());
  int64_t H = r.shape[1], gates = r.shape[0] / H;
  Cell<RecurrenceGradOp> cell(op, y.shape, H);
  cell.lengths = operand(op.getLengths());
  for (Value result : op->getResults())
    results.emplace_back(result.getType());
  int64_t kept = cell.lstm || cell.linear ? 4 : 3;
  // The state's cotangents travel in dh0 and dc0.
  cell.walk(true, [&](int64_t t, int64_t b) {
    double *dx = &results[0].reals[cell.at(t, b, gates)], *dh = &results[1].reals[b * H];
    const double *h = cell.previous(y, h0, t, b), *out = &y.reals[cell.at(t, b)];
    std::vector<double> d(H), next(H); // of y here, of the state before
    for (int64_t j = 0; j < H; ++j)
      d[j] = dh[j] + dy.reals[cell.at(t, b) + j];
    auto back = [&](const double *from, int64_t gate, std::vector<double> &to) {
      for (int64_t i = 0; i < H; ++i)
        for (int64_t j = 0; j < H; ++j)
          to[j] += from[i] * r.reals[(gate * H + i) * H + j];
    };
    if (cell.lstm) {
      const double *c = cell.previous(*cells, *c0, t, b), *now = &cells->reals[cell.at(t, b)];
      const double *g = &saved->reals[cell.at(t, b, kept)];
      double *dc = &results[2].reals[b * H];
      for (int64_t j = 0; j < H; ++j) {
        double i = g[j], o = g[H + j], f = g[2 * H + j], candidate = g[3 * H + j], shown = cell.f[2].value(now[j]);
        auto peep = [&](int64_t gate) { return p ? p->reals[gate * H + j] : 0; };
        dx[H + j] = d[j] * shown * cell.f[0].slope(o);
        double own = dc[j] + (dcells ? dcells->reals[cell.at(t, b) + j] : 0) + d[j] * o * cell.f[2].slope(shown) +
                     dx[H + j] * peep(1);
        double di = own * candidate, df = own * c[j];
        dx[j] = (cell.coupled ? di - df : di) * cell.f[0].slope(i);
        dx[2 * H + j] = cell.coupled ? 0 : df * cell.f[0].slope(f);
        dx[3 * H + j] = own * i * cell.f[1].slope(candidate);
        dc[j] = own * f + dx[j] * peep(0) + dx[2 * H + j] * peep(2);
      }
      for (int64_t gate = 0; gate < 4; ++gate)
        back(dx + gate * H, gate, next);
    } else if (cell.gru) {
      const double *g = &saved->reals[cell.at(t, b, kept)];
      std::vector<double> inner(H);
      for (int64_t j = 0; j < H; ++j) {
        double z = g[j], candidate = g[2 * H + j];
        dx[2 * H + j] = d[j] * (1 - z) * cell.f[1].slope(candidate);
        dx[j] = d[j] * (h[j] - candidate) * cell.f[0].slope(z);
        next[j] = d[j] * z;
      }
      if (cell.linear) {
        for (int64_t j = 0; j < H; ++j) {
          dx[H + j] = dx[2 * H + j] * g[3 * H + j] * cell.f[0].slope(g[H + j]);
          inner[j] = dx[2 * H + j] * g[H + j];
        }
        back(inner.data(), 2, next);
      } else {
        back(dx + 2 * H, 2, inner);
        for (int64_t j = 0; j < H; ++j) {
          dx[H + j] = inner[j] * h[j] * cell.f[0].slope(g[H + j]);
          next[j] += inner[j] * g[H + j];
        }
      }
      back(dx, 0, next);
      back(dx + H, 1, next);
    } else {
      for (int64_t j = 0; j < H; ++j)
        dx[j] = d[j] * cell.f[0].slope(out[j]);
      back(dx, 0, next);
    }
    std::copy(next.begin(), next.end(), dh);
  });
  return success();
}

} // namespace

Evaluated evaluateRecurrence(Operation *op, Operands xs, Results &results) {
  if (auto recurrence = dyn_cast<RecurrenceOp>(op))
    return forward(recurrence, xs, results);
  if (auto gradient = dyn_cast<RecurrenceGradOp>(op))
    return backward(gradient, xs, results);
  return std::nullopt;
}

} // namespace mlir::llcc
