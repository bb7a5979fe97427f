// The frontend's door: one function, and how errors add up to an exit code.
#include "frontends/onnx/Import.h"
#include "frontends/onnx/Importer.h"

namespace mlir::llcc {

void ImportErrors::add(Kind kind, const Twine &message) {
  constexpr Kind gravest[] = {Escape, Missing, Bad, Unsupported};
  messages.push_back(message.str());
  for (Kind k : gravest)
    if (k == kind || exitCode == k) {
      exitCode = k;
      return;
    }
}

FailureOr<ImportedModel> importOnnx(StringRef path, const ImportOptions &options, MLIRContext *context,
                                    ImportErrors &errors) {
  return frontend::Importer(path, options, context, errors).run();
}

} // namespace mlir::llcc
