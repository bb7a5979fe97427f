// The frontend's door: one function, and how errors add up to an exit code.
#include "frontends/onnx/Import.h"
#include "frontends/onnx/Importer.h"

namespace mlir::llcc {

void ImportErrors::add(Kind kind, const Twine &message) { add(kind, message, "", "", message); }

void ImportErrors::add(Kind kind, const Twine &message, StringRef node, StringRef op, const Twine &what) {
  constexpr Kind gravest[] = {Escape, Missing, Bad, Unsupported};
  messages.push_back(message.str());
  problems.push_back({kind, node.str(), op.str(), what.str()});
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
