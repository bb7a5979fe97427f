// The memory of one device: one block, zero at first, at a page boundary.
#ifndef LLCC_RUNTIME_CORE_ARENA_H
#define LLCC_RUNTIME_CORE_ARENA_H

#include "runtime/core/Error.h"
#include <cstdint>
#include <sys/mman.h>

namespace llcc::rt {

class Arena {
public:
  Arena(uint64_t bytes, uint32_t device) : size(bytes) {
    if (size == 0)
      return;
    void *block = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
      throw Error{Unavailable,
                  "device " + std::to_string(device) + " cannot get " + std::to_string(size) + " bytes of memory"};
    base = static_cast<char *>(block);
    ::madvise(base, size, MADV_HUGEPAGE);
  }
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  ~Arena() {
    if (base)
      ::munmap(base, size);
  }
  char *data() { return base ? base : empty; }

private:
  uint64_t size;
  char *base = nullptr;
  alignas(64) char empty[64] = {}; ///< an address for buffers without bytes
};

} // namespace llcc::rt

#endif
