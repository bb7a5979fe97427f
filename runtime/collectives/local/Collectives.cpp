// Shared-memory collectives: publish pointers, meet, read the others' memory, meet again.
#include "runtime/collectives/local/Collectives.h"
#include "runtime/core/Error.h"
#include "runtime/plan/Pieces.h"
#include <algorithm>
#include <cstring>

namespace llcc::rt {

template <typename T> static void combine(T *into, const T *from, size_t n, Reduction kind) {
  switch (kind) {
  case Reduction::Sum:
    for (size_t i = 0; i < n; ++i)
      into[i] += from[i];
    break;
  case Reduction::Max: // NaN wins, as in arith.maximumf
    for (size_t i = 0; i < n; ++i)
      into[i] = from[i] != from[i] || from[i] > into[i] ? from[i] : into[i];
    break;
  case Reduction::Min:
    for (size_t i = 0; i < n; ++i)
      into[i] = from[i] != from[i] || from[i] < into[i] ? from[i] : into[i];
    break;
  case Reduction::Prod:
    for (size_t i = 0; i < n; ++i)
      into[i] *= from[i];
    break;
  }
}

// into[0, n) = into `kind` from, both elements of `type`.
static void combine(DType type, char *into, const char *from, size_t n, Reduction kind) {
  switch (type) {
  case DType::F32:
    return combine(reinterpret_cast<float *>(into), reinterpret_cast<const float *>(from), n, kind);
  case DType::F64:
    return combine(reinterpret_cast<double *>(into), reinterpret_cast<const double *>(from), n, kind);
  case DType::I32:
    return combine(reinterpret_cast<int32_t *>(into), reinterpret_cast<const int32_t *>(from), n, kind);
  case DType::I64:
    return combine(reinterpret_cast<int64_t *>(into), reinterpret_cast<const int64_t *>(from), n, kind);
  default:
    throw Error{69, std::string("reductions over devices do not support ") + nameOf(type) +
                        " yet, need f32, f64, i32 or i64"};
  }
}

void allReduce(Meeting &meeting, size_t member, const std::vector<Piece> &pieces, Reduction kind,
               const std::string &what) {
  size_t members = meeting.size();
  meeting.arrive(member, &pieces, what);
  auto of = [&](size_t m) -> const std::vector<Piece> & {
    return *static_cast<const std::vector<Piece> *>(meeting.slot(m));
  };
  auto share = [&](const Piece &piece, size_t m) {
    size_t n = piece.shape->elements();
    return std::pair<size_t, size_t>(n * m / members, n * (m + 1) / members);
  };
  // Nobody else reads my share of any tensor, so it may be written in place.
  std::vector<char> sum;
  for (size_t t = 0; t < pieces.size(); ++t) {
    auto [begin, end] = share(pieces[t], member);
    size_t width = sizeOf(pieces[t].shape->type), bytes = (end - begin) * width;
    if (!bytes)
      continue;
    sum.assign(of(0)[t].in + begin * width, of(0)[t].in + end * width);
    for (size_t m = 1; m < members; ++m)
      combine(pieces[t].shape->type, sum.data(), of(m)[t].in + begin * width, end - begin, kind);
    memcpy(pieces[t].out + begin * width, sum.data(), bytes);
  }
  meeting.depart(what);
  for (size_t t = 0; t < pieces.size(); ++t)
    for (size_t m = 0; m < members; ++m) {
      auto [begin, end] = share(pieces[t], m);
      size_t width = sizeOf(pieces[t].shape->type);
      if (m != member && end > begin)
        memcpy(pieces[t].out + begin * width, of(m)[t].out + begin * width, (end - begin) * width);
    }
  meeting.depart(what);
}

void allGather(Meeting &meeting, size_t member, const Piece &piece, int64_t dim, const std::string &what) {
  meeting.arrive(member, &piece, what);
  const std::vector<int64_t> &from = piece.shape->dims, &to = piece.outShape->dims;
  std::vector<int64_t> zero(from.size(), 0);
  for (size_t m = 0; m < meeting.size(); ++m) {
    std::vector<int64_t> start = zero, extent = from;
    start[size_t(dim)] = int64_t(m) * from[size_t(dim)];
    extent[size_t(dim)] = std::min(from[size_t(dim)], to[size_t(dim)] - start[size_t(dim)]);
    if (extent[size_t(dim)] > 0)
      copyBox(static_cast<const Piece *>(meeting.slot(m))->in, from, zero, piece.out, to, start, extent,
              sizeOf(piece.shape->type));
  }
  meeting.depart(what);
}

void reduceScatter(Meeting &meeting, size_t member, const Piece &piece, Reduction kind, int64_t dim,
                   const std::string &what) {
  meeting.arrive(member, &piece, what);
  const std::vector<int64_t> &from = piece.shape->dims, &to = piece.outShape->dims;
  size_t width = sizeOf(piece.shape->type), elements = piece.outShape->elements();
  std::vector<int64_t> zero(from.size(), 0), start = zero, extent = to;
  start[size_t(dim)] = int64_t(member) * to[size_t(dim)];
  extent[size_t(dim)] = std::clamp<int64_t>(from[size_t(dim)] - start[size_t(dim)], 0, to[size_t(dim)]);
  std::vector<char> sum(elements * width, 0), block(elements * width, 0);
  for (size_t m = 0; m < meeting.size() && extent[size_t(dim)] > 0; ++m) {
    copyBox(static_cast<const Piece *>(meeting.slot(m))->in, from, start, m ? block.data() : sum.data(), to, zero,
            extent, width);
    if (m)
      combine(piece.shape->type, sum.data(), block.data(), elements, kind);
  }
  meeting.depart(what);
  memcpy(piece.out, sum.data(), sum.size());
  meeting.depart(what);
}

void allToAll(Meeting &meeting, size_t member, const Piece &piece, int64_t split, int64_t concat,
              const std::string &what) {
  meeting.arrive(member, &piece, what);
  const std::vector<int64_t> &from = piece.shape->dims, &to = piece.outShape->dims;
  size_t members = meeting.size();
  int64_t block = (from[size_t(split)] + int64_t(members) - 1) / int64_t(members);
  std::vector<int64_t> zero(from.size(), 0);
  memset(piece.out, 0, piece.outShape->bytes());
  for (size_t m = 0; m < members; ++m) {
    std::vector<int64_t> source = zero, target = zero, extent = from;
    source[size_t(split)] = int64_t(member) * block;
    extent[size_t(split)] = std::clamp<int64_t>(from[size_t(split)] - source[size_t(split)], 0, block);
    target[size_t(concat)] = int64_t(m) * from[size_t(concat)];
    extent[size_t(concat)] =
        std::clamp<int64_t>(to[size_t(concat)] - target[size_t(concat)], 0, extent[size_t(concat)]);
    if (extent[size_t(split)] > 0 && extent[size_t(concat)] > 0)
      copyBox(static_cast<const Piece *>(meeting.slot(m))->in, from, source, piece.out, to, target, extent,
              sizeOf(piece.shape->type));
  }
  meeting.depart(what);
}

} // namespace llcc::rt
