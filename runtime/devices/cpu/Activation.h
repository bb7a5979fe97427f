// Activation functions of recurrent cells over rows of numbers, and their slopes from the function's value.
#ifndef LLCC_RUNTIME_DEVICES_CPU_ACTIVATION_H
#define LLCC_RUNTIME_DEVICES_CPU_ACTIVATION_H

#include <cmath>
#include <cstdint>

namespace llcc::rt {

/// tanh for f32, without a branch so that loops over it become vectors; within 4 units in the last place.
/// Rational function of degree 13/6 on [-9, 9], the coefficients that Eigen (MathFunctionsImpl.h) and XLA use.
inline float fastTanh(float x) {
  constexpr float bound = 9.0f;
  float z = x > bound ? bound : x; // NaN stays NaN
  z = z < -bound ? -bound : z;
  float s = z * z;
  float p = -2.76076847742355e-16f;
  for (float c : {2.00018790482477e-13f, -8.60467152213735e-11f, 5.12229709037114e-08f, 1.48572235717979e-05f,
                  6.37261928875436e-04f, 4.89352455891786e-03f})
    p = p * s + c;
  float q = 1.19825839466702e-06f;
  for (float c : {1.18534705686654e-04f, 2.26843463243900e-03f, 4.89352518554385e-03f})
    q = q * s + c;
  float y = z * p / q;
  return std::fabs(x) < 4e-4f ? x : y;
}
inline float tanhOf(float x) { return fastTanh(x); }
inline double tanhOf(double x) { return std::tanh(x); }

/// One function and the clip in front of it; numbers as in Plan.h (kActivations).
template <class T> struct Activation {
  int64_t kind = -1;
  T alpha = 0, beta = 0, clip = 0;

  T value(T x) const {
    switch (kind) {
    case 0:
      return T(0.5) + T(0.5) * tanhOf(T(0.5) * x);
    case 1:
      return tanhOf(x);
    case 2:
      return x < 0 ? T(0) : x;
    case 3:
      return alpha * x + beta;
    case 4:
      return x < 0 ? alpha * x : x;
    case 5:
      return x <= alpha ? T(0) : x;
    case 6:
      return alpha * tanhOf(beta * x);
    case 7: {
      T y = alpha * x + beta;
      y = y > 1 ? T(1) : y;
      return y < 0 ? T(0) : y;
    }
    case 8:
      return x < 0 ? alpha * std::expm1(x) : x;
    case 9:
      return x / (1 + std::fabs(x));
    default:
      return (x < 0 ? T(0) : x) + std::log1p(std::exp(-std::fabs(x)));
    }
  }

  T slope(T y) const {
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
      return (1 - std::fabs(y)) * (1 - std::fabs(y));
    default:
      return -std::expm1(-y);
    }
  }

  /// x[i] = f(clipped x[i]).
  void apply(T *x, int64_t n) const {
    if (clip > 0)
      for (int64_t i = 0; i < n; ++i) {
        x[i] = x[i] > clip ? clip : x[i];
        x[i] = x[i] < -clip ? -clip : x[i];
      }
    // The common two with a loop of their own.
    if (kind == 0)
      for (int64_t i = 0; i < n; ++i)
        x[i] = T(0.5) + T(0.5) * tanhOf(T(0.5) * x[i]);
    else if (kind == 1)
      for (int64_t i = 0; i < n; ++i)
        x[i] = tanhOf(x[i]);
    else
      for (int64_t i = 0; i < n; ++i)
        x[i] = value(x[i]);
  }

  /// d[i] *= slope where the function has the value y[i]; nothing flows where the clip held its argument.
  void chain(T *d, const T *y, int64_t n) const {
    if (kind == 0)
      for (int64_t i = 0; i < n; ++i)
        d[i] *= y[i] * (1 - y[i]);
    else if (kind == 1)
      for (int64_t i = 0; i < n; ++i)
        d[i] *= 1 - y[i] * y[i];
    else
      for (int64_t i = 0; i < n; ++i)
        d[i] *= slope(y[i]);
    if (clip > 0) {
      T low = value(-clip), high = value(clip);
      for (int64_t i = 0; i < n; ++i)
        d[i] = y[i] == low || y[i] == high ? T(0) : d[i];
    }
  }
};

} // namespace llcc::rt

#endif
