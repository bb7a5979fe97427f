// Finds out from the environment whether this process is one of several, and joins them.
#include "runtime/collectives/tcp/Launched.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <random>
#include <unistd.h>

namespace llcc::rt {
namespace {

const char *given(const char *name) {
  const char *text = std::getenv(name);
  return text && *text ? text : nullptr;
}

int64_t number(const char *name, int64_t least, int64_t most) {
  const char *text = given(name);
  if (!text)
    throw Error{Usage, std::string(name) + " is not set; a rank needs RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT"};
  char *end = nullptr;
  long long value = std::strtoll(text, &end, 10);
  if (*end || value < least || value > most)
    throw Error{Usage, std::string(name) + " is \"" + text + "\", needs a whole number from " + std::to_string(least) +
                           " to " + std::to_string(most)};
  return value;
}

constexpr int64_t kMostRanks = 4096; // each has a connection to each

std::unique_ptr<World> overTcp(Launch &launch, Patience patience, std::unique_ptr<Wire> wire) {
  if (const char *token = given("LLCC_JOB_TOKEN")) {
    launch.token = token;
    if (launch.token.size() > 64)
      throw Error{Usage, "LLCC_JOB_TOKEN has " + std::to_string(launch.token.size()) + " bytes, at most 64 are sent"};
  }
  uint32_t rank = launch.rank;
  return std::make_unique<World>(gather(launch), rank, patience, std::move(wire));
}

/// The plug-in lies beside this library: a program that starts no MPI process needs no MPI.
std::unique_ptr<Wire> loadMpi() {
  std::string path = "libllcc_mpi.so";
  Dl_info self{};
  if (::dladdr(reinterpret_cast<void *>(&joinWorld), &self) && self.dli_fname && std::strchr(self.dli_fname, '/'))
    path = std::string(self.dli_fname, std::strrchr(self.dli_fname, '/') + 1) + path;
  // MPI's own plug-ins look for its symbols among the global ones.
  void *library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library)
    throw Error{Unavailable,
                std::string("the plug-in for MPI cannot be loaded: ") + ::dlerror() +
                    "; build llcc with libopenmpi-dev, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT "
                    "and use --network=tcp"};
  auto *version = static_cast<const uint32_t *>(::dlsym(library, kWireVersionName));
  auto make = reinterpret_cast<MakeWire>(::dlsym(library, kMakeWire));
  if (!version || *version != kWireVersion || !make)
    throw Error{Unavailable, path + ": is a plug-in of another build of llcc"};
  const char *reason = "";
  Wire *wire = make(&reason);
  if (!wire)
    throw Error{Unavailable, std::string("MPI does not start: ") + reason};
  return std::unique_ptr<Wire>(wire);
}

std::unique_ptr<World> overMpi(Patience patience, std::chrono::milliseconds start) {
  std::unique_ptr<Wire> wire = loadMpi();
  if (wire->size() == 1) {
    wire->finish();
    return nullptr;
  }
  struct Card {
    char host[64];
    Address address;
    char token[33];
    int32_t code;
    char why[188];
  } mine{}, root{};
  ::gethostname(mine.host, sizeof mine.host - 1);
  std::vector<Card> all(wire->size());
  wire->allGather(&mine, sizeof mine, all.data());
  bool oneHost =
      std::all_of(all.begin(), all.end(), [&](const Card &card) { return std::strcmp(card.host, all[0].host) == 0; });
  Launch launch;
  launch.rank = wire->rank();
  launch.size = wire->size();
  launch.patience = start;
  if (launch.rank == 0) {
    try {
      const char *named = given("MASTER_ADDR");
      launch.listener = listenAt(resolve(named ? named : oneHost ? "127.0.0.1" : mine.host, 0));
      mine.address = addressOf(launch.listener);
      // Nobody else of this machine or network can guess it.
      std::random_device random;
      std::snprintf(mine.token, sizeof mine.token, "%08x%08x%08x%08x", random(), random(), random(), random());
    } catch (const Error &error) { // the others wait in allGather
      mine.code = error.code;
      std::strncpy(mine.why, error.text.c_str(), sizeof mine.why - 1);
    }
  }
  wire->allGather(&mine, sizeof mine, all.data());
  root = all[0];
  if (root.code != 0)
    throw Error{root.code, root.why};
  launch.root = root.address;
  launch.token = root.token;
  return overTcp(launch, patience, std::move(wire));
}

} // namespace

std::unique_ptr<World> joinWorld(const std::string &network, std::chrono::milliseconds limit) {
  Patience patience;
  std::chrono::milliseconds start(60000);
  if (limit.count() > 0)
    patience.silence = patience.standing = start = limit;
  // Where the launcher is MPI's it says so; a lone process that happens to link MPI is not meant.
  auto launchedBy = [](const char *size) { return given(size) && std::atoll(given(size)) > 1; };
  bool mpi = launchedBy("OMPI_COMM_WORLD_SIZE") || launchedBy("PMI_SIZE") || launchedBy("PMIX_SIZE");
  bool tcp = given("RANK") && given("WORLD_SIZE");
  if (network == "none" || (network == "auto" && !mpi && !tcp))
    return nullptr;
  if (network == "mpi" || (network == "auto" && !tcp))
    return overMpi(patience, start);
  Launch launch;
  launch.size = static_cast<uint32_t>(number("WORLD_SIZE", 1, kMostRanks));
  launch.rank = static_cast<uint32_t>(number("RANK", 0, launch.size - 1));
  if (launch.size == 1)
    return nullptr;
  launch.patience = start;
  const char *root = given("MASTER_ADDR");
  if (!root)
    throw Error{Usage, "RANK and WORLD_SIZE are set and MASTER_ADDR is not; it names the host of rank 0"};
  launch.root = resolve(root, static_cast<uint16_t>(number("MASTER_PORT", 1, 65535)));
  return overTcp(launch, patience, nullptr);
}

} // namespace llcc::rt
