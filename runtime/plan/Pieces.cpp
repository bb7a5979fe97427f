// Which part of a logical tensor a device holds, and copies between whole and piece.
#include "runtime/plan/Pieces.h"
#include <algorithm>
#include <cstring>

namespace llcc::rt {

Cut cutOf(int64_t n, const std::vector<uint32_t> &axes, const std::vector<uint32_t> &sizes,
          const std::vector<uint32_t> &coords) {
  Cut cut{0, n, n};
  for (uint32_t axis : axes) {
    int64_t parts = sizes[axis];
    int64_t block = cut.local / parts + (cut.local % parts != 0);
    int64_t offset = coords[axis] * block;
    cut.start += offset;
    cut.valid = std::clamp<int64_t>(cut.valid - offset, 0, block);
    cut.local = block;
  }
  return cut;
}

std::vector<Cut> pieceOf(const Shape &shape, const Sharding &sharding, const std::vector<uint32_t> &sizes,
                         const std::vector<uint32_t> &coords) {
  static const std::vector<uint32_t> uncut;
  std::vector<Cut> piece;
  for (size_t i = 0; i < shape.dims.size(); ++i)
    piece.push_back(cutOf(shape.dims[i], i < sharding.dims.size() ? sharding.dims[i] : uncut, sizes, coords));
  return piece;
}

Shape localShape(const Shape &shape, const Sharding &sharding, const std::vector<uint32_t> &sizes) {
  Shape local{shape.type, {}};
  for (const Cut &cut : pieceOf(shape, sharding, sizes, std::vector<uint32_t>(sizes.size(), 0)))
    local.dims.push_back(cut.local);
  return local;
}

bool isFirstHolder(const Sharding &sharding, const std::vector<uint32_t> &coords, int ignore) {
  for (size_t axis = 0; axis < coords.size(); ++axis) {
    bool cuts = static_cast<int>(axis) == ignore;
    for (const auto &dim : sharding.dims)
      cuts |= std::find(dim.begin(), dim.end(), axis) != dim.end();
    if (!cuts && coords[axis] != 0)
      return false;
  }
  return true;
}

void copyBox(const char *from, const std::vector<int64_t> &fromDims, const std::vector<int64_t> &fromStart, char *to,
             const std::vector<int64_t> &toDims, const std::vector<int64_t> &toStart,
             const std::vector<int64_t> &extent, uint64_t elementSize) {
  size_t rank = extent.size();
  for (int64_t n : extent)
    if (n <= 0)
      return;
  // Trailing dimensions that are whole on both sides are one run of bytes.
  uint64_t run = elementSize;
  size_t outer = rank;
  while (outer > 0) {
    --outer;
    run *= static_cast<uint64_t>(extent[outer]);
    if (extent[outer] != fromDims[outer] || extent[outer] != toDims[outer])
      break;
  }
  std::vector<uint64_t> fromStride(rank), toStride(rank);
  uint64_t f = elementSize, t = elementSize;
  for (size_t i = rank; i-- > 0;) {
    fromStride[i] = f;
    toStride[i] = t;
    from += f * static_cast<uint64_t>(fromStart[i]);
    to += t * static_cast<uint64_t>(toStart[i]);
    f *= static_cast<uint64_t>(fromDims[i]);
    t *= static_cast<uint64_t>(toDims[i]);
  }
  std::vector<int64_t> index(outer, 0);
  while (true) {
    std::memcpy(to, from, run);
    size_t i = outer;
    while (i > 0) {
      --i;
      from += fromStride[i];
      to += toStride[i];
      if (++index[i] < extent[i])
        break;
      from -= fromStride[i] * static_cast<uint64_t>(extent[i]);
      to -= toStride[i] * static_cast<uint64_t>(extent[i]);
      index[i] = 0;
      if (i == 0)
        return;
    }
    if (outer == 0)
      return;
  }
}

namespace {
struct Box {
  std::vector<int64_t> start, local, extent, zero;
  explicit Box(const std::vector<Cut> &piece) : zero(piece.size(), 0) {
    for (const Cut &cut : piece) {
      start.push_back(cut.start);
      local.push_back(cut.local);
      extent.push_back(cut.valid);
    }
  }
};
} // namespace

void scatterPiece(const Shape &shape, const std::vector<Cut> &piece, const char *whole, char *local) {
  Box box(piece);
  if (box.extent != box.local)
    std::memset(local, 0, Shape{shape.type, box.local}.bytes());
  copyBox(whole, shape.dims, box.start, local, box.local, box.zero, box.extent, sizeOf(shape.type));
}

void gatherPiece(const Shape &shape, const std::vector<Cut> &piece, const char *local, char *whole) {
  Box box(piece);
  copyBox(local, box.local, box.zero, whole, shape.dims, box.start, box.extent, sizeOf(shape.type));
}

} // namespace llcc::rt
