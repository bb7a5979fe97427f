// Checkpoints: weights and optimizer state by name, without layout, so that any mesh loads any other's.
#ifndef LLCC_RUNTIME_CHECKPOINT_CHECKPOINT_H
#define LLCC_RUNTIME_CHECKPOINT_CHECKPOINT_H

#include "runtime/llcc_rt.h"
#include <cstdint>
#include <string>

namespace llcc::rt {

/// What a run has to know to go on besides weights and state.
struct CheckpointFacts {
  int64_t step = 0;
  int64_t batch = 0;
  uint64_t seed = 0;
  bool shuffle = true;
  std::string model, optimizer;
};

/// Makes the folder of checkpoints, with those above it; throws Failure 73 where it cannot be made or written.
void makeCheckpointFolder(const std::string &folder);

/// FOLDER/step-00000042/{state.safetensors, manifest.json}: written under a temporary name, synced, renamed; the
/// manifest holds the hash of the state and is written last. Then all but the newest two are removed (only folders that
/// hold a manifest of ours). Returns the new folder. Throws Failure.
std::string saveCheckpoint(const std::string &folder, llcc_rt_session *session, const llcc_rt_module *module,
                           const CheckpointFacts &facts);

/// A rank other than 0 gives its part of what rank 0 saves.
void giveCheckpoint(llcc_rt_session *session, const llcc_rt_module *module);
/// …and takes its part of what rank 0 loads; returns the step that it holds, 0 where rank 0 found no checkpoint.
int64_t receiveCheckpoint(llcc_rt_session *session, const llcc_rt_module *module);

/// The newest complete checkpoint of `folder` whose hash fits; empty where there is none. Damaged ones are named on
/// stderr.
std::string newestCheckpoint(const std::string &folder);

/// Loads `checkpoint` into the session after all names, shapes and types fit; throws Failure 65 listing every
/// difference.
CheckpointFacts loadCheckpoint(const std::string &checkpoint, llcc_rt_session *session, const llcc_rt_module *module);

} // namespace llcc::rt

#endif
