// Verifiers of ops that are whole for differentiation, and of the optimizer update.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

LogicalResult SoftmaxOp::verify() { return checkDim(*this, "axis", getAxis(), getX().getType().getRank()); }
LogicalResult LogSoftmaxOp::verify() { return checkDim(*this, "axis", getAxis(), getX().getType().getRank()); }

LogicalResult LayerNormOp::verify() {
  RankedTensorType x = getX().getType();
  if (failed(checkDim(*this, "axis", getAxis(), x.getRank())) || failed(checkResult(*this, x, getType(), x.getShape())))
    return failure();
  auto fits = [&](StringRef name, RankedTensorType own) -> LogicalResult {
    if (failed(checkElements(*this, x, own)))
      return failure();
    if (own.getShape() != x.getShape().drop_front(getAxis()))
      return emitOpError() << name << " is " << sizesText(own.getShape()) << ", needs x's dimensions from axis "
                           << getAxis() << " on, " << sizesText(x.getShape().drop_front(getAxis()));
    return success();
  };
  if (failed(fits("scale", getScale().getType())) || (getBias() && failed(fits("bias", getBias().getType()))))
    return failure();
  if (!(getEpsilon().convertToDouble() >= 0))
    return emitOpError() << "epsilon is " << getEpsilonAttr() << ", needs at least 0";
  return success();
}

LogicalResult StandardizeOp::verify() {
  if (failed(checkIncreasing(*this, "dims", getDims(), getX().getType().getRank())))
    return failure();
  if (!(getEpsilon().convertToDouble() >= 0))
    return emitOpError() << "epsilon is " << getEpsilonAttr() << ", needs at least 0";
  return success();
}

LogicalResult UpdateOp::verify() {
  int64_t states = llvm::StringSwitch<int64_t>(getKind())
                       .Case("sgd", 0)
                       .Cases({"momentum", "adagrad"}, 1)
                       .Cases({"adam", "adamw"}, 2)
                       .Default(-1);
  if (states < 0)
    return emitError() << "update kind \"" << getKind()
                       << "\" is not known; kinds: sgd, momentum, adam, adamw, adagrad";
  for (size_t count : {getState().size(), getNewState().size()})
    if (int64_t(count) != states)
      return emitError() << "update " << getKind() << " has " << count << " states, it needs " << states;
  RankedTensorType param = getParam().getType();
  auto fits = [&](StringRef name, Type type) -> LogicalResult {
    auto own = cast<RankedTensorType>(type);
    if (own.getShape() != param.getShape() || own.getElementType() != param.getElementType())
      return emitOpError() << name << " is " << sizesText(own.getShape()) << " of " << own.getElementType()
                           << ", needs the param's " << sizesText(param.getShape()) << " of " << param.getElementType();
    return success();
  };
  if (failed(fits("grad", getGrad().getType())) || failed(fits("new param", getNewParam().getType())))
    return failure();
  for (Value state : getState())
    if (failed(fits("state", state.getType())))
      return failure();
  for (Value state : getNewState())
    if (failed(fits("new state", state.getType())))
      return failure();
  RankedTensorType lr = getLr().getType(), step = getStep().getType();
  if (lr.getRank() != 0 || !(lr.getElementType().isF32() || lr.getElementType().isF64()))
    return emitOpError() << "lr is " << sizesText(lr.getShape()) << " of " << lr.getElementType()
                         << ", needs a scalar of f32 or f64";
  if (step.getRank() != 0 || !step.getElementType().isF64())
    return emitOpError() << "step is " << sizesText(step.getShape()) << " of " << step.getElementType()
                         << ", needs a scalar of f64";
  for (NamedAttribute hyper : getHyper()) {
    if (!llvm::is_contained({"momentum", "beta1", "beta2", "epsilon", "weight_decay", "nesterov", "dampening", "count",
                             "epsilon_hat", "shrink", "decay"},
                            hyper.getName().getValue()))
      return emitOpError() << "hyper has '" << hyper.getName().getValue()
                           << "', needs momentum, beta1, beta2, epsilon, weight_decay, nesterov, dampening, count, "
                              "epsilon_hat, shrink or decay";
    auto number = dyn_cast<FloatAttr>(hyper.getValue());
    if (!number || !number.getType().isF64())
      return emitOpError() << "hyper '" << hyper.getName().getValue() << "' is " << hyper.getValue()
                           << ", needs a number of f64";
  }
  return success();
}
