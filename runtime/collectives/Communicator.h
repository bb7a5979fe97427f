// What a device's program asks of its peers; one object a device. local/ joins threads, nccl/ and mpi/ come beside it.
#ifndef LLCC_RUNTIME_COLLECTIVES_COMMUNICATOR_H
#define LLCC_RUNTIME_COLLECTIVES_COMMUNICATOR_H

#include "runtime/plan/Plan.h"
#include <functional>

namespace llcc::rt {

/// A prepared instruction; throws Error or Aborted.
using Work = std::function<void()>;

class Communicator {
public:
  virtual ~Communicator() = default;
  /// Prepares a collective, send or receive; `ins` and `outs` are the places of instr.ins and instr.outs. All devices
  /// prepare the same instructions in the same order, before any of them runs one.
  virtual Work prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                       const std::vector<char *> &outs) = 0;
};

} // namespace llcc::rt

#endif
