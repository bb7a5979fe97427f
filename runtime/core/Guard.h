// What every function of the C interface does: catch, keep the sentence, return the code. Not public.
#ifndef LLCC_RUNTIME_CORE_GUARD_H
#define LLCC_RUNTIME_CORE_GUARD_H

#include "runtime/core/Error.h"
#include <exception>
#include <new>

namespace llcc::rt {

/// The sentence that llcc_rt_last_error gives, of this thread.
std::string &lastErrorText();

template <class F> int guarded(F body) noexcept {
  try {
    body();
    return 0;
  } catch (const Error &failure) {
    lastErrorText() = failure.text;
    return failure.code;
  } catch (const std::bad_alloc &) {
    lastErrorText() = "no memory left";
    return Unavailable;
  } catch (const std::exception &error) {
    lastErrorText() = std::string("bug in llcc: ") + error.what();
    return Software;
  } catch (...) {
    lastErrorText() = "bug in llcc: unknown exception";
    return Software;
  }
}

inline void need(bool holds, const char *text) {
  if (!holds)
    throw Error{Usage, text};
}

} // namespace llcc::rt

#endif
