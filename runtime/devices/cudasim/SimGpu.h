// One simulated GPU: memory that nobody reads by mistake, and queues of operations that the scheduler runs.
#ifndef LLCC_RUNTIME_DEVICES_CUDASIM_SIMGPU_H
#define LLCC_RUNTIME_DEVICES_CUDASIM_SIMGPU_H

#include "runtime/core/BoundProgram.h"
#include "runtime/devices/cudasim/SimWorld.h"
#include <deque>
#include <set>

namespace llcc::rt {

struct SimGraph;

struct SimOp {
  enum class Kind : uint8_t { Work, Record, Wait, Exchange, Graph };
  Kind kind = Kind::Work;
  std::string what; ///< for messages
  std::function<void()> work;
  Event event = 0;
  uint64_t number = 0;   ///< Record, Wait: which record of the event; Exchange: which of the group
  bool external = false; ///< Record: of the device, though in a graph
  std::shared_ptr<const Exchange> exchange;
  std::shared_ptr<SimGraph> graph;
  std::vector<uint64_t> numbers; ///< Graph: of its exchanges and external records, in the order of capture
  bool started = false;          ///< Graph
  uint64_t order = 0;            ///< among all of the GPU, as the host enqueued them
};

/// A stream, or the part of a running graph that was captured from one.
struct SimQueue {
  Stream stream = 0;
  int64_t priority = 0;
  bool ofGraph = false;
  std::deque<SimOp> ops;
};

struct SimGraph {
  std::vector<std::pair<Stream, SimOp>> ops; ///< as captured
};

class SimGpu : public Gpu {
public:
  SimGpu(SimWorld &world, const GpuPlace &place, const SimKernels &kernels, size_t number);
  ~SimGpu() override;

  GpuAddress allocate(uint64_t bytes) override;
  void release(GpuAddress memory) override;
  uint64_t freeBytes() override { return total - taken; }
  uint64_t totalBytes() override { return total; }
  void *pin(uint64_t bytes) override;
  void unpin(void *memory) override;
  void copyIn(Stream stream, GpuAddress to, const void *from, uint64_t bytes) override;
  void copyOut(Stream stream, void *to, GpuAddress from, uint64_t bytes) override;
  void copy(Stream stream, GpuAddress to, GpuAddress from, uint64_t bytes) override;
  void copyRows(Stream stream, GpuAddress to, uint64_t toPitch, GpuAddress from, uint64_t fromPitch, uint64_t width,
                uint64_t rows) override;
  void fill(Stream stream, GpuAddress to, uint32_t size, uint64_t bits, uint64_t count) override;
  void launch(Stream stream, uint32_t kernel, const std::vector<GpuAddress> &arguments) override;
  void mark(Stream stream, uint32_t *word, uint32_t value) override;
  std::function<void(Stream)> prepare(const Program &program, const Instr &instr, const std::vector<GpuAddress> &ins,
                                      const std::vector<GpuAddress> &outs) override;
  void finish() override;
  uint64_t libraryBytes() override;
  uint32_t join(const std::vector<uint32_t> &members) override;
  void exchange(Stream stream, const Exchange &exchange) override;
  void abandon() override {}
  void record(Event event, Stream stream) override;
  void wait(Stream stream, Event event) override;
  bool waitOnHost(Event event, std::chrono::milliseconds atMost) override;
  void recordForHost(Event event, Stream stream) override;
  double secondsBetween(Event from, Event to) override;
  void beginCapture(Stream stream) override;
  Graph endCapture(Stream stream) override;
  void launch(Stream stream, Graph graph) override;
  void destroy(Graph graph) override;

private:
  friend class SimWorld;
  struct Memory {
    std::unique_ptr<char[]> block;
    char *data;
    uint64_t bytes;
  };
  struct EventState {
    uint64_t enqueued = 0, done = 0, time = 0;
  };
  struct Group {
    std::vector<uint32_t> members;
    uint64_t enqueued = 0, done = 0;
  };
  /// What is known of a graph under way: the operations of each stream that are behind a point.
  using Behind = std::map<Stream, size_t>;
  struct Capture {
    Stream origin;
    std::shared_ptr<SimGraph> graph;
    std::map<Stream, size_t> counts;
    std::map<Stream, Behind> behind;
    std::map<Event, Behind> events;
    std::map<Event, uint64_t> records;
  };

  char *at(GpuAddress address, uint64_t bytes, const char *what) const;
  void checkPinned(const void *memory, uint64_t bytes, const char *what) const;
  void push(Stream stream, SimOp op);
  void pushWork(Stream stream, std::string what, std::function<void()> work);
  SimQueue &queue(Stream stream);
  void noCapture(const char *what) const;
  /// Expands the graph at the head of a queue.
  void start(SimOp &op);
  /// The head of a queue has run.
  void ran(SimQueue &queue);
  void graphEnded();
  EventState &eventOf(const SimQueue &queue, const SimOp &op);

  SimWorld &world;
  const Plan &plan;
  const SimKernels &kernels;
  uint32_t device;
  size_t number; ///< in the world
  std::vector<int64_t> coords;
  uint64_t total, taken = 0;
  std::map<GpuAddress, Memory> memories; ///< by address
  std::map<const char *, Memory> pinned;
  const KernelTable none;
  std::unique_ptr<Device> library;
  std::map<Stream, SimQueue> streams;
  std::map<Stream, SimQueue> graphQueues; ///< of the graph that runs
  std::map<Event, EventState> events, graphEvents;
  std::vector<Group> groups;
  std::optional<Capture> capture;
  std::map<Graph, std::shared_ptr<SimGraph>> graphs;
  Graph nextGraph = 1;
  uint64_t nextOrder = 0;
};

} // namespace llcc::rt

#endif
