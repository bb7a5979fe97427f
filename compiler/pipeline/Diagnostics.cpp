// MLIR diagnostics for people: the ONNX node first, never an MLIR location.
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/ir/Provenance.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::llcc;

UserDiagnostics::UserDiagnostics(MLIRContext *context, StringRef path)
    : ScopedDiagnosticHandler(context), model(llvm::sys::path::filename(path)) {
  setHandler([this](Diagnostic &diagnostic) {
    auto print = [&](Diagnostic &part, StringRef indent) {
      std::string text = part.str();
      llvm::errs() << indent;
      // The importer's messages begin with file and node already.
      if (StringRef(text).starts_with(model)) {
        llvm::errs() << text << "\n";
        return;
      }
      llvm::errs() << model << ": ";
      if (StringRef node = nodeOf(part.getLocation()); !node.empty() && node != model)
        llvm::errs() << "node \"" << node << "\": ";
      llvm::errs() << text << "\n";
    };
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      ++count;
    if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
      llvm::errs() << "warning: ";
    print(diagnostic, diagnostic.getSeverity() == DiagnosticSeverity::Note ? "  note: " : "");
    for (Diagnostic &note : diagnostic.getNotes())
      print(note, "  note: ");
    return success();
  });
}
