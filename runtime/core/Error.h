// Errors inside the runtime: an exit code and a sentence, thrown on device threads and turned into codes at the C
// border.
#ifndef LLCC_RUNTIME_CORE_ERROR_H
#define LLCC_RUNTIME_CORE_ERROR_H

#include <string>

namespace llcc::rt {

struct Error {
  int code;         ///< sysexits: 64 usage, 65 bad artifact or data, 69 a device failed, 70 bug, 73/74 files
  std::string text; ///< one sentence
};

/// Thrown where a device stops because another one failed; never shown.
struct Aborted {};

} // namespace llcc::rt

#endif
