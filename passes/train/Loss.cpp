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

/// Which labels count: i1, the labels' shape.
Value countsOf(Emitter &e, Value label, const ClassLabels &classes) {
  return e.compare(arith::CmpIPredicate::ne, label, e.constantLike(label, double(classes.ignored)));
}

/// -1/(number of labels that count * microbatches), a scalar. Depends on labels alone, so it is computed first: the
/// backward pass can then follow the forward pass row by row, in one kernel, without waiting for a sum over the batch.
Value labelWeight(Emitter &e, Value label, Type element, const ClassLabels &classes, int64_t microbatches) {
  Value valid = e.indicator(countsOf(e, label, classes), element);
  Value count = e.sum(valid, dimsFrom(0, typeOf(valid).getRank()));
  count = e.binary<arith::MaximumFOp>(count, e.constantLike(count, 1)); // a batch without labels has loss 0, not 0/0
  return e.div(e.constantLike(count, -1.0 / microbatches), count);
}

/// True where a class is the label's: i1, the output's shape. A label selects by comparison, so that an ignored or
/// foreign number selects nothing, and a class dimension that is cut over devices needs no gather.
Value hits(Emitter &e, Value label, RankedTensorType type, const ClassLabels &classes) {
  if (classes.ignored >= 0 && classes.ignored < type.getDimSize(classes.dim)) // a class that does not count
    label = e.select(countsOf(e, label, classes), label, e.constantLike(label, -1));
  Value numbers = IotaOp::create(e.builder, e.loc, type.clone(e.builder.getI64Type()), classes.dim);
  return e.compare(arith::CmpIPredicate::eq, numbers, e.restore(label, type.getShape(), classes.dim));
}

/// The classes' weights in the output's shape. Nothing where all are one.
Value classWeights(Emitter &e, RankedTensorType type, const ClassLabels &classes) {
  if (classes.weights.empty())
    return {};
  auto row = RankedTensorType::get({type.getDimSize(classes.dim)}, type.getElementType());
  Value numbers = IotaOp::create(e.builder, e.loc, row.clone(e.builder.getI64Type()), 0);
  Value weights = e.constant(row, classes.weights[0]);
  for (auto [c, weight] : llvm::enumerate(classes.weights))
    if (weight != classes.weights[0])
      weights = e.select(e.compare(arith::CmpIPredicate::eq, numbers, e.constantLike(numbers, double(c))),
                         e.constant(row, weight), weights);
  return e.broadcast(weights, type.getShape(), {classes.dim});
}

/// Sum of weight * logp[label] over all labels, weighted one by one so that forward and backward rows stay one kernel.
Value pickedSum(Emitter &e, Value logp, Value label, const ClassLabels &classes, Value weight) {
  Value picked = e.keep(hits(e, label, typeOf(logp), classes), logp);
  Value perLabel = e.sum(picked, classes.dim); // label's shape
  perLabel = e.mul(perLabel, e.spread(weight, perLabel));
  return e.sum(perLabel, dimsFrom(0, typeOf(perLabel).getRank()));
}

/// The same with smoothed labels and weights of the classes w (torch.nn.functional.cross_entropy): of a label y that
/// counts, (1-s)*w[y]*logp[y] + s/C * sum over c of w[c]*logp[c], divided by the sum of w[y].
Value smoothedSum(Emitter &e, Value logp, Value label, const ClassLabels &classes, int64_t microbatches) {
  RankedTensorType type = typeOf(logp);
  Value hit = hits(e, label, type, classes), weights = classWeights(e, type, classes);
  Value weight;
  if (weights) {
    Value own = e.sum(e.keep(hit, weights), classes.dim); // label's shape; 0 where it does not count
    Value total = e.sum(own, dimsFrom(0, typeOf(own).getRank()));
    Value none = e.compare(arith::CmpFPredicate::OEQ, total, e.constantLike(total, 0));
    total = e.select(none, e.constantLike(total, 1), total);
    weight = e.div(e.constantLike(total, -1.0 / microbatches), total);
  } else {
    weight = labelWeight(e, label, type.getElementType(), classes, microbatches);
  }
  Value weighted = weights ? e.mul(logp, weights) : logp;
  Value perLabel = e.mul(e.sum(e.keep(hit, weighted), classes.dim), 1 - classes.smoothing);
  if (classes.smoothing != 0) {
    Value even = e.mul(e.sum(weighted, classes.dim), classes.smoothing / double(type.getDimSize(classes.dim)));
    perLabel = e.add(perLabel, e.keep(countsOf(e, label, classes), even));
  }
  perLabel = e.mul(perLabel, e.spread(weight, perLabel));
  return e.sum(perLabel, dimsFrom(0, typeOf(perLabel).getRank()));
}

/// Labels are probabilities p: -sum over c of w[c]*((1-s)*p[c] + s/C)*logp[c], mean over what is classified.
Value expectedSum(Emitter &e, Value logp, Value label, const ClassLabels &classes, int64_t microbatches) {
  RankedTensorType type = typeOf(logp);
  double count = double(type.getNumElements()) / double(type.getDimSize(classes.dim));
  Value p = e.mul(label, 1 - classes.smoothing);
  if (classes.smoothing != 0)
    p = e.add(p, classes.smoothing / double(type.getDimSize(classes.dim)));
  if (Value weights = classWeights(e, type, classes))
    p = e.mul(p, weights);
  Value there = e.compare(arith::CmpFPredicate::UNE, p, e.constantLike(p, 0)); // 0 * -inf is nothing
  Value sum = e.sum(e.keep(there, e.mul(p, logp)), dimsFrom(0, type.getRank()));
  return e.mul(sum, -1.0 / (count * double(microbatches)));
}

Value negativeLogLikelihood(Emitter &e, Value output, Value label, const ClassLabels &classes, int64_t microbatches) {
  if (classes.probabilities)
    return expectedSum(e, output, label, classes, microbatches);
  if (classes.smoothing != 0 || !classes.weights.empty())
    return smoothedSum(e, output, label, classes, microbatches);
  return pickedSum(e, output, label, classes,
                   labelWeight(e, label, typeOf(output).getElementType(), classes, microbatches));
}

Value crossEntropy(Emitter &e, Value output, Value label, const ClassLabels &classes, int64_t microbatches) {
  // What depends on labels alone comes first; then nothing stands between a row's forward and backward pass.
  if (!classes.probabilities && classes.smoothing == 0 && classes.weights.empty()) {
    Value weight = labelWeight(e, label, typeOf(output).getElementType(), classes, microbatches);
    Value logp = LogSoftmaxOp::create(e.builder, e.loc, output, classes.dim);
    return pickedSum(e, logp, label, classes, weight);
  }
  return negativeLogLikelihood(e, LogSoftmaxOp::create(e.builder, e.loc, output, classes.dim), label, classes,
                               microbatches);
}

Value meanSquare(Emitter &e, Value output, Value label, const ClassLabels &, int64_t microbatches) {
  Value difference = e.sub(output, label);
  return mean(e, e.mul(difference, difference), microbatches);
}

Value meanAbsolute(Emitter &e, Value output, Value label, const ClassLabels &, int64_t microbatches) {
  return mean(e, e.unary<math::AbsFOp>(e.sub(output, label)), microbatches);
}

/// softplus(x) - x*z = -(z log s(x) + (1-z) log(1-s(x))) with s the sigmoid.
Value binaryCrossEntropy(Emitter &e, Value output, Value label, const ClassLabels &, int64_t microbatches) {
  Value softplus = SoftplusOp::create(e.builder, e.loc, output);
  return mean(e, e.sub(softplus, e.mul(output, label)), microbatches);
}

/// -(z log x + (1-z) log(1-x)), each logarithm at least -100 (torch.nn.BCELoss), where it has no gradient.
Value binaryCrossEntropyOfProbabilities(Emitter &e, Value output, Value label, const ClassLabels &,
                                        int64_t microbatches) {
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
