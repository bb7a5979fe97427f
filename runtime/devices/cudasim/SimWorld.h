// All simulated GPUs of a session, and the scheduler that decides what runs next.
//
// Nothing runs when it is enqueued. When all host threads that use the GPUs wait for one, the scheduler runs what
// stands first in some stream and may run: events it waits for have been recorded, the members of a collective have all
// come to it. It goes on until one of the host threads has what it waits for, and lets that one go on alone. So the
// order follows from what was enqueued and from a seed, never from the time that host threads take.
//
// LLCC_CUDASIM_SEED=N: the order is drawn by priorities (Burckhardt et al., "A Randomized Scheduler with Probabilistic
// Guarantees of Finding Bugs", ASPLOS 2010): each stream has a random one, the highest that may run goes first, and at
// random moments the one that just ran becomes the lowest. One missing event needs two operations in one wrong order;
// such a schedule is met with a probability of one over the number of streams, however many operations there are.
// Blocks and threads of kernels run in a drawn order as well. Without a seed: in the order of the plan's list.
#ifndef LLCC_RUNTIME_DEVICES_CUDASIM_SIMWORLD_H
#define LLCC_RUNTIME_DEVICES_CUDASIM_SIMWORLD_H

#include "runtime/devices/cuda/Gpu.h"
#include "runtime/devices/cudasim/SimKernels.h"
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <tuple>

namespace llcc::rt {

class SimGpu;
struct SimOp;
struct SimQueue;

class SimWorld : public GpuSystem {
public:
  SimWorld();
  ~SimWorld() override;
  uint32_t count() override { return 1024; }
  std::unique_ptr<Gpu> open(const GpuPlace &place) override;
  std::string invite() override { return "cudasim"; }
  void enter(uint32_t threads) override;
  void leave() override;

private:
  friend class SimGpu;
  /// Something that may run: the head of a queue of a GPU.
  struct Choice {
    SimGpu *gpu = nullptr;
    SimQueue *queue = nullptr;
  };
  /// Waits until the event has come; false: not within `atMost`.
  bool wait(SimGpu &gpu, Event event, std::chrono::milliseconds atMost);
  /// Runs one operation.
  void schedule();
  bool mayRun(const Choice &choice);
  bool before(const Choice &a, const Choice &b) const;
  std::vector<Choice> partners(const SimGpu &gpu, const SimOp &op);
  void run(const Choice &choice);
  void exchange(const Choice &choice);
  std::string standstill();
  void leaveGpu(SimGpu *gpu);
  int64_t drawPriority(const SimGpu &gpu, Stream stream);
  [[noreturn]] void fail(const std::string &text);

  std::mutex mutex;
  std::condition_variable change;
  std::vector<SimGpu *> gpus;                               ///< by device; those of inference behind them
  uint32_t active = 0;                                      ///< host threads that may enqueue
  std::list<std::tuple<SimGpu *, Event, uint64_t>> waiting; ///< …which of them wait, for which record of what
  bool scheduling = false;
  std::string failure;
  std::optional<uint64_t> seed;
  std::mt19937_64 dice;
  int64_t lowest = 0;                     ///< priority to be given away next
  uint64_t clock = 0;                     ///< operations that have run
  std::map<std::string, SimKernels> code; ///< by the address of the section
};

std::unique_ptr<GpuSystem> makeSimWorld();

} // namespace llcc::rt

#endif
