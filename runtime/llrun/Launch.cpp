// `llrun launch N train …`: starts N ranks on this machine and waits for them.
#include "runtime/data/Failure.h"
#include "runtime/llrun/Commands.h"
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <random>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace llcc::rt {

static std::vector<pid_t> children;
static volatile std::sig_atomic_t passed = 0;

static void passOn(int signal) {
  passed = signal;
  for (pid_t child : children)
    kill(child, signal);
}

/// A port that is free now. Another process may take it before rank 0 does, which rank 0 then says.
static int freePort() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bool good = fd >= 0 && bind(fd, reinterpret_cast<sockaddr *>(&address), size) == 0 &&
              getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) == 0;
  if (fd >= 0)
    close(fd);
  if (!good)
    throw Failure{71, std::string("no port of this machine can be had: ") + strerror(errno)};
  return ntohs(address.sin_port);
}

int launch(int argc, char **argv) {
  char *end = nullptr;
  long count = argc > 0 ? strtol(argv[0], &end, 10) : 0;
  if (argc < 2 || *end || count < 1 || count > 4096)
    throw Failure{
        64, std::string("needs a number of processes from 1 to 4096 and a command: llrun launch 4 train MODEL.llx …") +
                (argc > 0 ? "; it is given \"" + std::string(argv[0]) + "\"" : "")};
  std::random_device random; // strangers of this machine do not know it
  char token[33];
  snprintf(token, sizeof token, "%08x%08x%08x%08x", random(), random(), random(), random());
  std::string port = std::to_string(freePort()), size = std::to_string(count);
  setenv("WORLD_SIZE", size.c_str(), 1);
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  setenv("MASTER_PORT", port.c_str(), 1);
  setenv("LLCC_JOB_TOKEN", token, 1);
  std::vector<char *> command = {const_cast<char *>("llrun")};
  command.insert(command.end(), argv + 1, argv + argc);
  command.push_back(nullptr);
  // Blocked until all are started, so that none is missed.
  sigset_t both, before;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  sigprocmask(SIG_BLOCK, &both, &before);
  pid_t parent = getpid();
  for (long rank = 0; rank < count; ++rank) {
    pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0); // Ctrl-C reaches a rank once, from here
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent)
        _exit(69);
      sigprocmask(SIG_SETMASK, &before, nullptr);
      setenv("RANK", std::to_string(rank).c_str(), 1);
      execv("/proc/self/exe", command.data());
      _exit(70);
    }
    if (child < 0) {
      passOn(SIGKILL);
      throw Failure{71, "rank " + std::to_string(rank) + " cannot be started: " + strerror(errno)};
    }
    children.push_back(child);
  }
  struct sigaction action {};
  action.sa_handler = passOn;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  int code = 0;
  for (long left = count; left > 0;) {
    int status = 0;
    pid_t child = waitpid(-1, &status, 0);
    if (child < 0)
      continue; // a signal that was passed on
    --left;
    long rank = 0;
    while (rank < count && children[size_t(rank)] != child)
      ++rank;
    // A rank that was killed has no code of its own: its peers', 69, is the run's.
    if (WIFSIGNALED(status))
      fprintf(stderr, "llrun launch: rank %ld (pid %d) was ended by signal %d (%s)\n", rank, child, WTERMSIG(status),
              strsignal(WTERMSIG(status)));
    int own = WIFEXITED(status) ? WEXITSTATUS(status) : 69;
    code = code ? code : own;
  }
  return code;
}

} // namespace llcc::rt
