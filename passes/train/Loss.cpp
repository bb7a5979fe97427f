// Losses by name. Sources of the formulas: README.md.
#include "passes/train/Loss.h"

namespace mlir::llcc {
namespace {

/// Mean of all elements / microbatches.
Value mean(Emitter &e, Value x, int64_t microbatches) {
  RankedTensorType type = typeOf(x);
  Value total = e.sum(x, dimsFrom(0, type.getRank()));
  return e.mul(total, 1.0 / (double(std::max<int64_t>(type.getNumElements(), 1)) * microbatches));
}

/// -1/valid * sum of logp[label] over the labels that are not kIgnoredLabel. A label selects by comparison, so that an
/// ignored or foreign number selects nothing, and a class dimension that is cut over devices needs no gather.
Value pickedMean(Emitter &e, Value logp, Value label, int64_t classDim, int64_t microbatches) {
  RankedTensorType type = typeOf(logp);
  auto indices = type.clone(e.builder.getI64Type());
  Value classes = IotaOp::create(e.builder, e.loc, indices, classDim);
  Value wanted = e.restore(label, type.getShape(), classDim);
  Value picked = e.keep(e.compare(arith::CmpIPredicate::eq, classes, wanted), logp);
  Value perLabel = e.sum(picked, classDim); // label's shape
  Value total = e.sum(perLabel, dimsFrom(0, typeOf(perLabel).getRank()));

  Value ignored = e.constantLike(label, kIgnoredLabel);
  Value valid = e.indicator(e.compare(arith::CmpIPredicate::ne, label, ignored), type.getElementType());
  Value count = e.sum(valid, dimsFrom(0, typeOf(valid).getRank()));
  count = e.binary<arith::MaximumFOp>(count, e.constantLike(count, 1)); // a batch without labels has loss 0, not 0/0
  Value weight = e.div(e.constantLike(count, -1.0 / microbatches), count);
  return e.mul(total, weight);
}

Value crossEntropy(Emitter &e, Value output, Value label, int64_t classDim, int64_t microbatches) {
  Value logp = LogSoftmaxOp::create(e.builder, e.loc, output, classDim);
  return pickedMean(e, logp, label, classDim, microbatches);
}

Value meanSquare(Emitter &e, Value output, Value label, int64_t, int64_t microbatches) {
  Value difference = e.sub(output, label);
  return mean(e, e.mul(difference, difference), microbatches);
}

Value meanAbsolute(Emitter &e, Value output, Value label, int64_t, int64_t microbatches) {
  return mean(e, e.unary<math::AbsFOp>(e.sub(output, label)), microbatches);
}

/// softplus(x) - x*z = -(z log s(x) + (1-z) log(1-s(x))) with s the sigmoid.
Value binaryCrossEntropy(Emitter &e, Value output, Value label, int64_t, int64_t microbatches) {
  Value softplus = SoftplusOp::create(e.builder, e.loc, output);
  return mean(e, e.sub(softplus, e.mul(output, label)), microbatches);
}

constexpr Loss kLosses[] = {{"cross_entropy", true, crossEntropy},
                            {"nll", true, pickedMean},
                            {"mse", false, meanSquare},
                            {"l1", false, meanAbsolute},
                            {"bce_logits", false, binaryCrossEntropy}};

} // namespace

ArrayRef<Loss> losses() { return kLosses; }

int64_t defaultClassDim(int64_t rank) { return rank == 3 ? 2 : 1; }

} // namespace mlir::llcc
