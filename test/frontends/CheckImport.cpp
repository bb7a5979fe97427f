// What must hold of an import whatever the bytes are: a module with weights, or messages with an exit code.
#include "CheckImport.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::llcc;

/// The same file with what else an import can be asked for, one of it by `choice`: it must only not crash.
static void importOtherwise(const std::string &path, size_t choice, mlir::MLIRContext &context) {
  ImportOptions options;
  options.defaultBatch = 2;
  ImportReport report;
  switch (choice % 4) {
  case 0: // llcc check: goes on behind what is refused
    options.report = &report;
    break;
  case 1: // training forms
    options.batchNorm = ImportOptions::BatchNorm::Train;
    options.dropout.push_back({ImportOptions::Dropout::Ratio, 0.1, ""});
    options.freeze = {"*.bias"};
    break;
  case 2:
    options.asWritten = true;
    options.train = {"*"};
    break;
  default:
    options.lora = {"r=2,alpha=4,*"};
    options.untie = {"*"};
  }
  ImportErrors errors;
  (void)importOnnx(path, options, &context, errors);
}

ImportCheck checkImport(const std::string &path, llvm::StringRef bytes) {
  {
    std::error_code code;
    llvm::raw_fd_ostream file(path, code);
    file << bytes;
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &) {}); // what the verifier finds is counted, not printed
  ImportOptions options;
  options.defaultBatch = 2;
  importOtherwise(path, bytes.size(), context);
  ImportErrors errors;
  auto model = importOnnx(path, options, &context, errors);
  ImportCheck check;
  auto complain = [&](const llvm::Twine &why) { check.wrong.push_back(why.str()); };
  if (failed(model)) {
    if (errors.empty())
      complain("refused without a message");
    if (errors.exitCode != 65 && errors.exitCode != 66 && errors.exitCode != 69 && errors.exitCode != 77)
      complain("exit code " + llvm::Twine(errors.exitCode));
    for (const std::string &message : errors.messages)
      if (llvm::StringRef(message).contains("please report"))
        complain("message: " + message);
    return check;
  }
  check.imported = true;
  if (!errors.empty())
    complain("imported, but with a message: " + errors.messages.front());
  for (const WeightBytes &w : model->weights) {
    bool inside = false;
    for (const ImportedSection &s : model->sections)
      inside |= s.name == w.section && w.offset <= s.bytes.size() && w.bytes <= s.bytes.size() - w.offset;
    if (!inside)
      complain("parameter " + w.param + " lies outside of section " + w.section);
  }
  return check;
}
