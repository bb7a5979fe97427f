// libFuzzer over the importer: any bytes are a module or a message, and neither ASan nor UBSan has anything to say.
#include "test/frontends/CheckImport.h"
#include "test/frontends/MutateWire.h"
#include "llvm/Support/FileSystem.h"
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// A model file of its own for each process, in a folder of its own: external data is looked for beside it.
static const std::string &scratch() {
  static const std::string path = [] {
    char folder[] = "/dev/shm/llcc-fuzz-XXXXXX";
    if (!mkdtemp(folder))
      abort();
    return std::string(folder) + "/fuzz.onnx";
  }();
  static const bool removed =
      (atexit([] { llvm::sys::fs::remove_directories(llvm::StringRef(scratch()).rsplit('/').first); }), true);
  (void)removed;
  return path;
}

/// Three of four changes keep the bytes protobuf; the others are libFuzzer's own.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  if (seed % 4 == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string changed = mutateWire(llvm::StringRef(reinterpret_cast<char *>(data), size), seed);
  if (changed.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  memcpy(data, changed.data(), changed.size());
  return changed.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ImportCheck check = checkImport(scratch(), llvm::StringRef(reinterpret_cast<const char *>(data), size));
  for (const std::string &why : check.wrong)
    fprintf(stderr, "fuzz-import: %s\n", why.c_str());
  if (!check.wrong.empty())
    abort();
  return 0;
}
