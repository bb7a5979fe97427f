// The kernels of a module: functions with llcc.kernel, equal bodies shared.
#ifndef LLCC_PASSES_LOWER_KERNELS_H
#define LLCC_PASSES_LOWER_KERNELS_H

#include "passes/lower/Groups.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::llcc {

/// Notes at a kernel with several results which arguments each depends on, and along which mesh axes it looks at the
/// device's coordinates; nothing where it is the same for all.
void noteDependences(func::FuncOp kernel);

class Kernels {
public:
  explicit Kernels(ModuleOp module) : module(module) {}

  /// The function that computes `body`; result i overwrites argument inPlace[i], or none (-1).
  func::FuncOp get(const KernelBody &body, ArrayRef<int64_t> inPlace);

private:
  ModuleOp module;
  llvm::StringMap<func::FuncOp> known; ///< text of the function without its name -> function
  int64_t next = 0;
};

} // namespace mlir::llcc

#endif
