// Slicing and joining of what names stand for, constants staying constants: for loops and sequences.
#ifndef LLCC_FRONTENDS_ONNX_OPS_SLOTS_H
#define LLCC_FRONTENDS_ONNX_OPS_SLOTS_H

#include "frontends/onnx/Emit.h"
#include "frontends/onnx/Importer.h"

namespace mlir::llcc::frontend {

/// Shape of a tensor's slot.
Shape shapeOf(const Slot &slot);
/// Elements [first, first + size) of dimension `axis`; without the dimension where `squeeze` (size 1).
Slot partOf(Binder &b, Slot &slot, int64_t axis, int64_t first, int64_t size, bool squeeze);
/// The slots one after the other along `axis`, or along a new dimension there. Fails (said) where shapes do not fit.
FailureOr<Slot> joinSlots(Binder &b, std::vector<Slot> &slots, int64_t axis, bool newAxis);
/// A scalar i64 or i1.
Slot scalarSlot(Binder &b, int64_t value, unsigned width);

} // namespace mlir::llcc::frontend

#endif
