// Collectives between GPUs by NCCL.
#include "runtime/devices/cuda/Nccl.h"
#include <cstring>

namespace llcc::rt {

NcclLibrary::NcclLibrary() {
  if (!library.open("libnccl.so.2", "LLCC_LIBNCCL"))
    throw Error{Unavailable, "several GPUs need NCCL, and libnccl.so.2 is not on this machine (" + library.why() +
                                 "); install it, or compile with --devices=1"};
#define LLCC_NCCL_LOAD(name) this->name = reinterpret_cast<decltype(this->name)>(library.symbol(#name));
  LLCC_NCCL_FUNCTIONS(LLCC_NCCL_LOAD)
#undef LLCC_NCCL_LOAD
  if (!library.missing().empty())
    throw Error{Unavailable,
                library.path() + " is too old, it lacks " + library.missing() + "; install NCCL 2.18 or newer"};
}

const NcclLibrary &NcclLibrary::get() {
  static const NcclLibrary library; // tried again after a failure
  return library;
}

namespace {

ncclDataType_t typeOf(DType type) {
  switch (type) {
  case DType::F32:
    return ncclFloat32;
  case DType::F64:
    return ncclFloat64;
  case DType::BF16:
    return ncclBfloat16;
  case DType::F16:
    return ncclFloat16;
  case DType::I8:
    return ncclInt8;
  case DType::U8:
  case DType::Bool:
    return ncclUint8;
  case DType::I32:
    return ncclInt32;
  case DType::I64:
    return ncclInt64;
  case DType::I16: // moved only, as bytes
    return ncclUint8;
  }
  return ncclUint8;
}

void *at(GpuAddress place) { return reinterpret_cast<void *>(place); }

} // namespace

Nccl::Nccl(const std::string &invitation, uint32_t rank, uint32_t ranks) : library(NcclLibrary::get()), rank(rank) {
  ncclUniqueId id;
  if (invitation.size() != sizeof id)
    throw Error{Software, "an invitation of " + std::to_string(invitation.size()) + " bytes is none of NCCL's"};
  std::memcpy(&id, invitation.data(), sizeof id);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  check(library.ncclCommInitRankConfig(&all, static_cast<int>(ranks), id, static_cast<int>(rank), &config),
        "device " + std::to_string(rank) + " cannot meet its peers");
}

Nccl::~Nccl() {
  std::lock_guard<std::mutex> lock(mutex);
  if (abandoned)
    return;
  for (Group &group : groups)
    if (group.communicator)
      library.ncclCommDestroy(group.communicator);
  if (all)
    library.ncclCommDestroy(all);
}

std::string Nccl::invite() {
  const NcclLibrary &library = NcclLibrary::get();
  ncclUniqueId id;
  ncclResult_t result = library.ncclGetUniqueId(&id);
  if (result != ncclSuccess)
    throw Error{Unavailable, std::string("NCCL does not start: ") + library.ncclGetErrorString(result) + " (" +
                                 library.ncclGetLastError(nullptr) + ")"};
  return std::string(reinterpret_cast<const char *>(&id), sizeof id);
}

void Nccl::check(ncclResult_t result, const std::string &what) const {
  if (result == ncclSuccess || result == ncclInProgress)
    return;
  const char *detail = library.ncclGetLastError(all);
  throw Error{Unavailable, what + ": NCCL says " + library.ncclGetErrorString(result) +
                               (detail && *detail ? std::string(" (") + detail + ")" : "")};
}

uint32_t Nccl::join(const std::vector<uint32_t> &members) {
  Group group;
  group.members = static_cast<uint32_t>(members.size());
  for (uint32_t m = 0; m < members.size(); ++m)
    if (members[m] == rank)
      group.self = m;
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  check(library.ncclCommSplit(all, members.empty() ? NCCL_SPLIT_NOCOLOR : static_cast<int>(members[0]),
                              static_cast<int>(group.self), &group.communicator, &config),
        "device " + std::to_string(rank) + " cannot make a group of devices");
  groups.push_back(group);
  return static_cast<uint32_t>(groups.size() - 1);
}

void Nccl::exchange(CUstream stream, const Exchange &e) {
  std::lock_guard<std::mutex> lock(mutex);
  if (abandoned)
    throw Error{Unavailable, e.what + ": the devices have lost each other"};
  const Group &group = groups[e.group];
  static constexpr ncclRedOp_t kinds[] = {ncclSum, ncclMax, ncclMin, ncclProd};
  bool bytes = e.type == DType::I16; // NCCL has no type of this size for integers
  ncclDataType_t type = typeOf(e.type);
  auto elements = [&](uint64_t count) { return bytes ? count * sizeOf(e.type) : count; };
  auto run = [&](ncclResult_t result) { check(result, e.what); };
  run(library.ncclGroupStart());
  for (size_t p = 0; p < e.parts.size(); ++p) {
    const Exchange::Part &part = e.parts[p];
    uint64_t count = elements(part.count);
    auto peer = static_cast<int>(p);
    switch (e.kind) {
    case Exchange::Kind::AllReduce:
      run(library.ncclAllReduce(at(part.from), at(part.to), count, type, kinds[e.reduction], group.communicator,
                                stream));
      break;
    case Exchange::Kind::AllGather:
      run(library.ncclAllGather(at(part.from), at(part.to), count, type, group.communicator, stream));
      break;
    case Exchange::Kind::ReduceScatter:
      run(library.ncclReduceScatter(at(part.from), at(part.to), count, type, kinds[e.reduction], group.communicator,
                                    stream));
      break;
    case Exchange::Kind::AllToAll:
      if (count > 0)
        run(library.ncclSend(at(part.from), count, type, peer, group.communicator, stream));
      if (part.received > 0)
        run(library.ncclRecv(at(part.to), elements(part.received), type, peer, group.communicator, stream));
      break;
    case Exchange::Kind::Send:
      run(library.ncclSend(at(part.from), count, type, 1, group.communicator, stream));
      break;
    case Exchange::Kind::Recv:
      run(library.ncclRecv(at(part.to), count, type, 0, group.communicator, stream));
      break;
    }
  }
  run(library.ncclGroupEnd());
}

std::string Nccl::asynchronousError() {
  std::lock_guard<std::mutex> lock(mutex);
  if (abandoned)
    return "the devices have lost each other";
  auto look = [&](ncclComm_t communicator) -> std::string {
    ncclResult_t result = ncclSuccess;
    if (!communicator || library.ncclCommGetAsyncError(communicator, &result) != ncclSuccess || result == ncclSuccess ||
        result == ncclInProgress)
      return "";
    const char *detail = library.ncclGetLastError(communicator);
    return std::string("NCCL says ") + library.ncclGetErrorString(result) +
           (detail && *detail ? std::string(" (") + detail + ")" : "");
  };
  if (std::string text = look(all); !text.empty())
    return text;
  for (Group &group : groups)
    if (std::string text = look(group.communicator); !text.empty())
      return text;
  return "";
}

void Nccl::abandon() {
  std::lock_guard<std::mutex> lock(mutex);
  if (abandoned)
    return;
  abandoned = true;
  for (Group &group : groups)
    if (group.communicator)
      library.ncclCommAbort(group.communicator);
  if (all)
    library.ncclCommAbort(all);
}

} // namespace llcc::rt
