// The C interface of worlds: processes that run one plan together.
#include "runtime/collectives/tcp/Launched.h"
#include "runtime/core/Guard.h"
#include "runtime/core/Worlds.h"
#include <cstring>

using namespace llcc::rt;

int llcc_rt_world_join(const char *network, uint32_t timeout_ms, llcc_rt_world **world) {
  return guarded([&] {
    need(network && world, "llcc_rt_world_join needs the name of a network and a place for the world");
    *world = nullptr;
    std::string name = network;
    if (name != "auto" && name != "tcp" && name != "mpi" && name != "none")
      throw Error{Usage, "there is no network \"" + name + "\", there are auto, tcp, mpi and none"};
    if (std::unique_ptr<World> joined = joinWorld(name, std::chrono::milliseconds(timeout_ms)))
      *world = new llcc_rt_world{std::move(joined)};
  });
}

int llcc_rt_world_info(const llcc_rt_world *world, const char *key, int64_t *value) {
  return guarded([&] {
    need(world && key && value, "llcc_rt_world_info needs a world, a key and a place for the value");
    if (std::strcmp(key, "rank") == 0)
      *value = world->world->rank();
    else if (std::strcmp(key, "size") == 0)
      *value = world->world->size();
    else
      throw Error{Usage, std::string("there is no fact \"") + key + "\" about a world"};
  });
}

int llcc_rt_world_agree(llcc_rt_world *world, const char *facts) {
  return guarded([&] {
    need(world && facts, "llcc_rt_world_agree needs a world and facts");
    world->world->agree(facts);
  });
}

int llcc_rt_world_on_failure(llcc_rt_world *world, void (*call)(int code, const char *text, void *context),
                             void *context) {
  return guarded([&] {
    need(world, "llcc_rt_world_on_failure needs a world");
    world->world->onFailureExit(
        call ? [call, context](const Error &failure) { call(failure.code, failure.text.c_str(), context); }
             : std::function<void(const Error &)>());
  });
}

int llcc_rt_world_leave(llcc_rt_world *world, int code, const char *text) {
  return guarded([&] {
    need(world, "llcc_rt_world_leave needs a world");
    world->world->leave(code, text ? text : "");
  });
}

void llcc_rt_world_free(llcc_rt_world *world) { delete world; }
