// `llrun train`, also what `llcc train` runs after compiling.
#ifndef LLCC_RUNTIME_LLRUN_TRAIN_H
#define LLCC_RUNTIME_LLRUN_TRAIN_H

#include <cstdint>
#include <functional>
#include <string>

namespace llcc::rt {

struct TrainOptions {
  std::string program = "llrun train"; ///< begins every message
  std::string artifact;                ///< .llx
  std::string data;                    ///< npz, safetensors, or a folder with idx files (MNIST names)
  std::string label;                   ///< array of the data that holds labels; empty: the plan's label input
  std::string eval;                    ///< data to measure after each epoch; empty: none
  int64_t batch = 0;                   ///< must be the artifact's; 0: the artifact's
  int64_t steps = 0, epochs = 0;       ///< one of them; both 0: 1 epoch
  bool shuffle = true;
  uint64_t seed = 0;
  std::string lr;              ///< overrides the plan's base rate; empty: the plan's
  std::string metrics;         ///< JSON lines, one a step
  std::string save;            ///< trained .onnx or .llx
  std::string checkpoint;      ///< folder; empty: none
  int64_t checkpointEvery = 0; ///< steps; 0: after each epoch and at the end
  std::string resume;          ///< "auto" (newest complete one in --checkpoint), or a folder; empty: start anew
  std::string saveGradients;   ///< safetensors with the gradients of the first step
  std::string trace;           ///< Chrome trace of the instructions of all devices
  uint64_t memory = 0;         ///< bytes a device may use; 0: no limit
  uint32_t threads = 0;
  bool quiet = false;
  bool certified = false;       ///< the artifact must have a certificate
  std::string network = "auto"; ///< how to reach the other processes of the run: auto, tcp, mpi, none
  uint32_t timeout = 0;         ///< seconds without a sign of life or progress; 0: see llcc_rt_world_join
  /// Called once the artifact is open (it stays readable): `llcc train` removes its temporary folder here, so that no
  /// way of ending leaves it behind.
  std::function<void()> opened;
};

/// Trains; returns an exit code of sysexits, having said why on stderr.
int train(const TrainOptions &options);

} // namespace llcc::rt

#endif
