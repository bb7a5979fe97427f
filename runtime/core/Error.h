// How the runtime fails inside: a code of sysexits and one sentence, thrown, and caught at the C ABI and at each device
// thread.
#ifndef LLCC_RUNTIME_CORE_ERROR_H
#define LLCC_RUNTIME_CORE_ERROR_H

#include <string>

namespace llcc::rt {

/// Exit codes that llcc_rt.h promises.
enum Code : int {
  Usage = 64,
  Data = 65,
  NoInput = 66,
  Unavailable = 69,
  Software = 70,
  CannotCreate = 73,
  InputOutput = 74,
  Temporary = 75,
  Config = 78
};

struct Error {
  int code;
  std::string text;
};

/// Leaves a device's program because another device failed; says nothing, the other one has.
struct Aborted {};

} // namespace llcc::rt

#endif
