// Splits a range over the threads of one device. libgomp is called directly: clang would bring a second OpenMP runtime,
// whose threads would fight oneDNN's.
#include "runtime/devices/cpu/Threads.h"

extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
void omp_set_num_threads(int threads);
}

namespace llcc::rt {

void setThreads(int threads) { omp_set_num_threads(threads); }

namespace {
struct Region {
  int64_t extent;
  int parts;
  RangeBody body;
  void *context;
};
} // namespace

void splitRange(int64_t extent, int parts, RangeBody body, void *context) {
  if (parts <= 1) {
    body(context, 0, extent);
    return;
  }
  Region region{extent, parts, body, context};
  auto run = [](void *data) {
    const Region &r = *static_cast<const Region *>(data);
    // The pool may give fewer threads than asked for, so each takes every n-th part.
    for (int part = omp_get_thread_num(), step = omp_get_num_threads(); part < r.parts; part += step) {
      auto cut = [&](int p) { return static_cast<int64_t>(static_cast<__int128>(r.extent) * p / r.parts); };
      int64_t begin = cut(part), end = cut(part + 1);
      if (begin < end)
        r.body(r.context, begin, end);
    }
  };
  GOMP_parallel(run, &region, static_cast<unsigned>(parts), 0);
}

} // namespace llcc::rt
