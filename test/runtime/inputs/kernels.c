// Kernels for plans that the runtime's tests write by hand; the interface is CpuKernel of runtime/plan/Plan.h.
#include <stdint.h>
#include <unistd.h>

// e = y - t
void k_difference(void *const *b, const int64_t *coords, int64_t begin, int64_t end) {
  const float *y = b[0], *t = b[1];
  float *e = b[2];
  for (int64_t i = begin; i < end; ++i)
    e[i] = y[i] - t[i];
}

// loss = scale * sum of squares of `count` elements
void k_squares(void *const *b, const int64_t *coords, int64_t begin, int64_t end) {
  const float *e = b[0];
  int64_t count = *(const int64_t *)b[1];
  double scale = *(const double *)b[2], sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += (double)e[i] * e[i];
  *(float *)b[3] = (float)(scale * sum);
}

// w -= lr * g, in place
void k_descend(void *const *b, const int64_t *coords, int64_t begin, int64_t end) {
  float *w = b[0];
  const float *g = b[1], lr = *(const float *)b[2];
  for (int64_t i = begin; i < end; ++i)
    w[i] -= lr * g[i];
}

// Keeps the second device busy for two seconds.
void k_slow(void *const *b, const int64_t *coords, int64_t begin, int64_t end) {
  if (coords[0] == 1)
    sleep(2);
}
