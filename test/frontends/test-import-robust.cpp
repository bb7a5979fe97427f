// Imports damaged copies of models: every truncation, and flipped bits. Whatever the bytes, the importer must return:
// either a module whose weights lie inside their sections, or at least one message and an exit code that a message of
// this kind has.
#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::llcc;

static std::string damagedPath;
static int64_t imported = 0, refused = 0, wrong = 0;

static void check(llvm::StringRef bytes, const llvm::Twine &what) {
  {
    std::error_code code;
    llvm::raw_fd_ostream file(damagedPath, code);
    file << bytes;
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &) {}); // what the verifier finds is counted, not printed
  ImportOptions options;
  options.defaultBatch = 2;
  ImportErrors errors;
  auto model = importOnnx(damagedPath, options, &context, errors);
  auto complain = [&](const llvm::Twine &why) {
    llvm::errs() << what << ": " << why << '\n';
    ++wrong;
  };
  if (failed(model)) {
    ++refused;
    if (errors.empty())
      complain("refused without a message");
    if (errors.exitCode != 65 && errors.exitCode != 66 && errors.exitCode != 69 && errors.exitCode != 77)
      complain("exit code " + llvm::Twine(errors.exitCode));
    for (const std::string &message : errors.messages)
      if (message.size() > 4000 || llvm::StringRef(message).contains("please report"))
        complain("message: " + message);
    return;
  }
  ++imported;
  if (!errors.empty())
    complain("imported, but with a message: " + errors.messages.front());
  for (const WeightBytes &w : model->weights) {
    bool inside = false;
    for (const ImportedSection &s : model->sections)
      inside |= s.name == w.section && w.offset <= s.bytes.size() && w.bytes <= s.bytes.size() - w.offset;
    if (!inside)
      complain("parameter " + w.param + " lies outside of section " + w.section);
  }
}

/// usage: test-import-robust SCRATCH-FOLDER STRIDE MODEL…   flips every STRIDE-th bit
int main(int argc, char **argv) {
  if (argc < 4)
    return 64;
  damagedPath = std::string(argv[1]) + "/damaged.onnx";
  int64_t stride = std::stoll(argv[2]);
  for (int i = 3; i < argc; ++i) {
    auto buffer = llvm::MemoryBuffer::getFile(argv[i]);
    if (!buffer)
      return 66;
    std::string bytes = (*buffer)->getBuffer().str();
    check(bytes, llvm::Twine(argv[i]) + " whole");
    if (refused) {
      llvm::errs() << argv[i] << ": is refused before it is damaged\n";
      return 1;
    }
    for (size_t n = 0; n < bytes.size(); n += (stride + 7) / 8)
      check(llvm::StringRef(bytes).take_front(n), llvm::Twine(argv[i]) + " cut to " + llvm::Twine(n) + " bytes");
    for (size_t bit = 0; bit < bytes.size() * 8; bit += stride) {
      bytes[bit / 8] ^= char(1 << bit % 8);
      check(bytes, llvm::Twine(argv[i]) + " with bit " + llvm::Twine(bit) + " flipped");
      bytes[bit / 8] ^= char(1 << bit % 8);
    }
    llvm::outs() << llvm::sys::path::filename(argv[i]) << ": " << imported << " imported, " << refused << " refused, "
                 << wrong << " wrong\n";
    imported = refused = 0;
  }
  return wrong != 0;
}
