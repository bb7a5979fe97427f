// Kernels that the runtime brings itself: what runs where a library is missing or does not know a form (products and
// convolutions whose sum is kept wider, or with other padding at each end), products of --deterministic, recurrences.
// Plain and right before fast: sums run in f32 (f64 for f64), in ascending order, so that runs give the same bits.
#include "runtime/devices/cuda/BuiltinArguments.h"
#include <cuda_bf16.h>
#include <cuda_fp16.h>

using namespace llcc::rt;

namespace {

template <class T> struct SumOf { using type = float; };
template <> struct SumOf<double> { using type = double; };

__device__ int64_t threadNumber() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ int64_t threadCount() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

template <class T, class Out> __device__ void matmul(const MatmulArguments &a) {
  using Sum = typename SumOf<T>::type;
  int64_t lhsRow = a.lhsTransposed ? 1 : a.k, lhsColumn = a.lhsTransposed ? a.m : 1;
  int64_t rhsRow = a.rhsTransposed ? 1 : a.n, rhsColumn = a.rhsTransposed ? a.k : 1;
  auto *out = static_cast<Out *>(a.out);
  for (int64_t i = threadNumber(); i < a.batch * a.m * a.n; i += threadCount()) {
    int64_t column = i % a.n, row = i / a.n % a.m, b = i / (a.n * a.m);
    const T *left = static_cast<const T *>(a.lhs) + b * a.m * a.k + row * lhsRow;
    const T *right = static_cast<const T *>(a.rhs) + b * a.k * a.n + column * rhsColumn;
    Sum sum = 0;
    for (int64_t k = 0; k < a.k; ++k)
      sum += static_cast<Sum>(left[k * lhsColumn]) * static_cast<Sum>(right[k * rhsRow]);
    sum *= static_cast<Sum>(a.alpha);
    // beta = 0 must not read: the old bytes may be NaN.
    if (a.beta != 0)
      sum += static_cast<Sum>(a.beta) * static_cast<Sum>(out[i]);
    out[i] = static_cast<Out>(sum);
  }
}

__device__ int64_t volume(const int64_t (&d)[3]) { return d[0] * d[1] * d[2]; }

template <class T, class Out> __device__ void conv(const ConvArguments &a) {
  using Sum = typename SumOf<T>::type;
  int64_t perGroup = a.channels / a.groups, filtersPerGroup = a.filters / a.groups;
  int64_t in = volume(a.in), kernel = volume(a.kernel), out = volume(a.out);
  for (int64_t e = threadNumber(); e < a.batch * a.filters * out; e += threadCount()) {
    int64_t at = e % out, m = e / out % a.filters, n = e / (out * a.filters);
    int64_t o[3] = {at / (a.out[1] * a.out[2]), at / a.out[2] % a.out[1], at % a.out[2]};
    int64_t first = m / filtersPerGroup * perGroup;
    Sum sum = 0;
    for (int64_t c = 0; c < perGroup; ++c) {
      const T *image = static_cast<const T *>(a.first) + (n * a.channels + first + c) * in;
      const T *filter = static_cast<const T *>(a.second) + (m * perGroup + c) * kernel;
      for (int64_t p = 0; p < a.kernel[0]; ++p)
        for (int64_t q = 0; q < a.kernel[1]; ++q)
          for (int64_t r = 0; r < a.kernel[2]; ++r) {
            int64_t i = o[0] * a.stride[0] - a.pad[0] + p * a.dilation[0],
                    j = o[1] * a.stride[1] - a.pad[1] + q * a.dilation[1],
                    k = o[2] * a.stride[2] - a.pad[2] + r * a.dilation[2];
            if (i >= 0 && i < a.in[0] && j >= 0 && j < a.in[1] && k >= 0 && k < a.in[2])
              sum += static_cast<Sum>(image[(i * a.in[1] + j) * a.in[2] + k]) *
                     static_cast<Sum>(filter[(p * a.kernel[1] + q) * a.kernel[2] + r]);
          }
    }
    static_cast<Out *>(a.result)[e] = static_cast<Out>(sum);
  }
}

/// The output position whose window meets input `i` at kernel position `p`, or -1.
__device__ int64_t outputOf(const ConvArguments &a, int d, int64_t i, int64_t p) {
  int64_t from = i + a.pad[d] - p * a.dilation[d];
  return from >= 0 && from % a.stride[d] == 0 && from / a.stride[d] < a.out[d] ? from / a.stride[d] : -1;
}

template <class T, class Out> __device__ void convInputGrad(const ConvArguments &a) {
  using Sum = typename SumOf<T>::type;
  int64_t perGroup = a.channels / a.groups, filtersPerGroup = a.filters / a.groups;
  int64_t in = volume(a.in), kernel = volume(a.kernel), out = volume(a.out);
  for (int64_t e = threadNumber(); e < a.batch * a.channels * in; e += threadCount()) {
    int64_t at = e % in, c = e / in % a.channels, n = e / (in * a.channels);
    int64_t i[3] = {at / (a.in[1] * a.in[2]), at / a.in[2] % a.in[1], at % a.in[2]};
    int64_t first = c / perGroup * filtersPerGroup;
    Sum sum = 0;
    for (int64_t m = first; m < first + filtersPerGroup; ++m) {
      const T *given = static_cast<const T *>(a.first) + (n * a.filters + m) * out;
      const T *filter = static_cast<const T *>(a.second) + (m * perGroup + c % perGroup) * kernel;
      for (int64_t p = 0; p < a.kernel[0]; ++p) {
        int64_t x = outputOf(a, 0, i[0], p);
        for (int64_t q = 0; x >= 0 && q < a.kernel[1]; ++q) {
          int64_t y = outputOf(a, 1, i[1], q);
          for (int64_t r = 0; y >= 0 && r < a.kernel[2]; ++r)
            if (int64_t z = outputOf(a, 2, i[2], r); z >= 0)
              sum += static_cast<Sum>(given[(x * a.out[1] + y) * a.out[2] + z]) *
                     static_cast<Sum>(filter[(p * a.kernel[1] + q) * a.kernel[2] + r]);
        }
      }
    }
    static_cast<Out *>(a.result)[e] = static_cast<Out>(sum);
  }
}

/// A block computes one weight: its threads share the samples and positions, and add up in a fixed tree.
template <class T, class Out> __device__ void convWeightGrad(const ConvArguments &a) {
  using Sum = typename SumOf<T>::type;
  __shared__ Sum part[128];
  int64_t perGroup = a.channels / a.groups, filtersPerGroup = a.filters / a.groups;
  int64_t in = volume(a.in), kernel = volume(a.kernel), out = volume(a.out);
  for (int64_t e = blockIdx.x; e < a.filters * perGroup * kernel; e += gridDim.x) {
    int64_t at = e % kernel, plane = e / kernel, m = plane / perGroup;
    int64_t c = m / filtersPerGroup * perGroup + plane % perGroup;
    int64_t p = at / (a.kernel[1] * a.kernel[2]), q = at / a.kernel[2] % a.kernel[1], r = at % a.kernel[2];
    Sum sum = 0;
    for (int64_t s = threadIdx.x; s < a.batch * out; s += blockDim.x) {
      int64_t n = s / out, o = s % out;
      int64_t i = o / (a.out[1] * a.out[2]) * a.stride[0] - a.pad[0] + p * a.dilation[0],
              j = o / a.out[2] % a.out[1] * a.stride[1] - a.pad[1] + q * a.dilation[1],
              k = o % a.out[2] * a.stride[2] - a.pad[2] + r * a.dilation[2];
      if (i >= 0 && i < a.in[0] && j >= 0 && j < a.in[1] && k >= 0 && k < a.in[2])
        sum += static_cast<Sum>(
                   static_cast<const T *>(a.first)[(n * a.channels + c) * in + (i * a.in[1] + j) * a.in[2] + k]) *
               static_cast<Sum>(static_cast<const T *>(a.second)[(n * a.filters + m) * out + o]);
    }
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
      if (threadIdx.x < half)
        part[threadIdx.x] += part[threadIdx.x + half];
      __syncthreads();
    }
    if (threadIdx.x == 0)
      static_cast<Out *>(a.result)[e] = static_cast<Out>(part[0]);
    __syncthreads();
  }
}

// Activation functions and their slopes from the function's value; numbers as in Plan.h (kActivations).
template <class T> struct Activation {
  int kind;
  T alpha, beta, clip;

  __device__ T apply(T x) const {
    if (clip > 0)
      x = x > clip ? clip : x < -clip ? -clip : x;
    return value(x);
  }
  __device__ T value(T x) const {
    switch (kind) {
    case 0:
      return T(0.5) + T(0.5) * tanh(T(0.5) * x);
    case 1:
      return tanh(x);
    case 2:
      return x < 0 ? T(0) : x;
    case 3:
      return alpha * x + beta;
    case 4:
      return x < 0 ? alpha * x : x;
    case 5:
      return x <= alpha ? T(0) : x;
    case 6:
      return alpha * tanh(beta * x);
    case 7: {
      T y = alpha * x + beta;
      y = y > 1 ? T(1) : y;
      return y < 0 ? T(0) : y;
    }
    case 8:
      return x < 0 ? alpha * expm1(x) : x;
    case 9:
      return x / (1 + fabs(x));
    default:
      return (x < 0 ? T(0) : x) + log1p(exp(-fabs(x)));
    }
  }
  __device__ T slope(T y) const {
    switch (kind) {
    case 0:
      return y * (1 - y);
    case 1:
      return 1 - y * y;
    case 2:
    case 5:
      return y != 0 ? T(1) : T(0);
    case 3:
      return alpha;
    case 4:
      return y > 0 ? T(1) : alpha;
    case 6:
      return alpha == 0 ? T(0) : beta * (alpha - y * y / alpha);
    case 7:
      return y > 0 && y < 1 ? alpha : T(0);
    case 8:
      return y > 0 ? T(1) : y + alpha;
    case 9:
      return (1 - fabs(y)) * (1 - fabs(y));
    default:
      return -expm1(-y);
    }
  }
  /// The cotangent of the argument; nothing flows where the clip held it.
  __device__ T chain(T d, T y) const {
    if (clip > 0 && (y == value(-clip) || y == value(clip)))
      return T(0);
    return d * slope(y);
  }
};

/// One block runs one sequence through all steps; the state stays in shared memory.
template <class T> struct Cell {
  const RecurrenceArguments &a;
  int64_t b, H;
  Activation<T> f[3];

  __device__ explicit Cell(const RecurrenceArguments &a) : a(a), b(blockIdx.x), H(a.units) {
    for (int i = 0; i < 3; ++i)
      f[i] = {a.activation[i], T(a.alpha[i]), T(a.beta[i]), T(a.clip)};
  }
  template <class P> static __device__ T *array(P pointer) { return static_cast<T *>(const_cast<void *>(pointer)); }
  __device__ bool lstm() const { return a.kind == 0; }
  __device__ bool gru() const { return a.kind == 1; }
  __device__ bool linear() const { return a.flags & 4; }
  __device__ bool coupled() const { return a.flags & 2; }
  __device__ bool reversed() const { return a.flags & 1; }
  __device__ bool runs(int64_t t) const {
    return t >= 0 && t < a.steps &&
           (a.lengths32 ? t < a.lengths32[b] : a.lengths64 ? t < a.lengths64[b] : true);
  }
  __device__ int64_t at(int64_t t, int64_t features) const { return (t * a.batch + b) * features * H; }

  /// rows of r times v, a warp each: out[row] = base(row) + r[row, :] · v.
  template <class Base> __device__ void rows(const T *r, int64_t count, const T *v, T *out, Base base) const {
    int lane = threadIdx.x % 32, warps = blockDim.x / 32;
    for (int64_t row = threadIdx.x / 32; row < count; row += warps) {
      T sum = 0;
      for (int64_t k = lane; k < H; k += 32)
        sum += r[row * H + k] * v[k];
      for (int half = 16; half > 0; half /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, half);
      if (lane == 0)
        out[row] = base(row) + sum;
    }
  }

  __device__ void forward(T *h, T *c, T *gated) const {
    const T *x = array(a.x), *r = array(a.r), *p = array(a.peepholes), *bias = array(a.bias);
    int64_t wide = lstm() || gru() ? a.saved : 1;
    for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
      h[j] = array(a.h0)[b * H + j];
      c[j] = lstm() ? array(a.c0)[b * H + j] : T(0);
    }
    __syncthreads();
    for (int64_t i = 0; i < a.steps; ++i) {
      int64_t t = reversed() ? a.steps - 1 - i : i;
      T *out = array(a.y) + at(t, 1), *state = lstm() ? array(a.cells) + at(t, 1) : nullptr;
      T *g = lstm() || gru() ? array(a.kept) + at(t, wide) : out;
      const T *given = x + at(t, a.gates);
      if (!runs(t)) { // the same for the whole block
        for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
          for (int64_t k = 0; k < wide; ++k)
            g[k * H + j] = 0;
          out[j] = 0;
          if (lstm())
            state[j] = 0;
        }
        __syncthreads();
        continue;
      }
      rows(r, (gru() ? 2 : a.gates) * H, h, g, [&](int64_t row) { return given[row]; });
      if (gru() && linear())
        rows(r + 2 * H * H, H, h, g + 3 * H, [&](int64_t row) { return bias[row]; });
      __syncthreads();
      if (gru()) {
        for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
          g[j] = f[0].apply(g[j]);
          g[H + j] = f[0].apply(g[H + j]);
          if (linear())
            g[2 * H + j] = given[2 * H + j] + g[H + j] * g[3 * H + j];
          else
            gated[j] = g[H + j] * h[j];
        }
        __syncthreads();
        if (!linear()) {
          rows(r + 2 * H * H, H, gated, g + 2 * H, [&](int64_t row) { return given[2 * H + row]; });
          __syncthreads();
        }
      }
      for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
        if (lstm()) {
          T in = f[0].apply(g[j] + (p ? p[j] * c[j] : T(0)));
          T forget = coupled() ? 1 - in : f[0].apply(g[2 * H + j] + (p ? p[2 * H + j] * c[j] : T(0)));
          T candidate = f[1].apply(g[3 * H + j]);
          T now = forget * c[j] + in * candidate;
          T show = f[0].apply(g[H + j] + (p ? p[H + j] * now : T(0)));
          g[j] = in, g[H + j] = show, g[2 * H + j] = forget, g[3 * H + j] = candidate;
          c[j] = state[j] = now;
          h[j] = out[j] = show * f[2].apply(now);
        } else if (gru()) {
          g[2 * H + j] = f[1].apply(g[2 * H + j]);
          h[j] = out[j] = (1 - g[j]) * g[2 * H + j] + g[j] * h[j];
        } else {
          h[j] = out[j] = f[0].apply(out[j]);
        }
      }
      __syncthreads();
    }
  }

  /// out[j] (+)= sum over rows of d[row] r[row, j].
  __device__ void back(const T *d, int64_t count, const T *r, bool add, T *out) const {
    for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
      T sum = add ? out[j] : T(0);
      for (int64_t row = 0; row < count; ++row)
        sum += d[row] * r[row * H + j];
      out[j] = sum;
    }
  }

  __device__ void backward(T *next, T *inner, T *) const {
    const T *r = array(a.r), *p = array(a.peepholes);
    T *carried = array(a.dh) + b * H, *state = lstm() ? array(a.dc) + b * H : nullptr;
    for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
      carried[j] = 0;
      if (lstm())
        state[j] = 0;
    }
    __syncthreads();
    for (int64_t i = a.steps; i-- > 0;) {
      int64_t t = reversed() ? a.steps - 1 - i : i, previous = reversed() ? t + 1 : t - 1;
      T *out = array(a.dx) + at(t, a.gates);
      if (!runs(t)) {
        for (int64_t row = threadIdx.x; row < a.gates * H; row += blockDim.x)
          out[row] = 0;
        __syncthreads();
        continue;
      }
      bool first = i == 0 || !runs(previous); // a sequence starts from the end at its last step
      const T *lastH = first ? array(a.h0) + b * H : array(a.y) + at(previous, 1);
      const T *lastC = !lstm() ? nullptr : first ? array(a.c0) + b * H : array(a.cells) + at(previous, 1);
      const T *g = lstm() || gru() ? array(a.kept) + at(t, a.saved) : nullptr;
      for (int64_t j = threadIdx.x; j < H; j += blockDim.x) {
        T d = carried[j] + array(a.dy)[at(t, 1) + j];
        if (lstm()) {
          T shown = f[2].apply(array(a.cells)[at(t, 1) + j]);
          T show = f[0].chain(d * shown, g[H + j]);
          T own = a.dcells ? array(a.dcells)[at(t, 1) + j] : T(0);
          T s = state[j] + f[2].chain(d * g[H + j], shown) + own + (p ? p[H + j] * show : T(0));
          T df = s * lastC[j], di = s * g[3 * H + j];
          T in = f[0].chain(coupled() ? di - df : di, g[j]);
          T forget = coupled() ? T(0) : f[0].chain(df, g[2 * H + j]);
          out[j] = in, out[H + j] = show, out[2 * H + j] = forget;
          out[3 * H + j] = f[1].chain(s * g[j], g[3 * H + j]);
          state[j] = s * g[2 * H + j] + (p ? p[j] * in + p[2 * H + j] * forget : T(0));
        } else if (gru()) {
          T hidden = f[1].chain(d * (1 - g[j]), g[2 * H + j]);
          out[j] = f[0].chain(d * (lastH[j] - g[2 * H + j]), g[j]);
          out[2 * H + j] = hidden;
          next[j] = d * g[j];
          if (linear()) {
            out[H + j] = f[0].chain(hidden * g[3 * H + j], g[H + j]);
            inner[j] = hidden * g[H + j];
          }
        } else {
          out[j] = f[0].chain(d, array(a.y)[at(t, 1) + j]);
        }
      }
      __syncthreads();
      if (gru() && linear()) {
        back(inner, H, r + 2 * H * H, true, next);
      } else if (gru()) {
        back(out + 2 * H, H, r + 2 * H * H, false, inner);
        for (int64_t j = threadIdx.x; j < H; j += blockDim.x) { // a thread's own j only
          out[H + j] = f[0].chain(inner[j] * lastH[j], g[H + j]);
          next[j] += inner[j] * g[H + j];
        }
      }
      __syncthreads();
      back(out, (gru() ? 2 : a.gates) * H, r, gru(), next);
      __syncthreads();
      for (int64_t j = threadIdx.x; j < H; j += blockDim.x)
        carried[j] = next[j];
      __syncthreads();
    }
  }
};

template <class T> __device__ void recur(const RecurrenceArguments &a, bool gradient) {
  extern __shared__ double memory[];
  T *rows = reinterpret_cast<T *>(memory);
  Cell<T> cell(a);
  if (gradient)
    cell.backward(rows, rows + a.units, rows + 2 * a.units);
  else
    cell.forward(rows, rows + a.units, rows + 2 * a.units);
}

} // namespace

#define LLCC_CONTRACTIONS(in, out, T, Out)                                                                             \
  extern "C" __global__ void llcc_matmul_##in##_##out(MatmulArguments a) { matmul<T, Out>(a); }                        \
  extern "C" __global__ void llcc_conv_##in##_##out(ConvArguments a) { conv<T, Out>(a); }                              \
  extern "C" __global__ void llcc_conv_input_grad_##in##_##out(ConvArguments a) { convInputGrad<T, Out>(a); }          \
  extern "C" __global__ void llcc_conv_weight_grad_##in##_##out(ConvArguments a) { convWeightGrad<T, Out>(a); }
LLCC_CONTRACTIONS(f32, f32, float, float)
LLCC_CONTRACTIONS(f64, f64, double, double)
LLCC_CONTRACTIONS(bf16, bf16, __nv_bfloat16, __nv_bfloat16)
LLCC_CONTRACTIONS(bf16, f32, __nv_bfloat16, float)
LLCC_CONTRACTIONS(f16, f16, __half, __half)
LLCC_CONTRACTIONS(f16, f32, __half, float)

extern "C" __global__ void llcc_recurrence_f32(RecurrenceArguments a) { recur<float>(a, false); }
extern "C" __global__ void llcc_recurrence_f64(RecurrenceArguments a) { recur<double>(a, false); }
extern "C" __global__ void llcc_recurrence_grad_f32(RecurrenceArguments a) { recur<float>(a, true); }
extern "C" __global__ void llcc_recurrence_grad_f64(RecurrenceArguments a) { recur<double>(a, true); }
