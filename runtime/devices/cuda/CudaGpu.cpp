// One GPU through the CUDA driver: memory, streams, events, graphs, launches.
#include "runtime/devices/cuda/CudaGpu.h"
#include <algorithm>
#include <cstdlib>
#include <thread>

namespace llcc::rt {

CudaGpu::CudaGpu(const Driver &driver, const GpuPlace &place)
    : driver(driver), ordinal(place.ordinal), exact(place.plan.deterministic) {
  if (ordinal >= static_cast<uint32_t>(driver.devices))
    throw Error{Unavailable, "device " + std::to_string(place.device) + " needs GPU " + std::to_string(ordinal) +
                                 ", this machine has " + std::to_string(driver.devices) +
                                 "; compile with fewer --devices, or start on more machines (llrun launch)"};
  driver.check(driver.cuDeviceGet(&device, static_cast<int>(ordinal)), "GPU " + std::to_string(ordinal));
  char name[256] = {};
  if (driver.cuDeviceGetName(name, sizeof name - 1, device) == CUDA_SUCCESS)
    model = name;
  driver.check(driver.cuDevicePrimaryCtxRetain(&context, device), where() + " cannot be used");
  try {
    enter();
    loadKernels(place);
    if (!place.invitation.empty())
      nccl.emplace(place.invitation, place.device, place.plan.devices());
  } catch (...) {
    driver.cuDevicePrimaryCtxRelease(device);
    throw;
  }
}

CudaGpu::~CudaGpu() {
  // Of a lost context every call fails, and its memory is gone with it.
  driver.cuCtxSetCurrent(context);
  nccl.reset();
  blas.reset();
  dnn.reset();
  for (CUgraphExec graph : graphs)
    if (graph)
      driver.cuGraphExecDestroy(graph);
  for (CUevent event : events)
    if (event)
      driver.cuEventDestroy(event);
  for (CUstream stream : streams)
    if (stream)
      driver.cuStreamDestroy(stream);
  for (CUdeviceptr memory : {blasWorkspace, dnnWorkspace})
    if (memory)
      driver.cuMemFree(memory);
  for (CUmodule module : {code, own})
    if (module)
      driver.cuModuleUnload(module);
  driver.cuDevicePrimaryCtxRelease(device);
}

void CudaGpu::check(CUresult result, const std::string &what) const {
  if (result != CUDA_SUCCESS)
    throw Error{Unavailable, what + ": " + where() + " says " + driver.describe(result)};
}

// A cubin runs on its own architecture and newer ones of the same major version; for others the driver assembles the
// PTX.
void CudaGpu::loadKernels(const GpuPlace &place) {
  if (place.plan.kernels.empty())
    return;
  std::string_view cubin = place.section("code.cuda"), ptx = place.section("code.ptx");
  CUresult result = CUDA_ERROR_NO_BINARY_FOR_GPU;
  if (!cubin.empty())
    result = driver.cuModuleLoadDataEx(&code, cubin.data(), 0, nullptr, nullptr);
  if (result != CUDA_SUCCESS && !ptx.empty()) {
    std::string text(ptx); // ends in a zero byte
    char log[2048] = {};
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    result = driver.cuModuleLoadDataEx(&code, text.c_str(), 2, options, values);
  }
  if (result != CUDA_SUCCESS) {
    int major = 0, minor = 0;
    driver.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
    driver.cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
    std::string chip = "sm_" + std::to_string(major) + std::to_string(minor);
    throw Error{Unavailable, "the code is compiled for " + place.plan.target + " and does not load on " + where() +
                                 ", which is " + chip + ": " + driver.describe(result) +
                                 "; compile with --target=cuda:" + chip};
  }
  for (const Kernel &kernel : place.plan.kernels) {
    Loaded loaded{nullptr, {1, 1, 1}, {1, 1, 1}, kernel.name};
    if (kernel.grid.size() > 3 || kernel.block.size() > 3)
      throw Error{Data, "kernel \"" + kernel.name + "\" has a grid of more than three dimensions"};
    std::copy(kernel.grid.begin(), kernel.grid.end(), loaded.grid);
    std::copy(kernel.block.begin(), kernel.block.end(), loaded.block);
    check(driver.cuModuleGetFunction(&loaded.function, code, kernel.name.c_str()),
          "kernel \"" + kernel.name + "\" is not in the code");
    kernels.push_back(loaded);
  }
}

CUstream CudaGpu::streamAt(Stream number) {
  if (number >= streams.size())
    streams.resize(number + 1);
  if (!streams[number])
    // Communication goes first where both have work: what computes waits for it sooner or later.
    check(driver.cuStreamCreateWithPriority(&streams[number], CU_STREAM_NON_BLOCKING, number == 0 ? 0 : -1),
          "a stream cannot be made");
  return streams[number];
}

CUevent CudaGpu::eventAt(Event number) {
  if (number >= events.size())
    events.resize(number + 1);
  if (!events[number])
    check(driver.cuEventCreate(&events[number], CU_EVENT_DEFAULT), "an event cannot be made");
  return events[number];
}

GpuAddress CudaGpu::allocate(uint64_t bytes) {
  enter();
  CUdeviceptr memory = 0;
  if (bytes == 0)
    return 256;
  size_t there = freeBytes();
  CUresult result = there < bytes ? CUDA_ERROR_OUT_OF_MEMORY : driver.cuMemAlloc(&memory, bytes);
  if (result == CUDA_ERROR_OUT_OF_MEMORY)
    throw Error{Config, "the plan needs " + std::to_string(bytes) + " bytes, " + where() + " has " +
                            std::to_string(there) + " of " + std::to_string(totalBytes()) +
                            " bytes free; compile with more --microbatches, --recompute=auto --memory=" +
                            std::to_string(there) + ", or more --devices"};
  check(result, "memory of " + std::to_string(bytes) + " bytes cannot be taken");
  return memory;
}

void CudaGpu::release(GpuAddress memory) {
  if (memory > 256 && driver.cuCtxSetCurrent(context) == CUDA_SUCCESS)
    driver.cuMemFree(memory);
}

uint64_t CudaGpu::freeBytes() {
  enter();
  size_t there = 0, all = 0;
  check(driver.cuMemGetInfo(&there, &all), "free memory is unknown");
  return there;
}

uint64_t CudaGpu::totalBytes() {
  enter();
  size_t there = 0, all = 0;
  check(driver.cuMemGetInfo(&there, &all), "free memory is unknown");
  return all;
}

void *CudaGpu::pin(uint64_t bytes) {
  enter();
  void *memory = nullptr;
  check(driver.cuMemHostAlloc(&memory, std::max<uint64_t>(bytes, 1),
                              CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP),
        std::to_string(bytes) + " bytes of host memory cannot be page-locked");
  return memory;
}

void CudaGpu::unpin(void *memory) {
  if (memory && driver.cuCtxSetCurrent(context) == CUDA_SUCCESS)
    driver.cuMemFreeHost(memory);
}

void CudaGpu::copyIn(Stream stream, GpuAddress to, const void *from, uint64_t bytes) {
  enter();
  if (bytes)
    check(driver.cuMemcpyHtoDAsync(to, from, bytes, streamAt(stream)), "a copy to the GPU fails");
}

void CudaGpu::copyOut(Stream stream, void *to, GpuAddress from, uint64_t bytes) {
  enter();
  if (bytes)
    check(driver.cuMemcpyDtoHAsync(to, from, bytes, streamAt(stream)), "a copy from the GPU fails");
}

void CudaGpu::copy(Stream stream, GpuAddress to, GpuAddress from, uint64_t bytes) {
  enter();
  if (bytes && to != from)
    check(driver.cuMemcpyDtoDAsync(to, from, bytes, streamAt(stream)), "a copy on the GPU fails");
}

void CudaGpu::copyRows(Stream stream, GpuAddress to, uint64_t toPitch, GpuAddress from, uint64_t fromPitch,
                       uint64_t width, uint64_t rows) {
  enter();
  if (width == 0 || rows == 0)
    return;
  CUDA_MEMCPY2D box = {};
  box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcDevice = from;
  box.srcPitch = fromPitch;
  box.dstDevice = to;
  box.dstPitch = toPitch;
  box.WidthInBytes = width;
  box.Height = rows;
  check(driver.cuMemcpy2DAsync(&box, streamAt(stream)), "a copy of rows on the GPU fails");
}

void CudaGpu::fill(Stream stream, GpuAddress to, uint32_t size, uint64_t bits, uint64_t count) {
  enter();
  if (count == 0)
    return;
  const char *what = "memory of the GPU cannot be filled";
  auto low = static_cast<uint32_t>(bits), high = static_cast<uint32_t>(bits >> 32);
  if (size == 1)
    check(driver.cuMemsetD8Async(to, static_cast<unsigned char>(bits), count, streamAt(stream)), what);
  else if (size == 2)
    check(driver.cuMemsetD16Async(to, static_cast<unsigned short>(bits), count, streamAt(stream)), what);
  else if (size == 4 || low == high)
    check(driver.cuMemsetD32Async(to, low, count * (size / 4), streamAt(stream)), what);
  else { // every second word each
    check(driver.cuMemsetD2D32Async(to, 8, low, 1, count, streamAt(stream)), what);
    check(driver.cuMemsetD2D32Async(to + 4, 8, high, 1, count, streamAt(stream)), what);
  }
}

void CudaGpu::launch(Stream stream, uint32_t kernel, const std::vector<GpuAddress> &arguments) {
  enter();
  const Loaded &l = kernels.at(kernel);
  std::vector<void *> values;
  for (const GpuAddress &argument : arguments)
    values.push_back(const_cast<GpuAddress *>(&argument));
  check(driver.cuLaunchKernel(l.function, l.grid[0], l.grid[1], l.grid[2], l.block[0], l.block[1], l.block[2], 0,
                              streamAt(stream), values.data(), nullptr),
        "kernel \"" + l.name + "\" cannot be launched");
}

void CudaGpu::mark(Stream stream, uint32_t *word, uint32_t value) {
  enter();
  // The device's address of mapped host memory is the host's own under unified addressing.
  check(driver.cuStreamWriteValue32(streamAt(stream), reinterpret_cast<CUdeviceptr>(word), value,
                                    CU_STREAM_WRITE_VALUE_DEFAULT),
        "progress cannot be marked");
}

uint32_t CudaGpu::join(const std::vector<uint32_t> &members) {
  enter();
  if (!nccl)
    throw Error{Software, "a device without peers is asked to join a group"};
  return nccl->join(members);
}

void CudaGpu::exchange(Stream stream, const Exchange &exchange) {
  enter();
  if (!nccl)
    throw Error{Software, exchange.what + ": a device without peers has nobody to exchange with"};
  nccl->exchange(streamAt(stream), exchange);
}

void CudaGpu::abandon() {
  if (nccl)
    nccl->abandon();
}

void CudaGpu::record(Event event, Stream stream) {
  enter();
  check(driver.cuEventRecord(eventAt(event), streamAt(stream)), "an event cannot be recorded");
}

void CudaGpu::wait(Stream stream, Event event) {
  enter();
  check(driver.cuStreamWaitEvent(streamAt(stream), eventAt(event), CU_EVENT_WAIT_DEFAULT), "a stream cannot wait");
}

void CudaGpu::recordForHost(Event event, Stream stream) {
  enter();
  check(driver.cuEventRecordWithFlags(eventAt(event), streamAt(stream),
                                      capturing ? CU_EVENT_RECORD_EXTERNAL : CU_EVENT_RECORD_DEFAULT),
        "an event cannot be recorded");
}

bool CudaGpu::waitOnHost(Event event, std::chrono::milliseconds atMost) {
  using Clock = std::chrono::steady_clock;
  enter();
  CUevent waited = eventAt(event);
  Clock::time_point begin = Clock::now(), looked = begin;
  for (;;) {
    CUresult result = driver.cuEventQuery(waited);
    if (result == CUDA_SUCCESS)
      return true;
    if (result != CUDA_ERROR_NOT_READY)
      check(result, "the step fails on the GPU");
    Clock::time_point now = Clock::now();
    if (nccl && now - looked > std::chrono::milliseconds(1)) {
      looked = now;
      if (std::string text = nccl->asynchronousError(); !text.empty())
        throw Error{Unavailable, "a peer of " + where() + " is lost: " + text};
    }
    if (now - begin >= atMost)
      return false;
    // A step of a small model takes microseconds; after that the thread is better used elsewhere.
    if (now - begin > std::chrono::microseconds(200))
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

double CudaGpu::secondsBetween(Event from, Event to) {
  enter();
  float milliseconds = 0;
  check(driver.cuEventElapsedTime(&milliseconds, eventAt(from), eventAt(to)), "time between events is unknown");
  return double(milliseconds) / 1000;
}

void CudaGpu::beginCapture(Stream stream) {
  enter();
  check(driver.cuStreamBeginCapture(streamAt(stream), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "a graph cannot be captured");
  capturing = true;
}

Graph CudaGpu::endCapture(Stream stream) {
  enter();
  capturing = false;
  CUgraph graph = nullptr;
  check(driver.cuStreamEndCapture(streamAt(stream), &graph), "a graph cannot be captured");
  CUgraphExec made = nullptr;
  CUresult result = driver.cuGraphInstantiate(&made, graph, 0);
  driver.cuGraphDestroy(graph);
  check(result, "a graph cannot be made");
  graphs.push_back(made);
  return static_cast<Graph>(graphs.size() - 1);
}

void CudaGpu::launch(Stream stream, Graph graph) {
  enter();
  check(driver.cuGraphLaunch(graphs.at(graph), streamAt(stream)), "a graph cannot be launched");
}

void CudaGpu::destroy(Graph graph) {
  if (driver.cuCtxSetCurrent(context) == CUDA_SUCCESS && graphs.at(graph))
    driver.cuGraphExecDestroy(graphs[graph]);
  graphs[graph] = nullptr;
}

} // namespace llcc::rt
