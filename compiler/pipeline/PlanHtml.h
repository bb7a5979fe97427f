// `--plan-html=FILE`: the plan as a picture, one self-contained page.
#ifndef LLCC_COMPILER_PIPELINE_PLANHTML_H
#define LLCC_COMPILER_PIPELINE_PLANHTML_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace mlir::llcc {

/// What the page says beside what is in the lowered module.
struct PlanPage {
  std::string model, command;
  int64_t batch = 0;
  std::vector<std::vector<std::string>> nodes; ///< ONNX nodes of each stage, in program order
};

/// Takes the ONNX nodes of each stage's forward pass from the module of the shard stage.
void collectStageNodes(ModuleOp sharded, PlanPage &page);

/// Writes mesh, stages, schedule (bubbles marked), communication with bytes, and each program's memory along its list
/// of instructions. `lowered` is the module after llcc-plan-memory; no script, nothing is loaded from elsewhere, and
/// what comes from the model is escaped.
void writePlanHtml(ModuleOp lowered, const PlanPage &page, llvm::raw_ostream &out);

} // namespace mlir::llcc

#endif
