// Checks the arrays that the host gives against what the model takes, before any device sees them.
#ifndef LLCC_RUNTIME_CORE_BATCH_H
#define LLCC_RUNTIME_CORE_BATCH_H

#include "runtime/llcc_rt.h"
#include "runtime/plan/Plan.h"

namespace llcc::rt {

/// Data pointers of `given` by number in Plan::inputs. `rows`: what dimension 0 of batched inputs must be. Labels are
/// taken only if `labels`. Checks names, types, shapes, sizes, and that class numbers are in range. Throws Error that
/// names the input.
/// `needed`: by number of the input, those that must be there; nullptr: all.
std::vector<const char *> takeBatch(const Plan &plan, const llcc_rt_tensor *given, size_t count, int64_t rows,
                                    bool labels, const std::vector<bool> *needed = nullptr);

} // namespace llcc::rt

#endif
