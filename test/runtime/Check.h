// The few macros that the runtime's unit programs need: a failed check prints where and what, the program goes on and
// exits 1.
#ifndef LLCC_TEST_RUNTIME_CHECK_H
#define LLCC_TEST_RUNTIME_CHECK_H

#include <cmath>
#include <cstdio>
#include <string>

inline int failures = 0;

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      ++failures;                                                                                                      \
      std::printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                      \
      std::printf(__VA_ARGS__);                                                                                        \
      std::printf("\n");                                                                                               \
    }                                                                                                                  \
  } while (0)

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

inline int finished(const char *name) {
  std::printf(failures ? "%s: %d checks failed\n" : "%s: all checks passed\n", name, failures);
  return failures ? 1 : 0;
}

#endif
