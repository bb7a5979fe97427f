// How ranks find each other: rank 0 listens, all others come, then each pair has a connection.
#ifndef LLCC_RUNTIME_COLLECTIVES_TCP_RENDEZVOUS_H
#define LLCC_RUNTIME_COLLECTIVES_TCP_RENDEZVOUS_H

#include "runtime/collectives/tcp/Socket.h"
#include <vector>

namespace llcc::rt {

/// What a process was told when it was started.
struct Launch {
  uint32_t rank = 0, size = 1;
  Address root;      ///< where rank 0 listens
  Socket listener;   ///< of rank 0, where it listens already; else made at `root`
  std::string token; ///< at most 64 bytes that all ranks of a job share; keeps strangers out
  std::chrono::milliseconds patience{60000};
};

/// A process of the job, as it presents itself.
struct Member {
  std::string host;
  uint32_t pid = 0;
  Socket socket; ///< to it; empty for this process itself
};

/// "rank 2 (host n7, pid 123)".
std::string nameOf(uint32_t rank, const Member &member);

/// Connects all ranks with each other; a member a rank. Strangers (wrong magic, wrong token) are sent away with one
/// warning on stderr. Throws Error 69 that names who has not come, and Error 64 where ranks contradict each other; what
/// rank 0 finds wrong it tells all that have come.
std::vector<Member> gather(Launch &launch);

} // namespace llcc::rt

#endif
