// Messages over MPI: the plug-in libllcc_mpi.so, the only code that links MPI.
//
// Only point-to-point messages: what MPI's own collectives add in an order of their own would not be the bits of one
// process. MPI moves a large message only while both sides call it, so a thread pushes sends on that are not done. All
// calls are serialized by one lock, so that a library without MPI_THREAD_MULTIPLE is enough.
#include "runtime/collectives/Wire.h"
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mpi.h>
#include <mutex>
#include <thread>

namespace llcc::rt {
namespace {

class MpiWire : public Wire {
public:
  MpiWire() {
    MPI_Comm_dup(MPI_COMM_WORLD, &comm); // ours alone: no tag can meet another's
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    int value = 0;
    MPI_Comm_rank(comm, &value);
    self = static_cast<uint32_t>(value);
    MPI_Comm_size(comm, &value);
    count = static_cast<uint32_t>(value);
    pusher = std::thread([this] { push(); });
  }
  ~MpiWire() override {
    {
      std::lock_guard<std::mutex> lock(mutex);
      over = true;
    }
    change.notify_all();
    pusher.join();
  }
  uint32_t rank() const override { return self; }
  uint32_t size() const override { return count; }

  void allGather(const void *mine, uint64_t bytes, void *all) override {
    std::lock_guard<std::mutex> lock(mutex);
    MPI_Allgather(mine, static_cast<int>(bytes), MPI_BYTE, all, static_cast<int>(bytes), MPI_BYTE, comm);
  }

  // Parts of at most 1 GiB, as MPI counts with int; the first says how many bytes follow.
  void send(uint32_t to, uint32_t lane, const void *data, uint64_t bytes) override {
    std::lock_guard<std::mutex> lock(mutex);
    uint64_t done = 0;
    for (bool first = true; first || done < bytes; first = false) {
      uint64_t part = std::min<uint64_t>(bytes - done, kPart), head = first ? sizeof bytes : 0;
      if (first)
        part = std::min<uint64_t>(bytes, kFirst);
      pending.emplace_back();
      Sending &message = pending.back();
      message.bytes.resize(head + part);
      std::memcpy(message.bytes.data(), &bytes, head);
      std::memcpy(message.bytes.data() + head, static_cast<const char *>(data) + done, part);
      MPI_Isend(message.bytes.data(), static_cast<int>(message.bytes.size()), MPI_BYTE, static_cast<int>(to),
                static_cast<int>(lane), comm, &message.request);
      done += part;
    }
    change.notify_all();
  }

  bool take(uint32_t from, uint32_t lane, std::vector<char> &message) override {
    std::lock_guard<std::mutex> lock(mutex);
    MPI_Status status;
    MPI_Message handle;
    int there = 0;
    if (got == 0) {
      MPI_Improbe(static_cast<int>(from), static_cast<int>(lane), comm, &there, &handle, &status);
      if (!there)
        return false;
      int bytes = 0;
      MPI_Get_count(&status, MPI_BYTE, &bytes);
      part.resize(static_cast<size_t>(bytes));
      MPI_Mrecv(part.data(), bytes, MPI_BYTE, &handle, &status);
      uint64_t all = 0;
      std::memcpy(&all, part.data(), sizeof all);
      message.resize(all);
      std::memcpy(message.data(), part.data() + sizeof all, part.size() - sizeof all);
      if (part.size() - sizeof all == all)
        return true;
      got = part.size() - sizeof all;
    }
    while (got < message.size()) {
      MPI_Improbe(static_cast<int>(from), static_cast<int>(lane), comm, &there, &handle, &status);
      if (!there)
        return false; // asked again with the same message
      int bytes = 0;
      MPI_Get_count(&status, MPI_BYTE, &bytes);
      MPI_Mrecv(message.data() + got, bytes, MPI_BYTE, &handle, &status);
      got += static_cast<uint64_t>(bytes);
    }
    got = 0;
    return true;
  }

  void finish() override {
    while (true) {
      std::lock_guard<std::mutex> lock(mutex);
      if (advance())
        continue;
      MPI_Comm_free(&comm);
      MPI_Finalize();
      return;
    }
  }

private:
  static constexpr uint64_t kPart = uint64_t(1) << 30, kFirst = uint64_t(1) << 22;
  struct Sending {
    std::vector<char> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  /// Drops what has been sent; true while something is left.
  bool advance() {
    for (auto it = pending.begin(); it != pending.end();) {
      int done = 0;
      MPI_Test(&it->request, &done, MPI_STATUS_IGNORE);
      it = done ? pending.erase(it) : std::next(it);
    }
    return !pending.empty();
  }
  void push() {
    std::unique_lock<std::mutex> lock(mutex);
    while (!over) {
      if (!pending.empty() && advance()) {
        lock.unlock();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        lock.lock();
      } else {
        change.wait(lock, [&] { return over || !pending.empty(); });
      }
    }
  }

  MPI_Comm comm = MPI_COMM_NULL;
  uint32_t self = 0, count = 1;
  std::mutex mutex;
  std::condition_variable change;
  std::deque<Sending> pending;
  std::vector<char> part;
  uint64_t got = 0; ///< of the message under way, where it comes in parts
  bool over = false;
  std::thread pusher;
};

} // namespace
} // namespace llcc::rt

extern "C" {
__attribute__((visibility("default"))) extern const uint32_t llcc_wire_version;
const uint32_t llcc_wire_version = llcc::rt::kWireVersion;

__attribute__((visibility("default"))) llcc::rt::Wire *llcc_make_wire(const char **reason) {
  int level = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS) {
    *reason = "MPI_Init_thread failed";
    return nullptr;
  }
  if (level < MPI_THREAD_SERIALIZED) {
    *reason = "this MPI allows only one thread to call it (MPI_THREAD_SERIALIZED is needed)";
    return nullptr;
  }
  return new llcc::rt::MpiWire;
}
}
