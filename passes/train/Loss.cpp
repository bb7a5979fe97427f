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

/// -1/(number of labels that count * microbatches), a scalar. Depends on labels alone, so it is computed first: the
/// backward pass can then follow the forward pass row by row, in one kernel, without waiting for a sum over the batch.
Value labelWeight(Emitter &e, Value label, Type element, int64_t microbatches) {
  Value ignored = e.constantLike(label, kIgnoredLabel);
  Value valid = e.indicator(e.compare(arith::CmpIPredicate::ne, label, ignored), element);
  Value count = e.sum(valid, dimsFrom(0, typeOf(valid).getRank()));
  count = e.binary<arith::MaximumFOp>(count, e.constantLike(count, 1)); // a batch without labels has loss 0, not 0/0
  return e.div(e.constantLike(count, -1.0 / microbatches), count);
}

/// Sum of weight * logp[label] over all labels, weighted one by one so that forward and backward rows stay one kernel.
/// A label selects by comparison, so that an ignored or foreign number selects nothing, and a class dimension that is
/// cut over devices needs no gather.
Value pickedSum(Emitter &e, Value logp, Value label, int64_t classDim, Value weight) {
  RankedTensorType type = typeOf(logp);
  Value classes = IotaOp::create(e.builder, e.loc, type.clone(e.builder.getI64Type()), classDim);
  Value wanted = e.restore(label, type.getShape(), classDim);
  Value picked = e.keep(e.compare(arith::CmpIPredicate::eq, classes, wanted), logp);
  Value perLabel = e.sum(picked, classDim); // label's shape
  perLabel = e.mul(perLabel, e.spread(weight, perLabel));
  return e.sum(perLabel, dimsFrom(0, typeOf(perLabel).getRank()));
}

Value crossEntropy(Emitter &e, Value output, Value label, int64_t classDim, int64_t microbatches) {
  Value weight = labelWeight(e, label, typeOf(output).getElementType(), microbatches);
  Value logp = LogSoftmaxOp::create(e.builder, e.loc, output, classDim);
  return pickedSum(e, logp, label, classDim, weight);
}

Value negativeLogLikelihood(Emitter &e, Value output, Value label, int64_t classDim, int64_t microbatches) {
  Value weight = labelWeight(e, label, typeOf(output).getElementType(), microbatches);
  return pickedSum(e, output, label, classDim, weight);
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

/// -(z log x + (1-z) log(1-x)), each logarithm at least -100 (torch.nn.BCELoss), where it has no gradient.
Value binaryCrossEntropyOfProbabilities(Emitter &e, Value output, Value label, int64_t, int64_t microbatches) {
  Value one = e.constantLike(output, 1);
  auto log = [&](Value x) {
    Value least = e.constantLike(x, 1e-37);
    Value there = e.compare(arith::CmpFPredicate::UGE, x, least); // a NaN stays one
    return e.select(there, e.unary<math::LogOp>(e.select(there, x, least)), e.constantLike(x, -100));
  };
  Value sum = e.add(e.mul(label, log(output)), e.mul(e.sub(one, label), log(e.sub(one, output))));
  return e.neg(mean(e, sum, microbatches));
}

constexpr Loss kLosses[] = {{"cross_entropy", true, crossEntropy},
                            {"nll", true, negativeLogLikelihood},
                            {"mse", false, meanSquare},
                            {"l1", false, meanAbsolute},
                            {"bce", false, binaryCrossEntropyOfProbabilities},
                            {"bce_logits", false, binaryCrossEntropy}};

} // namespace

ArrayRef<Loss> losses() { return kLosses; }

const Loss &lossNamed(StringRef name) {
  return *llvm::find_if(losses(), [&](const Loss &loss) { return loss.name == name; });
}

int64_t defaultClassDim(int64_t rank) { return rank == 3 ? 2 : 1; }

} // namespace mlir::llcc
