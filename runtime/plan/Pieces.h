// Which part of a logical tensor a device holds (nested padded blocks), and copies between whole and piece.
#ifndef LLCC_RUNTIME_PLAN_PIECES_H
#define LLCC_RUNTIME_PLAN_PIECES_H

#include "runtime/plan/Plan.h"

namespace llcc::rt {

/// One dimension of a piece: logical elements [start, start + valid) stand at local [0, valid); the rest up to `local`
/// is padding.
struct Cut {
  int64_t start = 0, valid = 0, local = 0;
};

/// Cuts `n` elements over the given mesh axes, major first: L0 = n, Lj = ceil(L(j-1)/sj), start = sum cj*Lj. Each
/// level's block may be partly padding, so `valid` is clipped at each level. Example: n = 5 over sizes 2, 2: blocks 3 +
/// 2, then 2 + 1 | 2 + 0.
Cut cutOf(int64_t n, const std::vector<uint32_t> &axes, const std::vector<uint32_t> &sizes,
          const std::vector<uint32_t> &coords);

/// The piece of a tensor that the device with these coordinates holds, one Cut for each dimension.
std::vector<Cut> pieceOf(const Shape &shape, const Sharding &sharding, const std::vector<uint32_t> &sizes,
                         const std::vector<uint32_t> &coords);

/// The piece's shape, padding included; equal on all devices.
Shape localShape(const Shape &shape, const Sharding &sharding, const std::vector<uint32_t> &sizes);

/// True if this device is the first (all coordinates zero on axes that do not cut the tensor; `ignore` is the pipeline
/// axis or -1) of those that hold the same piece.
bool isFirstHolder(const Sharding &sharding, const std::vector<uint32_t> &coords, int ignore);

/// Copies a box of `extent` elements of `elementSize` bytes between two row-major arrays. Empty extents copy nothing.
void copyBox(const char *from, const std::vector<int64_t> &fromDims, const std::vector<int64_t> &fromStart, char *to,
             const std::vector<int64_t> &toDims, const std::vector<int64_t> &toStart,
             const std::vector<int64_t> &extent, uint64_t elementSize);

/// Cuts a device's piece out of a whole tensor; padding becomes zero.
void scatterPiece(const Shape &shape, const std::vector<Cut> &piece, const char *whole, char *local);

/// Puts a device's piece at its place in the whole tensor.
void gatherPiece(const Shape &shape, const std::vector<Cut> &piece, const char *local, char *whole);

} // namespace llcc::rt

#endif
