// llcc.ring_shift: its code and verifier.
#include "compiler/ir/Ring.h"

#define GET_OP_CLASSES
#include "compiler/ir/Ring.cpp.inc"

using namespace mlir;
using namespace mlir::llcc;

LogicalResult RingShiftOp::verify() {
  if (getXs().empty() || getXs().getTypes() != getResultTypes()) // (C1)
    return emitOpError() << "has " << getXs().size() << " operands and " << getNumResults()
                         << " results, needs as many of the same types, at least one";
  if (getAxes().empty()) // (C2)
    return emitOpError() << "has no axes, needs at least one";
  for (Type type : getResultTypes()) // (C3)
    if (cast<RankedTensorType>(type).getEncoding())
      return emitOpError() << "moves " << type << ", needs local types";
  return success();
}
