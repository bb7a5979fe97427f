// Verifiers of random bits and of what training and inference compute differently.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

LogicalResult RandomBitsOp::verify() {
  RankedTensorType index = getIndex().getType();
  if (!index.getElementType().isInteger(64))
    return emitOpError() << "index has elements of type " << index.getElementType() << ", needs i64";
  if (getType().getShape() != index.getShape() || !getType().getElementType().isInteger(32))
    return emitOpError() << "result is " << getType() << ", needs i32 in the shape of index, "
                         << sizesText(index.getShape());
  if (!getKey().empty() && getKey().size() != 2)
    return emitOpError() << "key has " << getKey().size() << " numbers, needs none or seed and step";
  for (Value part : getKey())
    if (auto type = cast<RankedTensorType>(part.getType()); type.getRank() != 0 || !type.getElementType().isInteger(64))
      return emitOpError() << "key holds " << type << ", needs scalars of i64";
  return success();
}

LogicalResult TrackOp::verify() {
  if (getX().getType() != getType())
    return emitOpError() << "result is " << getType() << ", needs x's type " << getX().getType();
  if (getRunning().getType() != getValue().getType())
    return emitOpError() << "value is " << getValue().getType() << ", running is " << getRunning().getType();
  double momentum = getMomentum().convertToDouble();
  if (!(momentum >= 0 && momentum <= 1))
    return emitOpError() << "momentum is " << getMomentumAttr() << ", needs a number from 0 to 1";
  return success();
}
