// `llcc export`, and what `llcc train --export=…` does behind the training.
#ifndef LLCC_COMPILER_DRIVER_EXPORTCOMMAND_H
#define LLCC_COMPILER_DRIVER_EXPORTCOMMAND_H

#include <cstdint>
#include <string>
#include <vector>

namespace llcc {

/// Files and flags of an export.
struct ExportFiles {
  std::string program = "llcc export"; ///< begins every message
  std::string model, out;
  std::string form;                 ///< quantized
  std::string data, label;          ///< what is measured on: npz, safetensors, or a folder of idx files
  int64_t batch = 0, batches = 16;  ///< samples of a batch (0: the file's, else 32); batches that are measured
  double percentile = 100;          ///< share of an activation's numbers that are represented without clipping
  std::string activations = "int8"; ///< int8 | uint8 | float
  std::vector<std::string> keep;    ///< globs of nodes and weights that stay floats
  std::string command;
};

/// Returns an ExitCode; `folder` is for temporary files, the caller removes it.
int exportModel(const ExportFiles &files, const std::string &folder);

} // namespace llcc

#endif
