// Devices, memory and weights of one run.
#ifndef LLCC_RUNTIME_CORE_SESSION_H
#define LLCC_RUNTIME_CORE_SESSION_H

#include "runtime/collectives/local/Meeting.h"
#include "runtime/core/Module.h"
#include "runtime/core/Team.h"
#include "runtime/devices/cpu/Call.h"
#include "runtime/llcc_rt.h"
#include "runtime/plan/Pieces.h"

namespace llcc::rt {

/// Memory of one device for one program: exactly Program::arenaBytes, aligned to 64.
class Arena {
public:
  explicit Arena(uint64_t bytes);
  ~Arena();
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  char *data = nullptr;
  uint64_t bytes = 0;
};

/// A program bound to a device: every library call, group and pointer list is made once.
struct Bound {
  const Program *program = nullptr;
  uint32_t device = 0;
  std::vector<uint32_t> coords;
  std::vector<int64_t> coords64;
  std::unique_ptr<Arena> arena;
  struct Step {
    std::unique_ptr<Call> call;  ///< library operations
    CpuKernel kernel = nullptr;  ///< launches
    std::vector<void *> buffers; ///< …and their arguments
    Meeting *meeting = nullptr;  ///< collectives
    size_t member = 0;
  };
  std::vector<Step> steps;
  size_t updateStart = 0;        ///< first instruction that writes weights or state; the loss is known there
  double loss = 0, gradNorm = 0; ///< of the step that runs
  bool hasLoss = false, hasNorm = false;
  char *at(uint32_t buffer) const { return arena->data + program->buffers[buffer].offset; }
};

class Session {
public:
  Session(const Module &module, const llcc_rt_options &options);

  llcc_rt_step_result trainStep(const llcc_rt_tensor *inputs, size_t count, double lr, llcc_rt_tensor *gradients,
                                size_t gradientCount);
  void infer(const llcc_rt_tensor *inputs, size_t count, int64_t rows, llcc_rt_tensor *outputs, size_t outputCount);
  /// Whole logical tensor of a variable, from or to all devices that hold pieces.
  void get(size_t variable, char *data) const;
  void set(size_t variable, const char *data);
  void save(const std::string &path) const;

  const Module &module;
  int64_t step = 0;

private:
  void bind(Bound &bound, const Program &program, uint32_t device);
  void checkInputs(const llcc_rt_tensor *inputs, size_t count, bool training, int64_t rows);
  void runProgram(Bound &bound);
  void runInstr(Bound &bound, size_t i);
  void feed(Bound &bound, const Instr &instr);
  void capture(Bound &bound, const Instr &instr);
  void collective(Bound &bound, const Instr &instr, Bound::Step &step);
  /// False where the loss of this step is not finite; all devices agree.
  bool lossIsGood(Bound &bound);
  Meeting &meetingOf(const Instr &instr, const Bound &bound, size_t &member);
  bool holds(const Bound &bound, size_t variable, uint32_t &buffer) const;

  uint64_t memoryLimit;
  Fate fate;
  Mailbox mailbox{fate};
  Team team;
  std::map<std::vector<uint32_t>, std::unique_ptr<Meeting>> meetings; ///< by member devices
  std::unique_ptr<Meeting> everyone;
  std::vector<Bound> devices;
  std::unique_ptr<Bound> inference;
  bool inferenceFresh = false;
  std::map<size_t, std::vector<char>> unplaced; ///< variables that no step program holds

  // The step that runs now.
  std::vector<const llcc_rt_tensor *> inputs; ///< by number of Plan::inputs
  int64_t rows = 0;                           ///< inference: samples given
  float lr = 0;
  double stepNumber = 0;
  std::map<std::string, llcc_rt_tensor *> wanted; ///< gradients or outputs to copy
  std::mutex mutex;
  int failureCode = 0;
  std::string failure;
};

} // namespace llcc::rt

#endif
