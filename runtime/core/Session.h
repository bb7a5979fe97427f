// Devices, memory, weights and state of one training or serving run.
#ifndef LLCC_RUNTIME_CORE_SESSION_H
#define LLCC_RUNTIME_CORE_SESSION_H

#include "runtime/collectives/Network.h"
#include "runtime/collectives/tcp/World.h"
#include "runtime/core/BoundProgram.h"
#include "runtime/core/Module.h"
#include "runtime/core/Worker.h"
#include "runtime/devices/cuda/Gpu.h"
#include "runtime/llcc_rt.h"

namespace llcc::rt {

class Session {
public:
  /// `world`: the processes that share the plan, a device each; nullptr: all devices are threads of this one. Outlives
  /// the session.
  Session(std::shared_ptr<const Module> owner, const llcc_rt_options &options, World *world);
  ~Session();

  void train(const llcc_rt_tensor *inputs, size_t count, double lr, llcc_rt_step_result &result,
             llcc_rt_tensor *gradients, size_t gradientCount);
  void infer(const llcc_rt_tensor *inputs, size_t count, int64_t rows, llcc_rt_tensor *outputs, size_t outputCount);

  /// Whole logical arrays of variable number `index`. In a world all ranks call these alike and rank 0 gets, or gives,
  /// the array; `data` is nullptr elsewhere.
  void get(size_t index, char *data) const;
  void set(size_t index, const char *data);
  /// This process reads and writes files and knows whole arrays.
  bool isRoot() const { return !world || world->rank() == 0; }

  /// A device's thread does not come back: the session must not be destroyed, as that would wait for it.
  bool isLost() const { return lost; }

  /// Times the instructions of the steps that follow; forgets what was timed before.
  void beginTrace();
  /// In a world rank 0 writes what all have timed, on its own clock.
  void saveTrace(const std::string &path);
  Overlap overlap; ///< of the trace last saved

private:
  std::shared_ptr<const Module> owner;

public:
  const Module &module;
  int64_t step = 0; ///< steps done
  void setStep(int64_t number);
  void requestStop(int reason);
  void setSeed(uint64_t seed) { host.seed = int64_t(seed); }
  /// Memory beside the arenas: libraries' (layouts, scratchpads) and messages between stages.
  uint64_t libraryBytes() const;
  uint64_t transitBytes() const { return network ? network->transitBytes() : 0; }
  /// Throws Error if a device failed in the middle of a step: weights may be half updated.
  void checkSound() const;

private:
  /// One device and what is bound to it. Order matters: what is bound goes first.
  struct Seat {
    std::vector<uint32_t> coords;
    const Program *program = nullptr;
    std::unique_ptr<Communicator> communicator;
    std::unique_ptr<BoundProgram> bound;
  };
  void bind(uint32_t device);
  void findGpus();
  std::unique_ptr<BoundProgram> bindToGpu(const Seat &seat, const Place &place, const std::string &invitation);
  bool isHere(uint32_t device) const { return !world || world->rank() == device; }
  void joinWorld();
  void announceStep();
  void finishStep();
  void collectGradients();
  void collectTrace();
  void getFromWorld(size_t index, char *data) const;
  void setInWorld(size_t index, const char *data);
  void setHere(size_t index, const char *data);
  void loadWeights();
  void buildInference();
  void gatherForInference();
  /// Runs a job on each of the first `count` devices and waits for all. Throws the first failure.
  void onDevices(uint32_t count, const std::function<void(uint32_t)> &job);
  /// A device's piece of a variable, on its way: none where the device has no part of it, in place where the arena is
  /// the host's memory, else in `room`.
  struct Piece {
    char *data = nullptr;
    uint64_t offset = 0, bytes = 0;
    std::vector<char> room;
  };
  /// `read`: with what the device has.
  Piece pieceAt(const Seat &seat, size_t index, bool read) const;
  /// Brings a piece to its device.
  void put(const Seat &seat, const Piece &piece) const;

  World *world;
  Watch watch;
  std::unique_ptr<GpuSystem> gpus; ///< nullptr: the devices are CPUs
  std::string invitation;          ///< …by which GPUs find each other
  std::unique_ptr<Network> network;
  HostSide host;
  LossGate gate;
  bool gated = false;
  int stop = 0;          ///< asked for, all ranks agree after the step
  std::vector<bool> fed; ///< in a world: by input, whether this process' device reads it
  uint32_t lossDevice = UINT32_MAX, normDevice = UINT32_MAX;
  int threads, threadsPerDevice;
  uint64_t memoryLimit;
  std::vector<Seat> seats; ///< by device; one without a program where the plan has no steps, without anything
                           ///< bound where it is of another process
  std::vector<std::vector<int64_t>> places; ///< by stage and variable: buffer number or -1
  Seat inference;
  std::vector<Timeline> timelines; ///< by device; empty: nothing is timed
  Timeline::Clock::time_point traceOrigin;
  std::vector<std::vector<char>> loose; ///< by variable: whole array of those that no step program holds
  uint64_t weightsVersion = 1, inferenceVersion = 0;
  std::string unsound;                          ///< why the weights can't be trusted
  bool lost = false;                            ///< a thread does not come back
  std::vector<std::unique_ptr<Worker>> workers; ///< by device, of this process; last: they stop first
};

} // namespace llcc::rt

#endif
