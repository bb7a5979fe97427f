// Nested padded blocks: which element of a piece is which element of the whole.
#include "compiler/interpreter/Pieces.h"

namespace mlir::llcc {

// Distance between neighbours on the axis at `position`, in device numbers.
static int64_t strideOf(MeshAttr mesh, int64_t position) {
  int64_t stride = 1;
  for (int64_t size : mesh.getSizes().drop_front(position + 1))
    stride *= size;
  return stride;
}

int64_t coordinateOf(MeshAttr mesh, int64_t device, StringRef axis) {
  int64_t position = mesh.getPosition(axis);
  return position < 0 ? 0 : device / strideOf(mesh, position) % mesh.getSizes()[position];
}

int64_t deviceAt(MeshAttr mesh, int64_t device, StringRef axis, int64_t coordinate) {
  int64_t position = mesh.getPosition(axis);
  return position < 0 ? device : device + (coordinate - coordinateOf(mesh, device, axis)) * strideOf(mesh, position);
}

PaddedBlock::PaddedBlock(int64_t extent, ArrayRef<StringAttr> axes, MeshAttr mesh, int64_t device) : sizes({extent}) {
  for (StringAttr axis : axes) {
    int64_t members = mesh.getSize(axis.getValue());
    sizes.push_back((sizes.back() + members - 1) / members);
    coords.push_back(coordinateOf(mesh, device, axis.getValue()));
  }
}

int64_t PaddedBlock::offset() const {
  int64_t sum = 0;
  for (auto [c, size] : llvm::zip(coords, ArrayRef<int64_t>(sizes).drop_front()))
    sum += c * size;
  return sum;
}

std::optional<int64_t> PaddedBlock::logical(int64_t i) const {
  for (int64_t level = coords.size(); level > 0; --level) {
    i += coords[level - 1] * sizes[level];
    if (i >= sizes[level - 1])
      return std::nullopt;
  }
  return i;
}

// Calls fn(position in the piece, position in the whole, or -1 for padding) for each element of the piece.
template <class Fn>
static SmallVector<int64_t> walkPiece(ArrayRef<int64_t> whole, ShardingAttr placement, MeshAttr mesh, int64_t device,
                                      Fn fn) {
  SmallVector<PaddedBlock> blocks;
  SmallVector<int64_t> local, strides = stridesOf(whole);
  for (auto [d, size] : llvm::enumerate(whole)) {
    blocks.emplace_back(size, placement.getAxes(d), mesh, device);
    local.push_back(blocks.back().localSize());
  }
  int64_t at = 0;
  forEachIndex(local, [&](ArrayRef<int64_t> index) {
    int64_t from = 0;
    for (auto [d, i] : llvm::enumerate(index)) {
      std::optional<int64_t> logical = blocks[d].logical(i);
      from = logical && from >= 0 ? from + *logical * strides[d] : -1;
    }
    fn(at++, from);
  });
  return local;
}

Tensor cutPiece(const Tensor &whole, ShardingAttr placement, MeshAttr mesh, int64_t device, double padding) {
  SmallVector<int64_t> local = walkPiece(whole.shape, placement, mesh, device, [](int64_t, int64_t) {});
  Tensor piece(local, whole.element);
  walkPiece(whole.shape, placement, mesh, device, [&](int64_t to, int64_t from) {
    if (from >= 0)
      piece.copy(to, whole, from);
    else if (piece.isFloat()) // integer padding is an index of something: always zero
      piece.reals[to] = padding;
  });
  return piece;
}

void forEachPlaced(ArrayRef<int64_t> whole, ShardingAttr placement, MeshAttr mesh, int64_t device,
                   function_ref<void(int64_t, int64_t)> fn) {
  walkPiece(whole, placement, mesh, device, [&](int64_t to, int64_t from) {
    if (from >= 0)
      fn(to, from);
  });
}

} // namespace mlir::llcc
