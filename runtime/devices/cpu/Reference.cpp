// Library operations as plain loops: the oracle for the fast ones, and what f64 uses.
#include "runtime/devices/cpu/Call.h"
#include <array>
#include <functional>

namespace llcc::rt {

namespace {
template <typename T> class Matmul : public Call {
public:
  Matmul(const Program &program, const Instr &instr, char *arena) {
    auto at = [&](uint32_t b) { return reinterpret_cast<T *>(arena + program.buffers[b].offset); };
    lhs = at(instr.ins[0]);
    rhs = at(instr.ins[1]);
    out = at(instr.outs[0]);
    batch = instr.ints[0], m = instr.ints[1], n = instr.ints[2], k = instr.ints[3];
    lhsTransposed = instr.ints[4], rhsTransposed = instr.ints[5];
    alpha = instr.reals.size() > 0 ? instr.reals[0] : 1;
    beta = instr.reals.size() > 1 ? instr.reals[1] : 0;
  }
  void run() override {
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t p = 0; p < k; ++p)
            sum += double(lhs[b * m * k + (lhsTransposed ? p * m + i : i * k + p)]) *
                   double(rhs[b * k * n + (rhsTransposed ? j * k + p : p * n + j)]);
          T &o = out[(b * m + i) * n + j];
          o = T(alpha * sum + (beta != 0 ? beta * double(o) : 0));
        }
  }

private:
  const T *lhs, *rhs;
  T *out;
  int64_t batch, m, n, k;
  bool lhsTransposed, rhsTransposed;
  double alpha, beta;
};

/// All three convolutions visit the same triples (x, w, y) of elements that multiply.
template <typename T> class Convolution : public Call {
public:
  Convolution(const Program &program, const Instr &instr, char *arena) : op(instr.op), s(convSizes(program, instr)) {
    auto at = [&](uint32_t b) { return reinterpret_cast<T *>(arena + program.buffers[b].offset); };
    first = at(instr.ins[0]);
    second = at(instr.ins[1]);
    out = at(instr.outs[0]);
    outElements = program.buffers[instr.outs[0]].shape.elements();
    // Every convolution is 3-D with unit dimensions in front.
    for (size_t d = 0; d < 3; ++d) {
      bool real = d + s.rank >= 3;
      size_t i = real ? d + s.rank - 3 : 0;
      X[d] = real ? s.x[2 + i] : 1, W[d] = real ? s.w[2 + i] : 1, Y[d] = real ? s.y[2 + i] : 1;
      stride[d] = real ? s.strides[i] : 1, pad[d] = real ? s.padsLo[i] : 0, dilation[d] = real ? s.dilations[i] : 1;
    }
  }
  void run() override {
    std::vector<double> sums(outElements, 0.0);
    int64_t N = s.x[0], C = s.x[1], M = s.y[1], perGroup = C / s.groups, outPerGroup = M / s.groups;
    for (int64_t n = 0; n < N; ++n)
      for (int64_t m = 0; m < M; ++m)
        for (int64_t c = 0; c < perGroup; ++c)
          for (int64_t y0 = 0; y0 < Y[0]; ++y0)
            for (int64_t y1 = 0; y1 < Y[1]; ++y1)
              for (int64_t y2 = 0; y2 < Y[2]; ++y2)
                for (int64_t k0 = 0; k0 < W[0]; ++k0)
                  for (int64_t k1 = 0; k1 < W[1]; ++k1)
                    for (int64_t k2 = 0; k2 < W[2]; ++k2) {
                      int64_t x0 = y0 * stride[0] + k0 * dilation[0] - pad[0],
                              x1 = y1 * stride[1] + k1 * dilation[1] - pad[1],
                              x2 = y2 * stride[2] + k2 * dilation[2] - pad[2];
                      if (x0 < 0 || x1 < 0 || x2 < 0 || x0 >= X[0] || x1 >= X[1] || x2 >= X[2])
                        continue;
                      int64_t channel = m / outPerGroup * perGroup + c;
                      size_t xi = size_t((((n * C + channel) * X[0] + x0) * X[1] + x1) * X[2] + x2);
                      size_t wi = size_t((((m * perGroup + c) * W[0] + k0) * W[1] + k1) * W[2] + k2);
                      size_t yi = size_t((((n * M + m) * Y[0] + y0) * Y[1] + y1) * Y[2] + y2);
                      if (op == Op::Conv)
                        sums[yi] += double(first[xi]) * double(second[wi]);
                      else if (op == Op::ConvInputGrad)
                        sums[xi] += double(first[yi]) * double(second[wi]);
                      else
                        sums[wi] += double(first[xi]) * double(second[yi]);
                    }
    for (size_t i = 0; i < outElements; ++i)
      out[i] = T(sums[i]);
  }

private:
  Op op;
  ConvSizes s;
  const T *first, *second;
  T *out;
  size_t outElements;
  std::array<int64_t, 3> X, W, Y, stride, pad, dilation;
};

template <typename T> std::unique_ptr<Call> make(const Program &program, const Instr &instr, char *arena) {
  if (instr.op == Op::Matmul)
    return std::make_unique<Matmul<T>>(program, instr, arena);
  return std::make_unique<Convolution<T>>(program, instr, arena);
}
} // namespace

std::unique_ptr<Call> referenceCall(const Program &program, const Instr &instr, char *arena) {
  return program.buffers[instr.outs[0]].shape.type == DType::F64 ? make<double>(program, instr, arena)
                                                                 : make<float>(program, instr, arena);
}

} // namespace llcc::rt
