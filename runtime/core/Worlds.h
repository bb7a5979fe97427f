// What a world is behind the C interface.
#ifndef LLCC_RUNTIME_CORE_WORLDS_H
#define LLCC_RUNTIME_CORE_WORLDS_H

#include "runtime/collectives/tcp/World.h"
#include "runtime/llcc_rt.h"

struct llcc_rt_world {
  std::unique_ptr<llcc::rt::World> world;
};

#endif
