// A TCP socket that closes itself, and the few things that ranks do with one.
#include "runtime/collectives/tcp/Socket.h"
#include "runtime/core/Error.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace llcc::rt {

using Clock = std::chrono::steady_clock;

Socket &Socket::operator=(Socket &&other) noexcept {
  std::swap(fd, other.fd);
  return *this;
}

void Socket::close() {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

bool Socket::ready(short events, Deadline end) const {
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting{fd, events, 0};
    int n = ::poll(&waiting, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
    if (n > 0)
      return true;
    if (n == 0 || errno != EINTR)
      return false;
  }
}

bool Socket::read(void *data, size_t bytes, Deadline end) const {
  for (size_t have = 0; have < bytes;) {
    if (!ready(POLLIN, end))
      return false;
    ssize_t n = ::recv(fd, static_cast<char *>(data) + have, bytes - have, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
      return false;
    have += n > 0 ? static_cast<size_t>(n) : 0;
  }
  return true;
}

bool Socket::write(const void *data, size_t bytes, Deadline end) const {
  for (size_t done = 0; done < bytes;) {
    ssize_t n = ::send(fd, static_cast<const char *>(data) + done, bytes - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      return false;
    done += n > 0 ? static_cast<size_t>(n) : 0;
    if (n < 0 && errno == EAGAIN && !ready(POLLOUT, end))
      return false;
  }
  return true;
}

void Socket::prepare() const {
  int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

uint16_t Address::port() const {
  return ntohs(bytes.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6 &>(bytes).sin6_port
                                           : reinterpret_cast<const sockaddr_in &>(bytes).sin_port);
}

void Address::setPort(uint16_t port) {
  (bytes.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6 &>(bytes).sin6_port
                               : reinterpret_cast<sockaddr_in &>(bytes).sin_port) = htons(port);
}

std::string Address::text() const {
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(reinterpret_cast<const sockaddr *>(&bytes), size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  bool six = bytes.ss_family == AF_INET6;
  return (six ? "[" : "") + std::string(host) + (six ? "]:" : ":") + std::to_string(port());
}

Address resolve(const std::string &host, uint16_t port) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0 || !list)
    throw Error{Usage, "the address \"" + host + "\" of rank 0 is unknown: " + gai_strerror(code) +
                           "; set MASTER_ADDR to a name or number that every rank reaches"};
  addrinfo *best = list;
  for (addrinfo *a = list; a; a = a->ai_next)
    if (a->ai_family == AF_INET && best->ai_family != AF_INET)
      best = a;
  Address address;
  std::memcpy(&address.bytes, best->ai_addr, best->ai_addrlen);
  address.size = best->ai_addrlen;
  ::freeaddrinfo(list);
  address.setPort(port);
  return address;
}

Socket listenAt(const Address &address) {
  Socket socket(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int one = 1;
  if (socket)
    ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (!socket || ::bind(socket.number(), reinterpret_cast<const sockaddr *>(&address.bytes), address.size) != 0 ||
      ::listen(socket.number(), 1024) != 0) {
    int why = errno;
    throw Error{CannotCreate, "cannot listen at " + address.text() + ": " + std::strerror(why) +
                                  (why == EADDRINUSE      ? "; another job uses the port, choose another MASTER_PORT"
                                   : why == EADDRNOTAVAIL ? "; MASTER_ADDR must be an address of the host of rank 0"
                                                          : "")};
  }
  socket.prepare();
  return socket;
}

Address addressOf(const Socket &socket) {
  Address address;
  address.size = sizeof address.bytes;
  ::getsockname(socket.number(), reinterpret_cast<sockaddr *>(&address.bytes), &address.size);
  return address;
}

Address otherEnd(const Socket &socket) {
  Address address;
  address.size = sizeof address.bytes;
  ::getpeername(socket.number(), reinterpret_cast<sockaddr *>(&address.bytes), &address.size);
  return address;
}

Socket connectTo(const Address &address, Deadline end, std::string &reason) {
  while (true) {
    Socket socket(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) {
      reason = std::strerror(errno);
      return {};
    }
    socket.prepare();
    int failed = 0;
    if (::connect(socket.number(), reinterpret_cast<const sockaddr *>(&address.bytes), address.size) != 0)
      failed = errno;
    if (failed == EINPROGRESS) {
      // Not longer than this: a packet to a host that is not there yet may be lost for good.
      bool answered = socket.ready(POLLOUT, std::min(end, Clock::now() + std::chrono::seconds(3)));
      socklen_t size = sizeof failed;
      ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &failed, &size);
      if (!answered)
        failed = ETIMEDOUT;
    }
    if (failed == 0)
      return socket;
    reason = std::strerror(failed);
    if (Clock::now() + std::chrono::milliseconds(50) > end)
      return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

} // namespace llcc::rt
