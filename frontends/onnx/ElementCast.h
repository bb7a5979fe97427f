// Conversion between ONNX element types, down to 8-bit floats and 2-bit integers, said in IR.
#ifndef LLCC_FRONTENDS_ONNX_ELEMENTCAST_H
#define LLCC_FRONTENDS_ONNX_ELEMENTCAST_H

#include "frontends/onnx/Emit.h"

namespace mlir::llcc::frontend {

/// Floats of 8 bits and less; the IR holds their bits in i8.
bool isNarrowFloat(Type element);

struct CastRules {
  bool saturate = true;              ///< to 8-bit floats: what is too large becomes the largest number
  std::string roundMode = "nearest"; ///< to f8E8M0FNU: up | down | nearest
};

/// x, whose ONNX element type is `from`, as ONNX element type `to`. Both may be any type that `elementType` knows.
Value castElements(Binder &b, Value x, Type from, Type to, const CastRules &rules = {});

} // namespace mlir::llcc::frontend

#endif
