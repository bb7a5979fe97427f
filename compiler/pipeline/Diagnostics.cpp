// MLIR diagnostics for people: the ONNX node first, never an MLIR location.
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/ir/Provenance.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::llcc;

UserDiagnostics::UserDiagnostics(MLIRContext *context, StringRef path, raw_ostream *to)
    : ScopedDiagnosticHandler(context), model(llvm::sys::path::filename(path)) {
  setHandler([this, to](Diagnostic &diagnostic) {
    raw_ostream &out = to ? *to : llvm::errs();
    auto print = [&](Diagnostic &part, StringRef indent) {
      std::string text = part.str();
      out << indent;
      // The importer's messages begin with file and node already.
      if (StringRef(text).starts_with(model)) {
        out << text << "\n";
        return;
      }
      out << model << ": ";
      if (StringRef node = nodeOf(part.getLocation()); !node.empty() && node != model)
        out << "node \"" << node << "\": ";
      out << text << "\n";
    };
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      ++count;
    if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
      out << "warning: ";
    print(diagnostic, diagnostic.getSeverity() == DiagnosticSeverity::Note ? "  note: " : "");
    for (Diagnostic &note : diagnostic.getNotes())
      print(note, "  note: ");
    return success();
  });
}
