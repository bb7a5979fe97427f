// Flags that llrun and `llcc train` share, and how both report a wrong one.
#ifndef LLCC_RUNTIME_LLRUN_FLAGS_H
#define LLCC_RUNTIME_LLRUN_FLAGS_H

#include "runtime/llrun/Train.h"

namespace CLI {
class App;
class Validator;
} // namespace CLI

namespace llcc::rt {

/// Adds --data --label --eval --batch --steps --epochs --no-shuffle --seed --metrics --save --checkpoint
/// --checkpoint-every
/// --resume --save-gradients --memory --threads --quiet --lr.
void addTrainFlags(CLI::App &app, TrainOptions &options);

/// Parses `argc/argv` with `app`; on a wrong flag says so with the nearest existing one. Returns -1 to go on, else an
/// exit code (0 after --help, 64 for usage).
int parseFlags(CLI::App &app, int argc, char **argv);

/// Accepts whole numbers from `least` to `most`.
CLI::Validator atLeast(int64_t least, int64_t most = int64_t(1) << 40);

/// "8GiB", "512M", "1e9" → bytes; 0 and an error text where it is not a size.
uint64_t parseBytes(const std::string &text, std::string &error);

} // namespace llcc::rt

#endif
