// Element-wise reduction of several arrays in a fixed order, for every type and kind that a plan can name.
#ifndef LLCC_RUNTIME_COLLECTIVES_LOCAL_REDUCTION_H
#define LLCC_RUNTIME_COLLECTIVES_LOCAL_REDUCTION_H

#include "runtime/plan/Plan.h"

namespace llcc::rt {

/// to[i] = from[0][i] ∘ from[1][i] ∘ …, in this order, for `count` elements. `kind`: 0 sum, 1 max, 2 min, 3 prod. bf16
/// and f16 are combined in f32 and rounded once. `to` may be the same place as one of `from`.
void reduce(DType type, int64_t kind, const std::vector<const char *> &from, char *to, uint64_t count);

} // namespace llcc::rt

#endif
