// The module's tables of variables, inputs and outputs: what the arguments of the functions said, kept for packing.
#ifndef LLCC_PASSES_LOWER_TABLES_H
#define LLCC_PASSES_LOWER_TABLES_H

#include "compiler/ir/LLCC.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {

/// llcc.variables, llcc.inputs and llcc.outputs (passes/lower/README.md).
class Tables {
public:
  explicit Tables(ModuleOp module) : module(module) {}

  /// Takes what the arguments and results of `function` tell. What a step says wins over @forward, as only it knows
  /// placements; the stage that updates a parameter owns it.
  void add(func::FuncOp function, bool infer, int64_t stage);
  void write();

private:
  struct Entry {
    NamedAttrList fields;
    bool fromStep = false, updated = false;
  };
  ModuleOp module;
  llvm::MapVector<StringAttr, Entry> variables, inputs;
  SmallVector<Attribute> outputs;
};

} // namespace mlir::llcc

#endif
