// What `llcc check` found, and how it is said: to people and as JSON.
#ifndef LLCC_COMPILER_PIPELINE_CHECKREPORT_H
#define LLCC_COMPILER_PIPELINE_CHECKREPORT_H

#include "compiler/pipeline/Pipeline.h"
#include "frontends/onnx/Import.h"

namespace mlir::llcc {

struct CheckReport {
  std::string model; ///< path
  ImportReport import;
  std::vector<ImportErrors::Problem> refused; ///< nodes without forward support, and whatever else stops the import
  struct NoGradient {
    std::string node, op, why;
  };
  std::vector<NoGradient> noGradient;
  std::vector<std::string> obstacles; ///< sentences on what else stops training
  struct Array {
    std::string name, type;
    std::vector<int64_t> shape;
  };
  std::vector<Array> data; ///< arrays that the data file must hold, the label last
  std::string output, loss, lossReason;
  std::vector<std::string> heads; ///< outputs that are not trained
  bool measured = false;
  ::llcc::StepMemory memory;
  std::string command; ///< suggested; empty where nothing would train
  bool trainable() const { return refused.empty() && noGradient.empty() && obstacles.empty(); }
};

/// What a command line says to the importer.
ImportOptions importOptionsOf(const ::llcc::CompileOptions &options);

void printReport(const CheckReport &report, raw_ostream &out);
/// Schema: compiler/driver/README.md.
void printJson(const CheckReport &report, raw_ostream &out);

} // namespace mlir::llcc

#endif
