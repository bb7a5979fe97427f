// The function that a kernel on tensors becomes: flat buffers, then the device's coordinates (README.md).
#ifndef LLCC_PASSES_LOWER_KERNELSIGNATURE_H
#define LLCC_PASSES_LOWER_KERNELSIGNATURE_H

#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::llcc {

/// Arguments of the code of one kernel.
struct KernelSignature {
  size_t ins = 0;            ///< arguments of the kernel on tensors; they come first
  SmallVector<int64_t> outs; ///< argument that holds each result
  SmallVector<Type> types;   ///< flat memrefs of all buffers, then of the coordinates
  bool empty = false;        ///< some result has no element: nothing is computed

  /// Of `kernel` on tensors; what breaks the contract is reported there.
  static FailureOr<KernelSignature> of(func::FuncOp kernel, MeshAttr mesh);
  size_t buffers() const { return types.size() - 1; }
};

/// The flat memref of a tensor type's elements (i1 as i8).
MemRefType flatBuffer(Type tensor);

/// Copies what later stages read of `kernel` (form, text, numbers of arguments) to its code.
void setKernelAttributes(func::FuncOp kernel, const KernelSignature &signature, Operation *code);

/// Flat constant buffers of a module, one for each value.
class KernelConstants {
public:
  explicit KernelConstants(ModuleOp module) : module(module) {}
  memref::GlobalOp get(DenseElementsAttr attr);

private:
  ModuleOp module;
  DenseMap<Attribute, memref::GlobalOp> globals;
  int64_t next = 0;
};

} // namespace mlir::llcc

#endif
