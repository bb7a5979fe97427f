// What llrun throws when it cannot go on: one sentence for the user and an exit code of sysexits.
#ifndef LLCC_RUNTIME_DATA_FAILURE_H
#define LLCC_RUNTIME_DATA_FAILURE_H

#include <string>

namespace llcc::rt {

struct Failure {
  int code;         ///< 64 usage, 65 bad data, 66 no such file, 73 cannot create, 74 input/output
  std::string text; ///< lower-case, no final period, names the file, array or flag
};

} // namespace llcc::rt

#endif
