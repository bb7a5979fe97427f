// NCCL for machines without a GPU, beside FakeDriver: groups and exchanges are checked and counted, nothing moves.
//
// LLCC_FAKE_NCCL = lost=K: with the K-th exchange a peer is gone; refuse: no communicator is made.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <nccl.h>
#include <string>

struct ncclComm {
  int rank, ranks;
};

namespace {

std::string wish() { return std::getenv("LLCC_FAKE_NCCL") ? std::getenv("LLCC_FAKE_NCCL") : ""; }
std::atomic<long> exchanges{0};
thread_local int depth = 0;

bool lost() {
  std::string text = wish();
  return text.rfind("lost=", 0) == 0 && exchanges >= std::atol(text.c_str() + 5);
}
ncclResult_t exchange(const void *from, const void *to, ncclComm_t communicator) {
  ++exchanges;
  return communicator && from && to && depth > 0 ? ncclSuccess : ncclInvalidArgument;
}

} // namespace

extern "C" {
ncclResult_t ncclGetVersion(int *version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}
ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
  std::memset(id, 1, sizeof *id);
  return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t *made, int ranks, ncclUniqueId, int rank, ncclConfig_t *) {
  if (wish() == "refuse")
    return ncclSystemError;
  *made = new ncclComm{rank, ranks};
  return ncclSuccess;
}
ncclResult_t ncclCommSplit(ncclComm_t, int color, int key, ncclComm_t *made, ncclConfig_t *) {
  *made = color == NCCL_SPLIT_NOCOLOR ? nullptr : new ncclComm{key, 0};
  return ncclSuccess;
}
ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  delete communicator;
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t communicator) { return ncclCommDestroy(communicator); }
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t *error) {
  *error = lost() ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(const void *from, void *to, size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t c,
                           cudaStream_t) {
  return exchange(from, to, c);
}
ncclResult_t ncclAllGather(const void *from, void *to, size_t, ncclDataType_t, ncclComm_t c, cudaStream_t) {
  return exchange(from, to, c);
}
ncclResult_t ncclReduceScatter(const void *from, void *to, size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t c,
                               cudaStream_t) {
  return exchange(from, to, c);
}
ncclResult_t ncclSend(const void *from, size_t, ncclDataType_t, int, ncclComm_t c, cudaStream_t) {
  return exchange(from, from, c);
}
ncclResult_t ncclRecv(void *to, size_t, ncclDataType_t, int, ncclComm_t c, cudaStream_t) { return exchange(to, to, c); }
ncclResult_t ncclGroupStart() {
  ++depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  --depth;
  return ncclSuccess;
}
const char *ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError   ? "remote process exited or there was a network error"
         : result == ncclSystemError ? "unhandled system error"
                                     : "invalid argument";
}
const char *ncclGetLastError(ncclComm_t) { return ""; }
}
