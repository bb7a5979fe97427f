// The processes that train together.
#include "runtime/llrun/Team.h"
#include "runtime/llrun/Opened.h"
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

namespace llcc::rt {

static std::atomic<bool> said{false};

// A rank that computes or writes looks at the world only between two pieces of work. Where that takes long its end
// comes from here: files are written whole or not at all, so nothing is lost.
static void onFailure(int code, const char *text, void *context) {
  std::string message = *static_cast<const std::string *>(context) + ": " + text;
  std::thread([message, code] {
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    if (!said.exchange(true))
      fprintf(stderr, "%s\n", message.c_str());
    _exit(code);
  }).detach();
}

Team::Team(const std::string &program, const std::string &network, uint32_t timeoutSeconds) : name(program) {
  check(llcc_rt_world_join(network.c_str(), timeoutSeconds * 1000, &world));
  if (!world)
    return;
  check(llcc_rt_world_info(world, "rank", &rank));
  name += " [rank " + std::to_string(rank) + "]";
  check(llcc_rt_world_on_failure(world, onFailure, &name));
}

Team::~Team() { llcc_rt_world_free(world); }

void Team::agree(const std::string &facts) {
  if (world)
    check(llcc_rt_world_agree(world, facts.c_str()));
}

int Team::fail(int code, const std::string &text) {
  if (!said.exchange(true))
    fprintf(stderr, "%s: %s\n", name.c_str(), text.c_str());
  if (world)
    llcc_rt_world_leave(world, code, text.c_str());
  return code;
}

void Team::finish() {
  if (world)
    check(llcc_rt_world_leave(world, 0, ""));
}

} // namespace llcc::rt
