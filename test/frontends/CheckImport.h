// What must hold of an import whatever the bytes are, for the unit test and the fuzzer.
#ifndef LLCC_TEST_FRONTENDS_CHECKIMPORT_H
#define LLCC_TEST_FRONTENDS_CHECKIMPORT_H

#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

struct ImportCheck {
  bool imported = false;
  std::vector<std::string> wrong; ///< sentences; empty where all is as it must be
};

/// Writes `bytes` to `path` and imports that: either a module whose weights lie inside their sections, or at least one
/// message and an exit code that a message of this kind has.
ImportCheck checkImport(const std::string &path, llvm::StringRef bytes);

#endif
