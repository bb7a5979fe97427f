// llcc ops that are whole for differentiation, straight from their formulas, and the optimizer update.
#include "compiler/interpreter/Evaluate.h"
#include "compiler/ir/LLCC.h"
#include "llvm/ADT/TypeSwitch.h"
#include <array>
#include <cmath>

namespace mlir::llcc {

template <class Fn> static Tensor map(const Tensor &x, Fn fn) {
  Tensor y = x;
  for (double &value : y.reals)
    value = fn(value);
  return y;
}

static double gelu(double x, bool tanh) {
  if (!tanh)
    return 0.5 * x * (1 + std::erf(x * M_SQRT1_2));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// Softmax along `axis`, or its logarithm.
static Tensor softmax(const Tensor &x, int64_t axis, bool log) {
  Tensor y = x;
  SmallVector<int64_t> outer = x.shape;
  int64_t n = x.shape[axis], step = stridesOf(x.shape)[axis];
  outer[axis] = n > 0 ? 1 : 0;
  forEachIndex(outer, [&](ArrayRef<int64_t> index) {
    int64_t base = x.linear(index);
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < n; ++i)
      max = std::max(max, x.reals[base + i * step]);
    for (int64_t i = 0; i < n; ++i)
      sum += std::exp(x.reals[base + i * step] - max);
    for (int64_t i = 0; i < n; ++i) {
      double shifted = x.reals[base + i * step] - max;
      y.reals[base + i * step] = log ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  });
  return y;
}

static Tensor layerNorm(LayerNormOp op, Operands xs) {
  const Tensor &x = *xs[0], &scale = *xs[1];
  const Tensor *bias = xs.size() > 2 ? xs[2] : nullptr;
  Tensor y = x;
  int64_t row = scale.size(), rows = row ? x.size() / row : 0; // [rows, row]
  for (int64_t r = 0; r < rows; ++r) {
    double mean = 0, var = 0;
    for (int64_t i = 0; i < row; ++i)
      mean += x.reals[r * row + i] / double(row);
    for (int64_t i = 0; i < row; ++i)
      var += (x.reals[r * row + i] - mean) * (x.reals[r * row + i] - mean) / double(row);
    double inverse = 1 / std::sqrt(var + op.getEpsilon().convertToDouble());
    for (int64_t i = 0; i < row; ++i)
      y.reals[r * row + i] = (x.reals[r * row + i] - mean) * inverse * scale.reals[i] + (bias ? bias->reals[i] : 0);
  }
  return y;
}

static Tensor standardize(StandardizeOp op, const Tensor &x) {
  Tensor y = x;
  SmallVector<int64_t> outer = x.shape, inner = x.shape;
  for (int64_t d = 0; d < int64_t(x.shape.size()); ++d)
    (llvm::is_contained(op.getDims(), d) ? outer : inner)[d] = x.shape[d] > 0 ? 1 : 0;
  int64_t count = 1;
  for (int64_t d : op.getDims())
    count *= x.shape[d];
  forEachIndex(outer, [&](ArrayRef<int64_t> at) {
    auto each = [&](function_ref<void(int64_t)> fn) {
      forEachIndex(inner, [&](ArrayRef<int64_t> offset) { fn(x.linear(at) + x.linear(offset)); });
    };
    double mean = 0, var = 0;
    each([&](int64_t i) { mean += x.reals[i] / double(count); });
    each([&](int64_t i) { var += (x.reals[i] - mean) * (x.reals[i] - mean) / double(count); });
    each([&](int64_t i) { y.reals[i] = (x.reals[i] - mean) / std::sqrt(var + op.getEpsilon().convertToDouble()); });
  });
  return y;
}

// Philox 4x32-10, word 0 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
static uint32_t philox(std::array<uint32_t, 4> counter, uint64_t key) {
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    uint64_t a = uint64_t(counter[0]) * 0xD2511F53u, b = uint64_t(counter[2]) * 0xCD9E8D57u;
    counter = {uint32_t(b >> 32) ^ counter[1] ^ k0, uint32_t(b), uint32_t(a >> 32) ^ counter[3] ^ k1, uint32_t(a)};
  }
  return counter[0];
}

static Tensor randomBits(RandomBitsOp op, Operands xs) {
  Tensor y(op.getType());
  uint64_t seed = 0, step = 0, stream = uint64_t(op.getStream());
  if (!op.getKey().empty())
    seed = uint64_t(xs[1]->ints[0]), step = uint64_t(xs[2]->ints[0]);
  for (auto [i, index] : llvm::enumerate(xs[0]->ints)) {
    uint64_t at = uint64_t(index);
    y.ints[i] =
        int32_t(philox({uint32_t(at), uint32_t(at >> 32), uint32_t(stream), uint32_t(step)}, seed + (stream >> 32)));
  }
  return y;
}

// Formulas as in PyTorch's torch.optim (SGD, Adam, AdamW, Adagrad), and in ONNX's Momentum, Adam and Adagrad.
static LogicalResult update(UpdateOp op, Operands xs, Results &results) {
  auto hyper = [&](StringRef name, double otherwise) {
    auto attr = op.getHyper().getAs<FloatAttr>(name);
    return attr ? attr.getValueAsDouble() : otherwise;
  };
  auto isSet = [&](StringRef name) {
    Attribute attr = op.getHyper().get(name);
    if (auto flag = dyn_cast_or_null<BoolAttr>(attr))
      return flag.getValue();
    if (auto number = dyn_cast_or_null<FloatAttr>(attr))
      return number.getValueAsDouble() != 0;
    return isa_and_nonnull<UnitAttr>(attr);
  };
  StringRef kind = op.getKind();
  double lr = xs[xs.size() - 2]->reals[0], step = xs[xs.size() - 1]->reals[0];
  double decay = hyper("weight_decay", 0), momentum = hyper("momentum", 0.9);
  double beta1 = hyper("beta1", 0.9), beta2 = hyper("beta2", 0.999), epsilon = hyper("epsilon", 1e-8);
  bool nesterov = isSet("nesterov"), hat = bool(op.getHyper().get("epsilon_hat"));
  double count = step - 1 + hyper("count", hat ? 1 : 0); // T of ONNX's optimizers
  double fresh = count > 0 ? 1 - hyper("dampening", 0) : 1;
  for (const Tensor *x : Operands(xs).drop_back(2).drop_front(2))
    results.push_back(*x);
  results.insert(results.begin(), *xs[0]);
  Tensor &param = results[0];
  for (int64_t i = 0, n = param.size(); i < n; ++i) {
    double &p = param.reals[i], g = xs[1]->reals[i];
    if (kind == "adamw")
      p -= lr * decay * p;
    else
      g += decay * p;
    if (kind == "sgd") {
      p -= lr * g;
    } else if (kind == "momentum") {
      double &v = results[1].reals[i];
      v = momentum * v + fresh * g;
      p -= lr * (nesterov ? g + momentum * v : v);
    } else if (kind == "adagrad") {
      double &squares = results[1].reals[i];
      squares += g * g;
      p -= lr / (1 + count * hyper("decay", 0)) * g / (std::sqrt(squares) + epsilon);
    } else {
      double &m = results[1].reals[i], &v = results[2].reals[i];
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      if (hat) {
        double rate = count > 0 ? lr * std::sqrt(1 - std::pow(beta2, count)) / (1 - std::pow(beta1, count)) : lr;
        p = (p - rate * m / (std::sqrt(v) + hyper("epsilon_hat", 0))) * (1 - hyper("shrink", 0));
        continue;
      }
      double denominator = std::sqrt(v) / std::sqrt(1 - std::pow(beta2, step)) + epsilon;
      p -= lr / (1 - std::pow(beta1, step)) * m / denominator;
    }
  }
  return success();
}

Evaluated evaluateWhole(Operation *op, Operands xs, Results &results) {
  if (auto step = dyn_cast<UpdateOp>(op))
    return update(step, xs, results);
  auto value =
      llvm::TypeSwitch<Operation *, std::optional<Tensor>>(op)
          .Case([&](SigmoidOp) { return map(*xs[0], [](double x) { return 1 / (1 + std::exp(-x)); }); })
          .Case([&](SoftplusOp) {
            return map(*xs[0], [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); });
          })
          .Case([&](GeluOp op) { return map(*xs[0], [&](double x) { return gelu(x, op.getTanh()); }); })
          .Case([&](SoftmaxOp op) { return softmax(*xs[0], op.getAxis(), false); })
          .Case([&](LogSoftmaxOp op) { return softmax(*xs[0], op.getAxis(), true); })
          .Case([&](LayerNormOp op) { return layerNorm(op, xs); })
          .Case([&](StandardizeOp op) { return standardize(op, *xs[0]); })
          .Case([&](RandomBitsOp op) { return randomBits(op, xs); })
          .Case([&](ByModeOp) { return *xs[1]; }) // what still has both is run as inference
          .Case([&](TrackOp) { return *xs[0]; })
          .Default([](Operation *) { return std::nullopt; });
  if (!value)
    return std::nullopt;
  results.push_back(std::move(*value));
  return success();
}

} // namespace mlir::llcc
