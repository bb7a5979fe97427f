// Threads of devices; kernels share libgomp's threads with oneDNN, so that no two pools fight for the cores.
#include "runtime/core/Team.h"
#include <algorithm>

extern "C" {
// libgomp's interface to compiled `#pragma omp parallel` (stable ABI), called directly: the runtime needs no OpenMP
// compiler.
void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
void omp_set_num_threads(int);
}

namespace llcc::rt {

Team::Team(uint32_t devices, uint32_t total) : devices(devices), each(std::max(1u, total / std::max(1u, devices))) {
  omp_set_num_threads(int(each)); // of this thread: a single device runs here
  if (devices > 1)
    for (uint32_t d = 0; d < devices; ++d)
      threads.emplace_back([this, d] { loop(d); });
}

Team::~Team() {
  {
    std::lock_guard lock(mutex);
    ending = true;
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void Team::loop(uint32_t device) {
  omp_set_num_threads(int(each));
  uint64_t seen = 0;
  while (true) {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return ending || round != seen; });
    if (ending)
      return;
    seen = round;
    const auto *now = job;
    lock.unlock();
    (*now)(device);
    lock.lock();
    if (--running == 0)
      done.notify_one();
  }
}

void Team::run(const std::function<void(uint32_t)> &work) {
  if (devices == 1)
    return work(0);
  std::unique_lock lock(mutex);
  job = &work;
  running = devices;
  ++round;
  wake.notify_all();
  done.wait(lock, [&] { return running == 0; });
}

namespace {
struct Range {
  CpuKernel kernel;
  void *const *buffers;
  const int64_t *coords;
  int64_t extent;
};
} // namespace

static void part(void *data) {
  auto *range = static_cast<Range *>(data);
  int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
  int64_t begin = range->extent * i / n, end = range->extent * (i + 1) / n;
  if (end > begin)
    range->kernel(range->buffers, range->coords, begin, end);
}

void launch(CpuKernel kernel, void *const *buffers, const int64_t *coords, int64_t extent, int64_t cost,
            uint32_t threads) {
  // A parallel region costs about a microsecond, what one core does to some thousand elements meanwhile.
  constexpr int64_t kWorth = 16384;
  int64_t work = extent * std::max<int64_t>(1, cost);
  int64_t useful = std::min<int64_t>({int64_t(threads), extent, work / kWorth});
  if (useful <= 1)
    return kernel(buffers, coords, 0, extent);
  Range range{kernel, buffers, coords, extent};
  GOMP_parallel(part, &range, unsigned(useful), 0);
}

} // namespace llcc::rt
