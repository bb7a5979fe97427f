// How operator handlers say IR: one function for each shape change, with numpy's broadcasting on top.
#ifndef LLCC_FRONTENDS_ONNX_EMIT_H
#define LLCC_FRONTENDS_ONNX_EMIT_H

#include "compiler/ir/LLCC.h"
#include "frontends/onnx/Binder.h"

namespace mlir::llcc::frontend {

/// A splat of `shape`.
Value splat(Binder &b, ArrayRef<int64_t> shape, Type type, double value);
/// A splat of x's type.
inline Value splatLike(Binder &b, Value x, double value) {
  return splat(b, shapeOf(x), typeOf(x).getElementType(), value);
}
/// x with the same elements and another shape; x itself where the shape is the same.
Value reshape(Binder &b, Value x, ArrayRef<int64_t> shape);
/// x unless perm is the identity.
Value transpose(Binder &b, Value x, ArrayRef<int64_t> perm);
/// Dimension i of x becomes dimension dims[i] of the result; splat constants are written in the new shape.
Value broadcast(Binder &b, Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims);
/// numpy's rule: x's dimensions are the last ones of `shape`.
Value broadcastTo(Binder &b, Value x, ArrayRef<int64_t> shape);
/// Reduction over dims (ascending); with `keep` they stay as size 1.
Value reduce(Binder &b, Value x, ReduceKind kind, ArrayRef<int64_t> dims, bool keep);

/// The shape that numpy's broadcasting gives; nothing where the shapes do not fit.
std::optional<Shape> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b);

/// Inputs of one type, brought to a common shape; empty where that is refused (said).
SmallVector<Value> broadcastInputs(Binder &b, ArrayRef<unsigned> inputs);

} // namespace mlir::llcc::frontend

#endif
