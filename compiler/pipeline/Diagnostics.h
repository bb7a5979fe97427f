// Prints MLIR diagnostics as a user of ONNX reads them: file, node, sentence.
#ifndef LLCC_COMPILER_PIPELINE_DIAGNOSTICS_H
#define LLCC_COMPILER_PIPELINE_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include <string>

namespace mlir::llcc {

/// While alive, diagnostics of the context go to stderr as `model.onnx: node "fc1": error: …`; notes follow indented.
class UserDiagnostics : public ScopedDiagnosticHandler {
public:
  /// `to`: where they go instead of stderr.
  UserDiagnostics(MLIRContext *context, StringRef model, raw_ostream *to = nullptr);
  /// Number of errors so far.
  unsigned errors() const { return count; }

private:
  std::string model;
  unsigned count = 0;
};

} // namespace mlir::llcc

#endif
