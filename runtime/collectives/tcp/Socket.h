// A TCP socket that closes itself, and the few things that ranks do with one.
#ifndef LLCC_RUNTIME_COLLECTIVES_TCP_SOCKET_H
#define LLCC_RUNTIME_COLLECTIVES_TCP_SOCKET_H

#include <chrono>
#include <cstdint>
#include <string>
#include <sys/socket.h>

namespace llcc::rt {

using Deadline = std::chrono::steady_clock::time_point;

class Socket {
public:
  Socket() = default;
  explicit Socket(int fd) : fd(fd) {}
  Socket(Socket &&other) noexcept : fd(other.fd) { other.fd = -1; }
  Socket &operator=(Socket &&other) noexcept;
  ~Socket() { close(); }
  void close();
  explicit operator bool() const { return fd >= 0; }
  int number() const { return fd; }

  /// Waits until the socket can be read (or written); false when the time is over.
  bool ready(short events, Deadline end) const;
  /// Reads exactly `bytes`; false where the peer closed or the time is over.
  bool read(void *data, size_t bytes, Deadline end) const;
  /// Writes all; false where the peer is gone or the time is over. Never raises SIGPIPE.
  bool write(const void *data, size_t bytes, Deadline end) const;
  /// No delay for small messages, no blocking calls, closed on exec.
  void prepare() const;

private:
  int fd = -1;
};

/// An address as the kernel takes it.
struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  uint16_t port() const;
  void setPort(uint16_t port);
  std::string text() const; ///< "10.0.0.1:29500"
};

/// The first address of `host`; throws Error 64 with the resolver's reason.
Address resolve(const std::string &host, uint16_t port);
/// Listens at this address only; port 0: any. Throws Error that says what the port's trouble is.
Socket listenAt(const Address &address);
Address addressOf(const Socket &socket);
Address otherEnd(const Socket &socket);
/// Tries until `end`; `reason` says why it did not work (the socket is then empty).
Socket connectTo(const Address &address, Deadline end, std::string &reason);

} // namespace llcc::rt

#endif
