// What each kernel and library call of a plan moves and computes, and how long a device takes for it at best.
#ifndef LLCC_COMPILER_PIPELINE_ROOFLINE_H
#define LLCC_COMPILER_PIPELINE_ROOFLINE_H

#include "passes/shard/Cluster.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"
#include <string>
#include <vector>

namespace mlir::llcc {

/// Peaks of one device, 1/s: contractions of 16-bit operands, everything else in f32 (f64 at half of that).
struct RooflineDevice {
  std::string name;
  double narrowFlops, flops, bandwidth;
  double launch; ///< s between one launch and the next in a captured graph
};

/// Launches of one kernel, or calls of one library function on operands of one size.
struct RooflineEntry {
  std::string name; ///< "k12", "matmul 1x8192x768x3072 bf16", "all_reduce data"
  std::string text; ///< what a kernel computes
  int64_t count = 0;
  double bytes = 0, flops = 0, seconds = 0; ///< of all together; seconds: the larger of both over its peak
  bool memoryBound = true, communication = false;
  llvm::SetVector<StringRef> nodes; ///< ONNX nodes
};

struct Roofline {
  std::string program;
  std::vector<RooflineEntry> entries; ///< slowest first
  double seconds = 0;                 ///< of computation; communication beside it is not in it
  double communication = 0;           ///< seconds
  double contractionFlops = 0;        ///< of products and convolutions
  int64_t launches = 0;
  /// Floating-point operations of contractions over what the device could do in the time, launches included.
  double mfu(const RooflineDevice &device) const;
};

/// One of each step program of a module after the lower stage. `cluster` gives links.
std::vector<Roofline> rooflines(ModuleOp module, const RooflineDevice &device, const Cluster &cluster);

void printRooflines(ArrayRef<Roofline> programs, const RooflineDevice &device, raw_ostream &out);
void printRooflinesJson(ArrayRef<Roofline> programs, const RooflineDevice &device, raw_ostream &out);

} // namespace mlir::llcc

#endif
