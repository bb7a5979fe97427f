// Cheapest sequence of moves from one placement of a tensor to another; plain data, so that it is tested without IR.
#ifndef LLCC_PASSES_SHARD_RESHARDPLANNER_H
#define LLCC_PASSES_SHARD_RESHARDPLANNER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace mlir::llcc {

/// A placement (Placement.h) without IR: axes by their positions in the mesh. Axes that are not listed hold equal
/// values.
struct Layout {
  llvm::SmallVector<llvm::SmallVector<unsigned, 4>, 4> dims; ///< for each dimension the axes that cut it, major first
  llvm::SmallVector<unsigned, 4> partial;                    ///< axes over which a reduction is pending, ascending
  bool operator==(const Layout &other) const { return dims == other.dims && partial == other.partial; }
};

/// One step of a plan; `axes` major first. Sizes are local, as in the op of the same name.
struct Move {
  enum class Kind { Slice, Gather, Reduce, ReduceScatter, AllToAll };
  Kind kind;
  unsigned dim = 0;    ///< Slice, Gather, ReduceScatter: the dimension; AllToAll: the one that is cut
  unsigned joined = 0; ///< AllToAll: the dimension that is put together
  int64_t size = 0;    ///< Gather, AllToAll: local size of the joined dimension afterwards
  llvm::SmallVector<unsigned, 4> axes;
  Layout after;
};

/// Local size of dimension `dim`: nested padded blocks, L0 = size, Li = ceil(L(i-1)/si).
int64_t localSize(int64_t size, llvm::ArrayRef<unsigned> axes, llvm::ArrayRef<int64_t> mesh);

/// Cheapest moves from `from` to `to`; empty where they are equal. `shape` is logical, `mesh` has the size of each
/// axis. No plan exists only where `to` is partial over an axis over which `from` is not. Deterministic.
std::optional<llvm::SmallVector<Move>> planReshard(const Layout &from, const Layout &to, llvm::ArrayRef<int64_t> shape,
                                                   llvm::ArrayRef<int64_t> mesh, int64_t elementBytes);

/// Cost of a move from `before`: bytes that each device sends, plus `kCollectiveBytes` for starting a collective.
double moveCost(const Move &move, const Layout &before, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> mesh,
                int64_t elementBytes);

/// What starting a collective costs, in bytes that could have been sent meanwhile (about 5 us at 13 GB/s).
constexpr double kCollectiveBytes = 65536;

} // namespace mlir::llcc

#endif
