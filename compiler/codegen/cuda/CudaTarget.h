// Which NVIDIA architecture machine code is made for.
#ifndef LLCC_COMPILER_CODEGEN_CUDA_CUDATARGET_H
#define LLCC_COMPILER_CODEGEN_CUDA_CUDATARGET_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::llcc {

/// An architecture, and the PTX version that its instructions need.
struct CudaTarget {
  std::string chip = "sm_90"; ///< as ptxas and LLVM spell it
  std::string ptx = "+ptx80"; ///< LLVM's feature; a driver that knows this PTX can assemble the artifact's text

  /// As a plan records it: "cuda:sm_90".
  std::string name() const { return "cuda:" + chip; }

  /// "cuda" is sm_90; "cuda:ARCH" is that architecture. Returns an error text (empty: fine).
  static std::string parse(llvm::StringRef text, CudaTarget &target);
};

} // namespace mlir::llcc

#endif
