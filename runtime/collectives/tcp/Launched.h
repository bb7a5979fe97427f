// Finds out from the environment whether this process is one of several, and joins them.
#ifndef LLCC_RUNTIME_COLLECTIVES_TCP_LAUNCHED_H
#define LLCC_RUNTIME_COLLECTIVES_TCP_LAUNCHED_H

#include "runtime/collectives/tcp/World.h"

namespace llcc::rt {

/// `network`: "auto" (RANK and WORLD_SIZE are set: "tcp"; started by mpirun or srun: "mpi"; else no world), "tcp",
/// "mpi" or "none". `patience` 0 ms: as Patience has it; else how long to wait for ranks at the start, for signs of
/// life, and for progress. Returns nothing where this process is alone. Throws Error.
std::unique_ptr<World> joinWorld(const std::string &network, std::chrono::milliseconds patience);

} // namespace llcc::rt

#endif
