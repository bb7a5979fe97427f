// Collectives of device threads through shared memory. Members combine in member order, so all get the same bits.
#ifndef LLCC_RUNTIME_COLLECTIVES_LOCAL_COLLECTIVES_H
#define LLCC_RUNTIME_COLLECTIVES_LOCAL_COLLECTIVES_H

#include "runtime/collectives/local/Meeting.h"
#include "runtime/plan/Plan.h"

namespace llcc::rt {

enum class Reduction : int64_t { Sum, Max, Min, Prod };

/// One tensor of a collective on this member.
struct Piece {
  const Shape *shape = nullptr; ///< of the operand
  const char *in = nullptr;
  const Shape *outShape = nullptr;
  char *out = nullptr;
};

/// out = reduction of all members' in; in and out may be the same place. Each member reduces its share, then all copy.
void allReduce(Meeting &meeting, size_t member, const std::vector<Piece> &pieces, Reduction kind,
               const std::string &what);
/// Blocks of all members along dim, cut to the result's size.
void allGather(Meeting &meeting, size_t member, const Piece &piece, int64_t dim, const std::string &what);
/// Member i keeps block i of ceil(n/members) along dim of the reduction; past the end zeros.
void reduceScatter(Meeting &meeting, size_t member, const Piece &piece, Reduction kind, int64_t dim,
                   const std::string &what);
/// Block i of split goes to member i; what comes in is joined along concat and cut to the result's size.
void allToAll(Meeting &meeting, size_t member, const Piece &piece, int64_t split, int64_t concat,
              const std::string &what);

} // namespace llcc::rt

#endif
