// The processes that train together, as llrun sees them: one alone, or a rank among others.
#ifndef LLCC_RUNTIME_LLRUN_TEAM_H
#define LLCC_RUNTIME_LLRUN_TEAM_H

#include "runtime/llcc_rt.h"
#include <cstdint>
#include <string>

namespace llcc::rt {

class Team {
public:
  /// Joins the others, as the environment says (see llcc_rt_world_join). `program` begins every message. Throws
  /// Failure.
  Team(const std::string &program, const std::string &network, uint32_t timeoutSeconds);
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;

  /// This process prints, and reads and writes files that are not data.
  bool isRoot() const { return rank == 0; }
  bool isAlone() const { return !world; }
  uint32_t number() const { return uint32_t(rank); }
  /// "llrun train" or "llrun train [rank 2]".
  const std::string &self() const { return name; }
  /// Lines "name=value" that must be equal on all ranks. Throws Failure 78.
  void agree(const std::string &facts);
  /// Says what went wrong on stderr, once, and to the other ranks; gives the exit code.
  int fail(int code, const std::string &text);
  /// Waits for all others; throws Failure where one has failed.
  void finish();

  llcc_rt_world *world = nullptr;

private:
  std::string name;
  int64_t rank = 0;
};

} // namespace llcc::rt

#endif
