// The seam of the CUDA runtime: what its upper half (runtime/devices/cuda, in the core) asks of one GPU. Two
// implementations: CudaGpu, in the plug-in libllcc_cuda.so (driver API, cublasLt, cudnn, NCCL by dlopen), and SimGpu
// (runtime/devices/cudasim), which executes the same calls on the CPU in any legal order.
//
// A Gpu is used by one host thread at a time, that of its device. Calls that take a stream only enqueue; what they
// point to (host memory too) is read or written when the stream comes to it. Failures are thrown as Error: code 69 and
// a sentence without a final period that says what the driver or library said; the caller puts the instruction and its
// ONNX node before it. After an error that sticks (the context is lost) every call throws.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_GPU_H
#define LLCC_RUNTIME_DEVICES_CUDA_GPU_H

#include "runtime/core/Error.h"
#include "runtime/plan/Plan.h"
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

namespace llcc::rt {

using GpuAddress = uint64_t; ///< of device memory (CUdeviceptr)
using Stream = uint32_t;     ///< by number from 0, made when first used; none waits for another by itself
using Event = uint32_t;      ///< likewise; may be recorded again and again, a wait means the last record before it
using Graph = uint32_t;

/// A collective or message, as NCCL knows them. `parts` are one NCCL group: they are enqueued together.
struct Exchange {
  enum class Kind : uint8_t {
    AllReduce,     ///< to = reduction over the members' from; both `count`; from == to is allowed
    AllGather,     ///< to = members x count, member m's from at m*count
    ReduceScatter, ///< from = members x count; to = the reduction of everybody's part number (this member)
    AllToAll,      ///< parts[m]: `count` elements go from `from` to member m, `received` come from m to `to`
    Send,          ///< a group of two, this is member 0; `count` from `from`
    Recv,          ///< member 1; `count` to `to`
  };
  struct Part {
    GpuAddress from = 0, to = 0;
    uint64_t count = 0, received = 0; ///< elements
  };
  Kind kind = Kind::AllReduce;
  uint32_t group = 0;      ///< what Gpu::join returned
  DType type = DType::F32; ///< never Bool or I16 where there is a reduction; else any, and only its size matters
  int64_t reduction = 0;   ///< 0 sum, 1 max, 2 min, 3 prod
  std::vector<Part> parts; ///< one for each tensor; AllToAll: one for each member
  std::string what;        ///< "instruction 12 (allreduce, node "fc1")", for messages
};

class Gpu {
public:
  virtual ~Gpu() = default;

  // Memory. Nothing is known of its content at first.
  /// Aligned to 256 bytes; 0 bytes give an address that nobody reads. Throws where there is not enough, with what is
  /// free.
  virtual GpuAddress allocate(uint64_t bytes) = 0;
  virtual void release(GpuAddress memory) = 0;
  virtual uint64_t freeBytes() = 0;
  virtual uint64_t totalBytes() = 0;
  /// Page-locked memory of the host, which copies run from and to without the host's thread.
  virtual void *pin(uint64_t bytes) = 0;
  virtual void unpin(void *memory) = 0;

  // Enqueue. Host memory is pinned memory.
  virtual void copyIn(Stream stream, GpuAddress to, const void *from, uint64_t bytes) = 0;
  virtual void copyOut(Stream stream, void *to, GpuAddress from, uint64_t bytes) = 0;
  virtual void copy(Stream stream, GpuAddress to, GpuAddress from, uint64_t bytes) = 0;
  /// `rows` runs of `width` bytes each, that stand `toPitch` and `fromPitch` >= width bytes apart (cuMemcpy2DAsync).
  virtual void copyRows(Stream stream, GpuAddress to, uint64_t toPitch, GpuAddress from, uint64_t fromPitch,
                        uint64_t width, uint64_t rows) = 0;
  /// `count` elements of `size` 1, 2, 4 or 8 bytes become `bits`.
  virtual void fill(Stream stream, GpuAddress to, uint32_t size, uint64_t bits, uint64_t count) = 0;
  /// Kernel number `kernel` of Plan::kernels with its grid and block. `arguments`: addresses of buffers as Launch
  /// orders them, then of the device's mesh coordinates (int64).
  virtual void launch(Stream stream, uint32_t kernel, const std::vector<GpuAddress> &arguments) = 0;
  /// One word of pinned memory becomes `value` when the stream comes here: how far a stream has come is then known even
  /// after the context is lost (cuStreamWriteValue32).
  virtual void mark(Stream stream, uint32_t *word, uint32_t value) = 0;

  // Library instructions: Matmul, Conv, ConvInputGrad, ConvWeightGrad, Recurrence, RecurrenceGrad.
  /// Prepares one (descriptors, algorithm); what comes back enqueues it. `ins` and `outs` are fixed for the Gpu's life.
  virtual std::function<void(Stream)> prepare(const Program &program, const Instr &instr,
                                              const std::vector<GpuAddress> &ins,
                                              const std::vector<GpuAddress> &outs) = 0;
  /// After the last prepare and before the first enqueue: allocates workspaces (one for each stream).
  virtual void finish() = 0;
  /// Workspaces of libraries, beside what was allocated.
  virtual uint64_t libraryBytes() = 0;

  // Groups of devices (NCCL communicators).
  /// All devices of the session call it equally often and in the same order, each with the group that it is in
  /// (device numbers by member number), or with none: then the call only takes part. Each call splits all devices into
  /// disjoint groups (ncclCommSplit with color = members[0], key = the member's number). Returns the number for
  /// Exchange::group.
  virtual uint32_t join(const std::vector<uint32_t> &members) = 0;
  /// Exchanges of one group meet in the order in which each member enqueued them.
  virtual void exchange(Stream stream, const Exchange &exchange) = 0;
  /// Ends exchanges that wait for a peer that will not come (ncclCommAbort); nothing can be exchanged any more.
  virtual void abandon() = 0;

  // Order.
  virtual void record(Event event, Stream stream) = 0;
  virtual void wait(Stream stream, Event event) = 0;
  /// The host waits until all that was enqueued on `stream` before the event's last record has run, at most so long;
  /// false: not yet. Inside a graph the record is external (CU_EVENT_RECORD_EXTERNAL), see recordForHost.
  virtual bool waitOnHost(Event event, std::chrono::milliseconds atMost) = 0;
  /// As record, for waitOnHost only; also where a graph is captured: then each launch of the graph records it.
  virtual void recordForHost(Event event, Stream stream) = 0;
  /// Seconds from one event to another, both recorded outside of a graph and waited for.
  virtual double secondsBetween(Event from, Event to) = 0;

  // Graphs.
  /// From now on what is enqueued on `stream`, and on streams that wait for events recorded there, is noted, not run,
  /// until endCapture on the same stream; by then all these streams must have been joined to it by events.
  virtual void beginCapture(Stream stream) = 0;
  virtual Graph endCapture(Stream stream) = 0;
  virtual void launch(Stream stream, Graph graph) = 0;
  virtual void destroy(Graph graph) = 0;
};

/// What a Gpu is opened for.
struct GpuPlace {
  const Plan &plan;
  uint32_t device = 0;  ///< in the plan
  uint32_t ordinal = 0; ///< on this machine, below GpuSystem::count
  std::vector<uint32_t> coords;
  /// Bytes of a section of the artifact ("code.cuda", "code.ptx", "code.cudasim"); empty where it has none.
  std::function<std::string_view(const std::string &)> section;
  std::string invitation; ///< of the first device's system, for all; empty: the device has no peers
};

/// The GPUs that a process uses for one session.
class GpuSystem {
public:
  virtual ~GpuSystem() = default;
  virtual uint32_t count() = 0;
  /// Opens a GPU and loads the kernels; if there is an invitation, returns when all devices of the plan have come
  /// (each from its own thread). Throws Error: no such device, one that the code does not fit, no memory.
  virtual std::unique_ptr<Gpu> open(const GpuPlace &place) = 0;
  /// What devices need to find each other (NCCL's unique id), made once for a session and carried to all processes.
  virtual std::string invite() = 0;
  /// `threads` host threads start to use their devices; each says when it does so no more. In between a simulator may
  /// wait for all of them, so that what it does follows from what they enqueue and not from when.
  virtual void enter(uint32_t threads) {}
  virtual void leave() {}
};

/// What the plug-in libllcc_cuda.so (beside libllcc_rt.so) has under this name: makes the system, or gives nullptr and
/// a reason: no driver, too old a driver, no device.
using MakeGpuSystem = GpuSystem *(*)(const char **reason);
constexpr const char *kMakeGpuSystem = "llcc_make_gpu_system";
constexpr uint32_t kGpuVersion = 1;
/// …and a uint32_t with the version that it was built for.
constexpr const char *kGpuVersionName = "llcc_gpu_version";

} // namespace llcc::rt

#endif
