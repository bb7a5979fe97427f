// Which x86-64 machine code is made for.
#ifndef LLCC_COMPILER_CODEGEN_CPU_CPUTARGET_H
#define LLCC_COMPILER_CODEGEN_CPU_CPUTARGET_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::llcc {

/// Code may use the instructions of `level`; it is scheduled for `tune`. A level, not a model, is what an artifact
/// records: the loader can check it, and any machine of that level runs it.
struct CpuTarget {
  std::string level; ///< "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"
  std::string tune;  ///< name of an LLVM processor; empty: as the level says

  /// As a plan records it: "cpu:x86-64-v4".
  std::string name() const { return "cpu:" + level; }

  /// "cpu" and "cpu:native" are the highest level of this machine, tuned for it; "cpu:LEVEL" is that level.
  /// Returns an error text (empty: fine).
  static std::string parse(llvm::StringRef text, CpuTarget &target);
};

} // namespace mlir::llcc

#endif
