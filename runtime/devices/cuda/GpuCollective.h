// A collective of the plan as what NCCL knows, between copies that pack and unpack.
#ifndef LLCC_RUNTIME_DEVICES_CUDA_GPUCOLLECTIVE_H
#define LLCC_RUNTIME_DEVICES_CUDA_GPUCOLLECTIVE_H

#include "runtime/devices/cuda/Gpu.h"

namespace llcc::rt {

/// NCCL moves whole blocks, member by member; a plan cuts along any dimension, into blocks of which the last may be
/// partly padding. Blocks are brought into order in scratch memory where they are not in it already. Results are those
/// of collectives/local, padding included.
struct GpuCollective {
  /// `rows` runs of `width` bytes.
  struct Move {
    GpuAddress to, from;
    uint64_t toPitch, fromPitch, width, rows;
  };
  struct Clear {
    GpuAddress to;
    uint64_t bytes;
  };
  std::vector<Clear> clears; ///< first
  std::vector<Move> packs;
  Exchange exchange;
  std::vector<Clear> laterClears; ///< after the exchange
  std::vector<Move> unpacks;
  uint64_t scratchBytes = 0;

  /// Does all of it.
  void enqueue(Gpu &gpu, Stream stream) const;
};

/// `instr`: AllReduce, AllGather, ReduceScatter, AllToAll or RingShift of a group of `members`, this device being
/// number `member`. `scratch`: where scratchBytes are (to learn how many, any place will do). Throws Error where NCCL
/// has no such reduction.
GpuCollective planCollective(const Program &program, const Instr &instr, const std::vector<GpuAddress> &ins,
                             const std::vector<GpuAddress> &outs, size_t members, size_t member, GpuAddress scratch);

} // namespace llcc::rt

#endif
