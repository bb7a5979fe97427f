// A step as a list of instructions on storages: the work sheet of llcc-plan-memory, before it becomes an llcc.program.
#ifndef LLCC_PASSES_LOWER_INSTRUCTIONS_H
#define LLCC_PASSES_LOWER_INSTRUCTIONS_H

#include "compiler/ir/LLCC.h"

namespace mlir::func {
class FuncOp;
}

namespace mlir::llcc {

/// A piece of device memory. Persistent ones (params, states) live through all steps.
struct Storage {
  MemRefType type;           ///< of the value that defines it
  int64_t bytes = 0;         ///< of the elements, without alignment
  StringRef space, name;     ///< as in llcc.buffer
  DictionaryAttr attributes; ///< of the function argument it comes from
  Location loc;
  bool persistent = false;
  int64_t begin = -1, end = -1; ///< first and last instruction that touches it; -1: none
  int64_t offset = 0;
};

struct Operand {
  unsigned storage;
  MemRefType type; ///< the storage's, or another shape of the same elements where the instruction needs it
};

struct Instruction {
  StringRef op;
  SmallVector<Operand> ins, outs;
  FlatSymbolRefAttr kernel;
  int64_t stream = 0;
  SmallVector<int64_t> waits;
  SmallVector<int64_t> ints; ///< as in rt::Instr, runtime/plan/Plan.h
  SmallVector<double> reals;
  SmallVector<int64_t> axes; ///< positions in the mesh
  StringRef name;
  Location loc;
};

struct Sheet {
  std::vector<Storage> storages;
  std::vector<Instruction> instructions;
  int64_t arenaBytes = 0, persistentBytes = 0;
};

inline constexpr int64_t kAlignment = 64;
inline int64_t alignUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Bytes of the elements of a static memref; an i1 takes a byte.
int64_t bytesOf(MemRefType type);

/// Lists what `function` (of calls to kernels, library calls and communication) does. Fails with a diagnostic where an
/// op has no instruction.
FailureOr<Sheet> listInstructions(func::FuncOp function);

/// Sets begin and end of every storage. What communication touches stays until compute has waited for it, so that
/// memory reuse does not make compute wait earlier than the data asks.
void computeLiveness(Sheet &sheet);

/// Gives every storage its offset: persistent ones first, the rest packed so that no two that live at once overlap.
void placeStorages(Sheet &sheet);

/// Orders streams: each instruction waits for the last earlier one of the other stream that it must follow, as bytes
/// tell, if that is not implied already.
void insertWaits(Sheet &sheet);

} // namespace mlir::llcc

#endif
