// Verifiers of recurrence and its gradient, and the names of a cell's activation functions.
#include "compiler/ir/Checks.h"

using namespace mlir;
using namespace mlir::llcc;

ArrayRef<StringLiteral> mlir::llcc::recurrenceActivations() {
  static constexpr StringLiteral names[] = {"sigmoid",          "tanh",        "relu",         "affine", "leaky_relu",
                                            "thresholded_relu", "scaled_tanh", "hard_sigmoid", "elu",    "softsign",
                                            "softplus"};
  return names;
}

namespace {

/// Sizes of a recurrence, and what its operands must look like.
struct Sizes {
  Operation *op;
  RankedTensorType steps; ///< [T, B, ..]
  int64_t units, gates;

  LogicalResult fits(StringRef name, Value value, ArrayRef<int64_t> shape) const {
    if (!value)
      return success();
    auto type = cast<RankedTensorType>(value.getType());
    if (failed(checkElements(op, steps, type)))
      return failure();
    if (type.getShape() != shape)
      return op->emitOpError() << name << " is " << sizesText(type.getShape()) << ", needs " << sizesText(shape);
    return success();
  }
  SmallVector<int64_t> sequence(int64_t features) const { return {steps.getDimSize(0), steps.getDimSize(1), features}; }
  SmallVector<int64_t> state() const { return {steps.getDimSize(1), units}; }
};

/// Kind, functions and the operands that both ops have. `steps`: a [T, B, ..] operand.
template <class Op> FailureOr<Sizes> checkCell(Op op, RankedTensorType steps) {
  StringRef kind = op.getKind();
  int64_t gates = llvm::StringSwitch<int64_t>(kind).Case("lstm", 4).Case("gru", 3).Case("rnn", 1).Default(0);
  if (!gates)
    return op.emitOpError() << "kind is \"" << kind << "\", needs lstm, gru or rnn";
  size_t functions = kind == "lstm" ? 3 : kind == "gru" ? 2 : 1;
  if (op.getActivations().size() != functions || op.getAlphas().size() != functions ||
      op.getBetas().size() != functions)
    return op.emitOpError() << kind << " has " << op.getActivations().size() << " activations, "
                            << op.getAlphas().size() << " alphas and " << op.getBetas().size() << " betas, needs "
                            << functions << " of each";
  for (auto name : op.getActivations().template getAsRange<StringAttr>())
    if (!llvm::is_contained(recurrenceActivations(), name.getValue()))
      return op.emitOpError() << "activation " << name << " is not known";
  RankedTensorType r = op.getR().getType();
  if (steps.getRank() != 3 || r.getRank() != 2 || r.getDimSize(0) != gates * r.getDimSize(1))
    return op.emitOpError() << "has steps " << sizesText(steps.getShape()) << " and r " << sizesText(r.getShape())
                            << ", needs [T, B, ..] and [" << gates << "*H, H]";
  Sizes sizes{op, steps, r.getDimSize(1), gates};
  bool lstm = kind == "lstm", gru = kind == "gru";
  if (failed(checkElements(op, steps, r)) || failed(sizes.fits("h0", op.getH0(), sizes.state())) ||
      failed(sizes.fits("c0", op.getC0(), sizes.state())) ||
      failed(sizes.fits("peepholes", op.getPeepholes(), {3 * sizes.units})))
    return failure();
  if (bool(op.getC0()) != lstm || (!lstm && (op.getPeepholes() || op.getInputForget())))
    return op.emitOpError() << "c0, peepholes and input_forget are for lstm, which needs c0; the kind is " << kind;
  if (op.getLinearBeforeReset() && !gru)
    return op.emitOpError() << "linear_before_reset is for gru, the kind is " << kind;
  if (Value lengths = op.getLengths()) {
    auto type = cast<RankedTensorType>(lengths.getType());
    if (type.getShape() != ArrayRef<int64_t>{steps.getDimSize(1)})
      return op.emitOpError() << "lengths is " << sizesText(type.getShape()) << ", needs " << steps.getDimSize(1);
  }
  return sizes;
}

template <class Op> int64_t savedGates(Op op) { return op.getKind() == "lstm" || op.getLinearBeforeReset() ? 4 : 3; }

} // namespace

LogicalResult RecurrenceOp::verify() {
  FailureOr<Sizes> sizes = checkCell(*this, getX().getType());
  if (failed(sizes))
    return failure();
  size_t saved = getKind() == "lstm" ? 2 : getKind() == "gru" ? 1 : 0;
  if (getSaved().size() != saved)
    return emitOpError() << getKind() << " has " << getSaved().size() << " saved results, needs " << saved;
  if (bool(getHiddenBias()) != getLinearBeforeReset())
    return emitOpError() << "hidden_bias and linear_before_reset need each other";
  int64_t h = sizes->units;
  if (failed(sizes->fits("x", getX(), sizes->sequence(sizes->gates * h))) ||
      failed(sizes->fits("y", getY(), sizes->sequence(h))) || failed(sizes->fits("bias", getHiddenBias(), {h})) ||
      failed(sizes->fits("cells", getCells(), sizes->sequence(h))) ||
      failed(sizes->fits("gates", getGates(), sizes->sequence(savedGates(*this) * h))))
    return failure();
  return success();
}

LogicalResult RecurrenceGradOp::verify() {
  FailureOr<Sizes> sizes = checkCell(*this, getDy().getType());
  if (failed(sizes))
    return failure();
  bool lstm = getKind() == "lstm";
  if (bool(getCells()) != lstm || bool(getDc0()) != lstm || bool(getGates()) != (getKind() != "rnn") ||
      (getDcells() && !lstm))
    return emitOpError() << "of " << getKind() << " needs " << (lstm ? "cells, gates and dc0" : "neither cells nor dc0")
                         << (getKind() == "gru" ? ", but gates" : "");
  int64_t h = sizes->units;
  if (failed(sizes->fits("y", getY(), sizes->sequence(h))) || failed(sizes->fits("dy", getDy(), sizes->sequence(h))) ||
      failed(sizes->fits("cells", getCells(), sizes->sequence(h))) ||
      failed(sizes->fits("dcells", getDcells(), sizes->sequence(h))) ||
      failed(sizes->fits("gates", getGates(), sizes->sequence(savedGates(*this) * h))) ||
      failed(sizes->fits("dx", getDx(), sizes->sequence(sizes->gates * h))) ||
      failed(sizes->fits("dh0", getDh0(), sizes->state())) || failed(sizes->fits("dc0", getDc0(), sizes->state())))
    return failure();
  return success();
}
