// A CUDA driver for machines without one, for tests of libllcc_cuda.so: memory is the host's, a stream's work is done
// when it is enqueued (or when its graph is launched), kernels compute nothing. It is strict where the real one
// forgives or fails much later: memory that was not allocated, host memory that is not page-locked, a capture that is
// not joined, a missing context, anything left behind at the end.
//
// LLCC_FAKE_CUDA = version=V,devices=N,memory=BYTES; fail=K: the K-th kernel breaks the context; stall=K: from the K-th
// kernel on nothing comes to an end; log=FILE: a line for each call that the tests count.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda.h>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

struct FakeGraph {
  std::vector<std::function<void()>> work;
};
struct FakeStream {
  FakeGraph *capture = nullptr; ///< what it is captured into
  bool origin = false, dirty = false;
};
struct FakeEvent {
  bool recorded = false, external = false;
  FakeGraph *capture = nullptr;
  std::set<FakeStream *> covers; ///< captured streams whose work it comes after
};
struct FakeFunction {
  std::string name;
};

struct State {
  std::recursive_mutex mutex;
  std::map<std::string, std::string> wishes;
  std::map<char *, size_t> memory, pinned;
  std::set<FakeStream *> streams;
  std::set<FakeEvent *> events;
  std::map<FakeStream *, std::set<FakeStream *>> joined; ///< captured: whose work each stream has waited for
  std::map<std::string, FakeFunction> functions;
  size_t used = 0;
  int contexts = 0;
  long kernels = 0;
  bool broken = false;
  FILE *log = nullptr;

  State() {
    std::string text = std::getenv("LLCC_FAKE_CUDA") ? std::getenv("LLCC_FAKE_CUDA") : "";
    while (!text.empty()) {
      size_t comma = std::min(text.find(','), text.size()), equal = text.find('=');
      wishes[text.substr(0, equal)] = text.substr(equal + 1, comma - equal - 1);
      text.erase(0, comma + 1);
    }
    if (!wishes["log"].empty())
      log = std::fopen(wishes["log"].c_str(), "a");
  }
  ~State() {
    if (!memory.empty() || !pinned.empty() || !streams.empty() || !events.empty() || contexts)
      std::fprintf(stderr,
                   "fake CUDA: left behind: %zu allocations, %zu pinned, %zu streams, %zu events, %d contexts\n",
                   memory.size(), pinned.size(), streams.size(), events.size(), contexts);
    if (log)
      std::fclose(log);
  }
  long number(const char *name, long otherwise) {
    return wishes[name].empty() ? otherwise : std::atol(wishes[name].c_str());
  }
  void say(const std::string &line) {
    if (log)
      std::fprintf(log, "%s\n", line.c_str());
  }
  static bool holds(const std::map<char *, size_t> &all, const void *place, size_t bytes) {
    auto *p = static_cast<char *>(const_cast<void *>(place));
    auto after = all.upper_bound(p);
    if (after == all.begin())
      return false;
    --after;
    return p + bytes <= after->first + after->second;
  }
};

State &state() {
  static State state;
  return state;
}
thread_local bool current = false;

CUresult usable() {
  return !current ? CUDA_ERROR_INVALID_CONTEXT : state().broken ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_SUCCESS;
}
FakeStream *of(CUstream s) { return reinterpret_cast<FakeStream *>(s); }
FakeEvent *of(CUevent e) { return reinterpret_cast<FakeEvent *>(e); }
void *host(CUdeviceptr p) { return reinterpret_cast<void *>(p); }

/// Does the work now, or notes it where the stream is captured.
CUresult enqueue(CUstream stream, std::function<void()> work) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  if (CUresult bad = usable())
    return bad;
  if (!s.streams.count(of(stream)))
    return CUDA_ERROR_INVALID_HANDLE;
  if (of(stream)->capture) {
    of(stream)->dirty = true;
    of(stream)->capture->work.push_back(std::move(work));
  } else {
    work();
  }
  return CUDA_SUCCESS;
}

#define CHECKED                                                                                                        \
  State &s = state();                                                                                                  \
  std::lock_guard<std::recursive_mutex> lock(s.mutex);                                                                 \
  if (CUresult bad = usable())                                                                                         \
  return bad

template <class T>
CUresult fillRows(CUdeviceptr to, size_t pitch, T value, size_t width, size_t rows, CUstream stream) {
  if (!State::holds(state().memory, host(to), pitch * (rows - 1) + width * sizeof(T)))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, [=] {
    for (size_t row = 0; row < rows; ++row)
      std::fill_n(static_cast<T *>(host(to + row * pitch)), width, value);
  });
}
} // namespace

extern "C" {

CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
CUresult cuDriverGetVersion(int *version) {
  *version = static_cast<int>(state().number("version", CUDA_VERSION));
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int *count) {
  *count = static_cast<int>(state().number("devices", 8));
  return *count ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  *device = ordinal;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int size, CUdevice) {
  std::snprintf(name, static_cast<size_t>(size), "Fake GPU");
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 9 : 0;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  ++state().contexts;
  *context = reinterpret_cast<CUcontext>(&state());
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  --state().contexts;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext context) {
  current = context != nullptr;
  return CUDA_SUCCESS;
}
CUresult cuMemGetInfo(size_t *there, size_t *all) {
  CHECKED;
  *all = static_cast<size_t>(s.number("memory", long(8) << 30));
  *there = *all - s.used;
  return CUDA_SUCCESS;
}
CUresult cuMemAlloc(CUdeviceptr *memory, size_t bytes) {
  CHECKED;
  for (FakeStream *stream : s.streams)
    if (stream->capture)
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  void *made = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(made, 0, bytes);
  s.memory[static_cast<char *>(made)] = bytes;
  s.used += bytes;
  *memory = reinterpret_cast<CUdeviceptr>(made);
  return CUDA_SUCCESS;
}
CUresult cuMemFree(CUdeviceptr memory) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  auto found = s.memory.find(static_cast<char *>(host(memory)));
  if (found == s.memory.end())
    return CUDA_ERROR_INVALID_VALUE;
  s.used -= found->second;
  std::free(found->first);
  s.memory.erase(found);
  return CUDA_SUCCESS;
}
CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  CHECKED;
  *memory = std::calloc(1, bytes);
  s.pinned[static_cast<char *>(*memory)] = bytes;
  return CUDA_SUCCESS;
}
CUresult cuMemFreeHost(void *memory) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  if (!s.pinned.erase(static_cast<char *>(memory)))
    return CUDA_ERROR_INVALID_VALUE;
  std::free(memory);
  return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  State &s = state();
  if (!State::holds(s.memory, host(to), bytes) || !State::holds(s.pinned, from, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, [=] { std::memcpy(host(to), from, bytes); });
}
CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  State &s = state();
  if (!State::holds(s.memory, host(from), bytes) || !State::holds(s.pinned, to, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, [=] { std::memcpy(to, host(from), bytes); });
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  State &s = state();
  if (!State::holds(s.memory, host(from), bytes) || !State::holds(s.memory, host(to), bytes))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, [=] { std::memmove(host(to), host(from), bytes); });
}
CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D *box, CUstream stream) {
  State &s = state();
  CUDA_MEMCPY2D b = *box;
  if (b.srcPitch < b.WidthInBytes || b.dstPitch < b.WidthInBytes ||
      !State::holds(s.memory, host(b.srcDevice), b.srcPitch * (b.Height - 1) + b.WidthInBytes) ||
      !State::holds(s.memory, host(b.dstDevice), b.dstPitch * (b.Height - 1) + b.WidthInBytes))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, [=] {
    for (size_t row = 0; row < b.Height; ++row)
      std::memmove(host(b.dstDevice + row * b.dstPitch), host(b.srcDevice + row * b.srcPitch), b.WidthInBytes);
  });
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return fillRows(to, count, value, count, 1, stream);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
  return fillRows(to, count * 2, value, count, 1, stream);
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return fillRows(to, count * 4, value, count, 1, stream);
}
CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t rows,
                           CUstream stream) {
  return fillRows(to, pitch, value, width, rows, stream);
}
CUresult cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t rows, CUstream stream) {
  return fillRows(to, pitch, value, width, rows, stream);
}

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned, int) {
  CHECKED;
  auto *made = new FakeStream;
  s.streams.insert(made);
  *stream = reinterpret_cast<CUstream>(made);
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy(CUstream stream) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  if (!s.streams.erase(of(stream)))
    return CUDA_ERROR_INVALID_HANDLE;
  delete of(stream);
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
  CHECKED;
  return of(stream)->capture ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}
CUresult cuStreamQuery(CUstream stream) { return cuStreamSynchronize(stream); }
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  CHECKED;
  FakeStream *w = of(stream);
  FakeEvent *e = of(event);
  if (!s.streams.count(w) || !s.events.count(e))
    return CUDA_ERROR_INVALID_HANDLE;
  if (!e->capture)
    return w->capture ? CUDA_ERROR_STREAM_CAPTURE_ISOLATION : e->recorded ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  if (w->capture && w->capture != e->capture)
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  w->capture = e->capture;
  w->dirty = true;
  s.joined[w].insert(e->covers.begin(), e->covers.end());
  return CUDA_SUCCESS;
}
CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode) {
  CHECKED;
  if (of(stream)->capture)
    return CUDA_ERROR_ILLEGAL_STATE;
  of(stream)->capture = new FakeGraph;
  of(stream)->origin = true;
  s.say("begin capture");
  return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  CHECKED;
  FakeStream *origin = of(stream);
  FakeGraph *made = origin->capture;
  if (!made || !origin->origin)
    return CUDA_ERROR_ILLEGAL_STATE;
  bool joined = true;
  for (FakeStream *other : s.streams)
    if (other->capture == made) {
      joined &= other == origin || s.joined[origin].count(other);
      other->capture = nullptr;
      other->origin = other->dirty = false;
    }
  s.joined.clear();
  for (FakeEvent *event : s.events)
    if (event->capture == made)
      event->capture = nullptr, event->recorded = event->external;
  s.say("end capture of " + std::to_string(made->work.size()));
  *graph = reinterpret_cast<CUgraph>(made);
  return joined ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
}

CUresult cuEventCreate(CUevent *event, unsigned) {
  CHECKED;
  auto *made = new FakeEvent;
  s.events.insert(made);
  *event = reinterpret_cast<CUevent>(made);
  return CUDA_SUCCESS;
}
CUresult cuEventDestroy(CUevent event) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  if (!s.events.erase(of(event)))
    return CUDA_ERROR_INVALID_HANDLE;
  delete of(event);
  return CUDA_SUCCESS;
}
CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
  CHECKED;
  FakeEvent *e = of(event);
  FakeStream *from = of(stream);
  if (!s.events.count(e) || !s.streams.count(from))
    return CUDA_ERROR_INVALID_HANDLE;
  if ((flags & CU_EVENT_RECORD_EXTERNAL) && !from->capture)
    return CUDA_ERROR_INVALID_VALUE;
  e->external = flags & CU_EVENT_RECORD_EXTERNAL;
  e->capture = e->external ? nullptr : from->capture;
  e->recorded = true;
  e->covers = s.joined[from];
  e->covers.insert(from);
  return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent event, CUstream stream) { return cuEventRecordWithFlags(event, stream, 0); }
CUresult cuEventQuery(CUevent event) {
  CHECKED;
  if (!s.events.count(of(event)))
    return CUDA_ERROR_INVALID_HANDLE;
  if (long from = s.number("stall", 0); from && s.kernels >= from)
    return CUDA_ERROR_NOT_READY;
  return of(event)->capture ? CUDA_ERROR_CAPTURED_EVENT : CUDA_SUCCESS;
}
CUresult cuEventSynchronize(CUevent event) { return cuEventQuery(event); }
CUresult cuEventElapsedTime(float *milliseconds, CUevent, CUevent) {
  *milliseconds = 1;
  return CUDA_SUCCESS;
}
CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr word, cuuint32_t value, unsigned) {
  if (!State::holds(state().pinned, host(word), sizeof value))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, [=] {
    if (!state().broken)
      std::memcpy(host(word), &value, sizeof value);
  });
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *, unsigned, CUjit_option *, void **) {
  CHECKED;
  *module = reinterpret_cast<CUmodule>(&s);
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
CUresult cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
  CHECKED;
  FakeFunction &made = s.functions[name];
  made.name = name;
  *function = reinterpret_cast<CUfunction>(&made);
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; }
CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                        unsigned bz, unsigned shared, CUstream stream, void **, void **) {
  State &s = state();
  if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx * by * bz == 0 || bx * by * bz > 1024 ||
      shared > 48 * 1024)
    return CUDA_ERROR_INVALID_VALUE;
  std::string name = reinterpret_cast<FakeFunction *>(function)->name;
  return enqueue(stream, [&s, name] {
    s.say("kernel " + name);
    if (++s.kernels == s.number("fail", 0))
      s.broken = true;
  });
}
CUresult cuGraphInstantiate(CUgraphExec *made, CUgraph graph, unsigned long long) {
  *made = reinterpret_cast<CUgraphExec>(new FakeGraph(*reinterpret_cast<FakeGraph *>(graph)));
  return CUDA_SUCCESS;
}
CUresult cuGraphLaunch(CUgraphExec graph, CUstream stream) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  s.say("launch graph");
  for (auto &work : reinterpret_cast<FakeGraph *>(graph)->work)
    if (CUresult bad = enqueue(stream, work))
      return s.broken ? CUDA_SUCCESS : bad; // a broken context shows later
  return CUDA_SUCCESS;
}
CUresult cuGraphExecDestroy(CUgraphExec graph) {
  delete reinterpret_cast<FakeGraph *>(graph);
  return CUDA_SUCCESS;
}
CUresult cuGraphDestroy(CUgraph graph) {
  delete reinterpret_cast<FakeGraph *>(graph);
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char **name) {
  static std::map<CUresult, const char *> names = {
      {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
      {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
      {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
      {CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"},
  };
  auto found = names.find(error);
  *name = found == names.end() ? nullptr : found->second;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char **text) {
  *text = nullptr;
  return CUDA_SUCCESS;
}
}
