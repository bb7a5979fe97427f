// Which piece of a logical tensor a device holds: the nested padded blocks of #llcc.sharding.
#ifndef LLCC_COMPILER_INTERPRETER_PIECES_H
#define LLCC_COMPILER_INTERPRETER_PIECES_H

#include "compiler/interpreter/Tensor.h"
#include "compiler/ir/LLCC.h"
#include <optional>

namespace mlir::llcc {

/// Coordinate of `device` (row-major number in the mesh) on `axis`; 0 where the mesh has no such axis.
int64_t coordinateOf(MeshAttr mesh, int64_t device, StringRef axis);
/// Number of the device with the coordinates of `device`, but `coordinate` on `axis`.
int64_t deviceAt(MeshAttr mesh, int64_t device, StringRef axis, int64_t coordinate);

/// A dimension of logical size `extent` as one device sees it, cut over axes (major first).
struct PaddedBlock {
  SmallVector<int64_t> sizes;  ///< L0 = extent, Li = ceil(L(i-1)/si)
  SmallVector<int64_t> coords; ///< the device's coordinates on the axes
  PaddedBlock(int64_t extent, ArrayRef<StringAttr> axes, MeshAttr mesh, int64_t device);
  int64_t localSize() const { return sizes.back(); }
  /// Logical index of the block's first element: sum ci*Li.
  int64_t offset() const;
  /// Logical index of the local element `i`; nullopt where it is padding at any level.
  std::optional<int64_t> logical(int64_t i) const;
};

/// The device's piece of `whole` (logical), padding filled with `padding`.
Tensor cutPiece(const Tensor &whole, ShardingAttr placement, MeshAttr mesh, int64_t device, double padding);

/// Calls fn(position in the piece, position in the whole) for each element of the device's piece that is not padding.
void forEachPlaced(ArrayRef<int64_t> whole, ShardingAttr placement, MeshAttr mesh, int64_t device,
                   function_ref<void(int64_t, int64_t)> fn);

} // namespace mlir::llcc

#endif
