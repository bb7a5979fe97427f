// Imports damaged copies of models: every truncation, flipped bits, changed fields. See CheckImport.h for what must
// hold.
#include "CheckImport.h"
#include "MutateWire.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

static std::string damagedPath;
static int64_t imported = 0, refused = 0, wrong = 0;

static void check(llvm::StringRef bytes, const llvm::Twine &what) {
  ImportCheck result = checkImport(damagedPath, bytes);
  ++(result.imported ? imported : refused);
  wrong += int64_t(result.wrong.size());
  for (const std::string &why : result.wrong)
    llvm::errs() << what << ": " << why << '\n';
}

/// usage: test-import-robust SCRATCH-FOLDER STRIDE COUNT MODEL…   flips every STRIDE-th bit (0: none, and no
/// truncations), makes COUNT copies with changed fields
int main(int argc, char **argv) {
  if (argc < 5)
    return 64;
  damagedPath = std::string(argv[1]) + "/damaged.onnx";
  int64_t stride = std::stoll(argv[2]), count = std::stoll(argv[3]);
  for (int i = 4; i < argc; ++i) {
    auto buffer = llvm::MemoryBuffer::getFile(argv[i]);
    if (!buffer)
      return 66;
    std::string bytes = (*buffer)->getBuffer().str();
    check(bytes, llvm::Twine(argv[i]) + " whole");
    if (refused) {
      llvm::errs() << argv[i] << ": is refused before it is damaged\n";
      return 1;
    }
    for (size_t n = 0; stride && n < bytes.size(); n += (stride + 7) / 8)
      check(llvm::StringRef(bytes).take_front(n), llvm::Twine(argv[i]) + " cut to " + llvm::Twine(n) + " bytes");
    for (size_t bit = 0; stride && bit < bytes.size() * 8; bit += stride) {
      bytes[bit / 8] ^= char(1 << bit % 8);
      check(bytes, llvm::Twine(argv[i]) + " with bit " + llvm::Twine(bit) + " flipped");
      bytes[bit / 8] ^= char(1 << bit % 8);
    }
    for (int64_t n = 0; n < count; ++n)
      check(mutateWire(bytes, n), llvm::Twine(argv[i]) + " mutation " + llvm::Twine(n));
    llvm::outs() << llvm::sys::path::filename(argv[i]) << ": " << imported << " imported, " << refused << " refused, "
                 << wrong << " wrong\n";
    imported = refused = 0;
  }
  return wrong != 0;
}
