// The upper half of the CUDA runtime: one program bound to one GPU.
//
// Each instruction is enqueued on its stream behind the events that it waits for; an event is recorded only where some
// instruction of another stream waits. The first run enqueues instruction by instruction, from the second on the whole
// step is one graph (LLCC_GRAPH=0: never). What the host gives, it writes into pinned memory, of which there are two
// sets, so that the next step's input is written while this step still runs; each has its own graph.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_GPUPROGRAM_H
#define LLCC_RUNTIME_DEVICES_CUDA_GPUPROGRAM_H

#include "runtime/core/BoundProgram.h"
#include "runtime/devices/cuda/Gpu.h"
#include <map>
#include <set>

namespace llcc::rt {

class GpuProgram : public BoundProgram {
public:
  /// Allocates the arena, joins the groups of the plan, prepares all instructions. Throws Error; where memory is short,
  /// with what is needed and what is free.
  GpuProgram(const Program &program, std::unique_ptr<Gpu> gpu, GpuSystem &system, const Place &place);
  ~GpuProgram() override;
  void run(Timeline *timeline) override;
  void read(uint64_t offset, char *to, uint64_t bytes) override;
  void write(uint64_t offset, const char *from, uint64_t bytes) override;
  uint64_t libraryBytes() const override;

private:
  struct Step {
    std::function<void(Stream)> enqueue; ///< empty: nothing to do
    Event event = 0;                     ///< recorded behind it; 0: nobody waits
    bool marked = false;                 ///< how far the stream is, is told before it
  };
  /// Something that the host writes before a run: `bytes` of each set of staging memory, from `offset`.
  struct Feeding {
    uint64_t offset;
    std::function<void(char *)> write;
  };
  /// Something that the host reads after a run.
  struct Reading {
    uint64_t bytes;
    std::function<bool()> wanted;
    std::function<void(const char *)> take;
    bool rare;           ///< has pinned memory of its own, made when first wanted, and no graph
    uint64_t offset = 0; ///< else: in the memory for results
    char *own = nullptr;
  };

  GpuAddress at(uint32_t buffer) const { return arena + program.buffers[buffer].offset; }
  std::vector<GpuAddress> placesOf(const std::vector<uint32_t> &buffers) const;
  void reserve();
  void clearWeights();
  void joinGroups();
  void prepareAll();
  Step prepare(size_t i);
  std::function<void(Stream)> launch(const Instr &instr);
  std::function<void(Stream)> fill(const Instr &instr);
  std::function<void(Stream)> feed(const Instr &instr);
  std::function<void(Stream)> feedScalar(const Instr &instr);
  std::function<void(Stream)> capture(const Instr &instr);
  std::function<void(Stream)> collective(const Instr &instr, const std::string &what);
  std::function<void(Stream)> message(size_t i, const std::string &what);
  std::function<void(Stream)> feedFrom(uint64_t bytes, GpuAddress to, std::function<void(char *)> write);
  std::function<void(Stream)> readInto(GpuAddress from, Reading reading);

  void enqueueAll(bool timed);
  void waitFor(Event event);
  void finishRead();
  std::string wherever() const;
  /// Ends exchanges with peers and throws the failure, with the instructions at which the streams are.
  [[noreturn]] void lost(const Error &failure);

  const Program &program;
  std::unique_ptr<Gpu> gpu;
  GpuSystem &system;
  Place place;
  GpuAddress arena = 0, coords = 0;
  std::map<std::vector<uint32_t>, uint32_t> groups;        ///< by axes: Exchange::group
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> lanes; ///< by stage of sender and receiver
  std::map<uint32_t, Stream> laneStreams;                  ///< of sends, by stage of the receiver
  std::vector<Step> steps;                                 ///< by instruction
  std::set<Stream> streams;                                ///< that the program uses, 0 always
  std::map<Stream, GpuAddress> scratch;                    ///< of collectives, by stream
  std::map<Stream, uint64_t> scratchBytes;
  std::vector<GpuAddress> owned; ///< to be released at the end
  uint64_t ownedBytes = 0;       ///< without the arena

  std::vector<Feeding> feedings;
  std::vector<std::unique_ptr<Reading>> readings;
  uint64_t stagingBytes = 0, resultBytes = 0;
  char *staging[2] = {}, *results = nullptr, *transfer = nullptr;
  uint32_t *marks = nullptr; ///< by stream: number of the last instruction begun, from 1
  unsigned set = 0;
  bool used[2] = {}, captured[2] = {}, graphs = true;
  bool broken = false; ///< a wait has failed
  Graph graph[2] = {};
  uint64_t runs = 0;
  Event nextEvent = 1;
  Event start = 0, ended[2] = {}, transferred = 0;
  std::map<Stream, Event> joins, captures;    ///< by stream: its end; its last capture
  std::map<Stream, size_t> lastCapture;       ///< …and which that is
  std::vector<std::pair<Event, Event>> times; ///< by instruction, where it is timed
};

} // namespace llcc::rt

#endif
