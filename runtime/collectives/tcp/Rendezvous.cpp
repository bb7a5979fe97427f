// How ranks find each other: rank 0 listens, all others come, then each pair has a connection.
//
// Rank r > 0 connects to rank 0 and sends a Hello with the port at which it listens itself (at the address by which it
// reaches rank 0). When all have come rank 0 sends each the table of all. Then r connects to the ranks 1 … r - 1 and
// waits for those behind it. Everything here has a fixed size: nothing that a stranger sends makes memory grow.
#include "runtime/collectives/tcp/Rendezvous.h"
#include "runtime/core/Error.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <unistd.h>

namespace llcc::rt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kMagic[8] = {'L', 'L', 'C', 'C', 'J', 'O', 'I', '1'};

struct Hello {
  char magic[8];
  uint32_t rank, size, pid, port;
  char host[64], token[64];
};
/// A line of rank 0's table; `code` not 0: the job is refused, and `bytes` of reason follow.
struct Entry {
  uint32_t code = 0, bytes = 0, pid = 0, addressSize = 0;
  sockaddr_storage address{};
  char host[64] = {};
};

std::string text(const char (&field)[64]) { return std::string(field, ::strnlen(field, sizeof field)); }

Hello helloOf(const Launch &launch, uint16_t port) {
  Hello hello{};
  std::memcpy(hello.magic, kMagic, sizeof kMagic);
  hello.rank = launch.rank;
  hello.size = launch.size;
  hello.pid = static_cast<uint32_t>(::getpid());
  hello.port = port;
  ::gethostname(hello.host, sizeof hello.host - 1);
  std::memcpy(hello.token, launch.token.data(), std::min(launch.token.size(), sizeof hello.token));
  return hello;
}

bool sameToken(const Hello &hello, const Launch &launch) {
  char want[64] = {};
  std::memcpy(want, launch.token.data(), std::min(launch.token.size(), sizeof want));
  unsigned char differs = 0; // in constant time: a stranger learns nothing from how long it takes
  for (size_t i = 0; i < sizeof want; ++i)
    differs |= static_cast<unsigned char>(want[i] ^ hello.token[i]);
  return differs == 0;
}

/// Takes connections and reads their Hellos side by side, so that a slow or silent stranger holds nobody up.
class Door {
public:
  Door(const Launch &launch, const Socket &listener) : launch(launch), listener(listener) {}

  /// The next true Hello; false when the time is over.
  bool next(Hello &hello, Socket &socket, Deadline end) {
    while (Clock::now() < end) {
      std::vector<pollfd> waiting = {{listener.number(), POLLIN, 0}};
      for (const Guest &guest : guests)
        waiting.push_back({guest.socket.number(), POLLIN, 0});
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
      ::poll(waiting.data(), waiting.size(), static_cast<int>(std::clamp<int64_t>(left, 1, 500)));
      for (size_t i = guests.size(); i-- > 0;) {
        Guest &guest = guests[i];
        bool over = Clock::now() > guest.end;
        if (waiting[i + 1].revents) {
          ssize_t n = ::recv(guest.socket.number(), reinterpret_cast<char *>(&guest.hello) + guest.have,
                             sizeof(Hello) - guest.have, MSG_DONTWAIT);
          over |= n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
          guest.have += n > 0 ? static_cast<size_t>(n) : 0;
        }
        size_t known = std::min(guest.have, sizeof kMagic);
        bool stranger = std::memcmp(guest.hello.magic, kMagic, known) != 0;
        bool complete = guest.have == sizeof(Hello);
        if (stranger || over || (complete && !sameToken(guest.hello, launch))) {
          warn(otherEnd(guest.socket), complete && !stranger);
          guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(i));
        } else if (complete) {
          hello = guest.hello;
          socket = std::move(guest.socket);
          guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(i));
          return true;
        }
      }
      // As many strangers as this may wait at once; the others stay in the kernel's queue.
      while (guests.size() < 256) {
        Socket socket(::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket)
          break;
        socket.prepare();
        guests.push_back({std::move(socket), {}, 0, Clock::now() + std::chrono::seconds(5)});
      }
    }
    return false;
  }

private:
  struct Guest {
    Socket socket;
    Hello hello;
    size_t have;
    Deadline end;
  };
  void warn(const Address &from, bool token) {
    if (!warned)
      std::fprintf(stderr, "warning: %s came to rank %u and is no rank of this job%s; it was sent away\n",
                   from.text().c_str(), launch.rank, token ? ": its LLCC_JOB_TOKEN is another" : "");
    warned = true;
  }
  const Launch &launch;
  const Socket &listener;
  std::vector<Guest> guests;
  bool warned = false;
};

std::string listOf(const std::vector<uint32_t> &ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i)
    text += (i ? ", " : "") + std::to_string(ranks[i]);
  return text + (ranks.size() == 1 ? " has" : " have");
}

/// Tells all that have come why nothing becomes of the job.
[[noreturn]] void refuse(const std::vector<Member> &members, const Socket *also, const Error &error) {
  Entry entry;
  entry.code = static_cast<uint32_t>(error.code);
  entry.bytes = static_cast<uint32_t>(error.text.size());
  auto tell = [&](const Socket &socket) {
    Deadline soon = Clock::now() + std::chrono::seconds(1);
    if (socket && socket.write(&entry, sizeof entry, soon))
      socket.write(error.text.data(), error.text.size(), soon);
  };
  for (const Member &member : members)
    tell(member.socket);
  if (also)
    tell(*also);
  throw error;
}

std::vector<Member> receiveAll(Launch &launch, Deadline end) {
  Socket listener = launch.listener ? std::move(launch.listener) : listenAt(launch.root);
  std::vector<Member> members(launch.size);
  std::vector<Entry> table(launch.size);
  Hello self = helloOf(launch, 0);
  members[0].host = text(self.host);
  members[0].pid = table[0].pid = self.pid;
  std::memcpy(table[0].host, self.host, sizeof self.host);
  Door door(launch, listener);
  for (uint32_t left = launch.size - 1; left > 0; --left) {
    Hello hello;
    Socket socket;
    if (!door.next(hello, socket, end)) {
      std::vector<uint32_t> missing;
      for (uint32_t r = 1; r < launch.size; ++r)
        if (!members[r].socket)
          missing.push_back(r);
      refuse(members, nullptr,
             {Unavailable, listOf(missing) + " not come to " + addressOf(listener).text() + " within " +
                               std::to_string(launch.patience.count() / 1000) +
                               " s; start every rank with the same MASTER_ADDR, MASTER_PORT and WORLD_SIZE"});
    }
    Member member;
    member.host = text(hello.host);
    member.pid = hello.pid;
    if (hello.size != launch.size)
      refuse(members, &socket,
             {Usage, nameOf(hello.rank, member) + " was started with a world of " + std::to_string(hello.size) +
                         " ranks, " + nameOf(0, members[0]) + " with " + std::to_string(launch.size)});
    if (hello.rank == 0 || hello.rank >= launch.size || members[hello.rank].socket) {
      const Member &other = members[hello.rank >= launch.size ? 0 : hello.rank];
      refuse(members, &socket,
             {Usage, hello.rank >= launch.size
                         ? nameOf(hello.rank, member) + " has a rank that a world of " + std::to_string(launch.size) +
                               " does not have"
                         : nameOf(hello.rank, member) + " and pid " + std::to_string(other.pid) + " of host " +
                               other.host + " were both started as rank " + std::to_string(hello.rank)});
    }
    Entry &entry = table[hello.rank];
    Address address = otherEnd(socket);
    address.setPort(static_cast<uint16_t>(hello.port));
    entry.address = address.bytes;
    entry.addressSize = address.size;
    entry.pid = hello.pid;
    std::memcpy(entry.host, hello.host, sizeof hello.host);
    member.socket = std::move(socket);
    members[hello.rank] = std::move(member);
  }
  for (uint32_t r = 1; r < launch.size; ++r)
    if (!members[r].socket.write(table.data(), table.size() * sizeof(Entry), end))
      refuse(members, nullptr, {Unavailable, nameOf(r, members[r]) + " is gone: it left while ranks were gathering"});
  return members;
}

std::vector<Member> come(Launch &launch, Deadline end) {
  std::string reason;
  Socket root = connectTo(launch.root, end, reason);
  std::string self = "rank " + std::to_string(launch.rank), where = launch.root.text();
  if (!root)
    throw Error{Unavailable, self + " has not reached rank 0 at " + where + " within " +
                                 std::to_string(launch.patience.count() / 1000) + " s: " + reason +
                                 "; start rank 0, or check MASTER_ADDR and MASTER_PORT"};
  Address own = addressOf(root);
  own.setPort(0);
  Socket listener = listenAt(own);
  Hello hello = helloOf(launch, addressOf(listener).port());
  std::vector<Entry> table(launch.size);
  // Rank 0 gives up first, and says why.
  Deadline later = end + std::chrono::seconds(5);
  bool there = root.write(&hello, sizeof hello, end) && root.read(table.data(), sizeof(Entry), later);
  if (there && table[0].code != 0) {
    std::string why(std::min<uint32_t>(table[0].bytes, 1 << 16), '\0');
    root.read(why.data(), why.size(), later);
    throw Error{static_cast<int>(table[0].code), why};
  }
  if (!there || !root.read(&table[1], (launch.size - 1) * sizeof(Entry), later))
    throw Error{Unavailable, self + " came to " + where +
                                 ", which sent it away: no rank 0 of this job listens there, or it is gone, or its "
                                 "LLCC_JOB_TOKEN is another"};
  std::vector<Member> members(launch.size);
  for (uint32_t r = 0; r < launch.size; ++r) {
    members[r].host = text(table[r].host);
    members[r].pid = table[r].pid;
  }
  members[0].socket = std::move(root);
  // All ranks were there a moment ago: who does not answer now is gone.
  Deadline soon = Clock::now() + std::min<std::chrono::milliseconds>(launch.patience, std::chrono::seconds(8));
  auto gone = [&](uint32_t r, const std::string &why) -> Error {
    return {Unavailable, nameOf(r, members[r]) + " is gone: " + why +
                             " while ranks were gathering; every rank must reach every other one"};
  };
  for (uint32_t r = 1; r < launch.rank; ++r) {
    Address address{table[r].address, table[r].addressSize};
    members[r].socket = connectTo(address, soon, reason);
    if (!members[r].socket || !members[r].socket.write(&hello, sizeof hello, soon))
      throw gone(r, "it does not answer at " + address.text() + " (" + reason + ")");
  }
  Door door(launch, listener);
  for (uint32_t left = launch.size - 1 - launch.rank; left > 0; --left) {
    Hello other;
    Socket socket;
    if (door.next(other, socket, soon) && other.rank > launch.rank && other.rank < launch.size &&
        !members[other.rank].socket) {
      members[other.rank].socket = std::move(socket);
      continue;
    }
    uint32_t missing = launch.rank + 1;
    while (members[missing].socket)
      ++missing;
    throw gone(missing, "it has not come to " + addressOf(listener).text());
  }
  return members;
}

} // namespace

std::string nameOf(uint32_t rank, const Member &member) {
  return "rank " + std::to_string(rank) + " (host " + member.host + ", pid " + std::to_string(member.pid) + ")";
}

std::vector<Member> gather(Launch &launch) {
  Deadline end = Clock::now() + launch.patience;
  return launch.rank == 0 ? receiveAll(launch, end) : come(launch, end);
}

} // namespace llcc::rt
