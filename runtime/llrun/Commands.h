// The commands of llrun besides train. All throw Failure.
#ifndef LLCC_RUNTIME_LLRUN_COMMANDS_H
#define LLCC_RUNTIME_LLRUN_COMMANDS_H

#include <cstdint>
#include <string>

namespace llcc::rt {

/// Prints what the artifact holds; `full`: every instruction; `ir`: only the IR text; `section`: only those bytes.
int inspect(const std::string &path, bool full, bool ir, const std::string &section);

/// Forward pass over a data file; outputs by name into an .npz. Prints accuracy where the data has labels.
int infer(const std::string &path, const std::string &data, const std::string &label, const std::string &out,
          uint32_t threads, bool certified);

/// Times training steps on random data: median, 10th and 90th percentile in microseconds, samples/s; JSON on stdout.
/// `trace`: file for a Chrome trace of the timed steps; empty: none.
int bench(const std::string &path, int64_t steps, uint32_t threads, const std::string &trace);

/// `launch N COMMAND …`: starts N processes of llrun as ranks of one run on this machine, passes SIGINT and SIGTERM on
/// to them, and returns the first exit code that is not 0. They do not outlive it.
int launch(int argc, char **argv);

/// Writes the model's weights as they are in the artifact: .onnx or .llx.
int exportModel(const std::string &path, const std::string &out);

} // namespace llcc::rt

#endif
