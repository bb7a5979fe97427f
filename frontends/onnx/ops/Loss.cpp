// Losses that a graph computes itself: negative log likelihood, with or without the softmax before it.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// scores [N, C, d..] as log probabilities, labels [N, d..], weights [C] or absent. A label selects by comparison, so
/// that an ignored or foreign number selects nothing, and a class dimension that is cut over devices needs no gather.
static LogicalResult negativeLogLikelihood(Binder &b, Value logp, Value labels, Value weights) {
  std::string reduction = b.attrString("reduction", "mean");
  bool ignores = b.hasAttr("ignore_index");
  int64_t ignored = b.attrInt("ignore_index", 0);
  if (reduction != "mean" && reduction != "sum" && reduction != "none")
    return b.bad("attribute \"reduction\" is " + quote(reduction) + ", it must be mean, sum or none");
  ArrayRef<int64_t> shape = shapeOf(logp);
  Shape wanted(shape);
  if (shape.size() < 2)
    return b.bad("scores are " + showShape(shape) + ", they must be N x C x further dimensions");
  wanted.erase(wanted.begin() + 1);
  if (ArrayRef<int64_t>(wanted) != shapeOf(labels) || Arithmetic::isFloat(labels))
    return b.bad("scores are " + showShape(shape) + ", labels are " + showShape(shapeOf(labels)) +
                 "; labels must be integers of shape " + showShape(wanted));
  if (weights && (rankOf(weights) != 1 || shapeOf(weights)[0] != shape[1] ||
                  typeOf(weights).getElementType() != typeOf(logp).getElementType()))
    return b.bad("weights are " + showShape(shapeOf(weights)) + ", there must be one of the scores' type for each of " +
                 Twine(shape[1]) + " classes");
  Arithmetic a(b);
  Type type = typeOf(logp).getElementType();
  Shape column(shape);
  column[1] = 1;
  Value label = reshape(b, labels, column); // [N, 1, d..]
  Value hit = a.equal(a.iota(shape, 1, typeOf(labels).getElementType()), label);
  Value counts = ignores ? a.compare(arith::CmpFPredicate::UNE, labels, double(ignored)) : Value();
  Value weighted = logp, weight;
  if (weights) {
    Value perClass = broadcast(b, weights, shape, {1});
    weighted = a.mul(logp, perClass);
    weight = a.sum(a.keep(hit, perClass), 1, /*keep=*/false); // [N, d..]
  } else if (ignores) {
    weight = a.select(counts, splat(b, wanted, type, 1), 0.0);
  }
  Value loss = a.neg(a.sum(a.keep(hit, weighted), 1, /*keep=*/false));
  if (ignores) {
    loss = a.keep(counts, loss);
    weight = a.keep(counts, weight);
  }
  if (reduction == "none") {
    b.result(loss);
    return success();
  }
  Shape all = dimsBetween(0, rankOf(loss));
  Value total = a.sum(loss, all, /*keep=*/false);
  if (reduction == "mean")
    total = a.div(total, weight ? a.sum(weight, all, /*keep=*/false) : a.like(total, double(typeOf(loss).getNumElements())));
  b.result(total);
  return success();
}

static LogicalResult importNll(Binder &b) {
  Value logp = b.floatInput(0, "input"), labels = b.input(1, "target"), weights = b.optionalFloatInput(2, "weight");
  if (!logp || !labels || b.failed())
    return failure();
  return negativeLogLikelihood(b, logp, labels, weights);
}

static LogicalResult importSoftmaxCrossEntropy(Binder &b) {
  Value scores = b.floatInput(0, "scores"), labels = b.input(1, "labels"), weights = b.optionalFloatInput(2, "weights");
  if (!scores || !labels || b.failed())
    return failure();
  if (rankOf(scores) < 2)
    return b.bad("scores are " + showShape(shapeOf(scores)) + ", they must be N x C x further dimensions");
  Value logp = LogSoftmaxOp::create(b.builder, b.loc, scores.getType(), scores, 1);
  b.result(logp, 1);
  return negativeLogLikelihood(b, logp, labels, weights);
}

void addLossOps(OpTable &t) {
  const SmallVector<Role, 3> roles = {Role::Elementwise, Role::Data, Role::Data};
  t.onOp("NegativeLogLikelihoodLoss", 12, importNll, roles);
  t.onOp("SoftmaxCrossEntropyLoss", 12, importSoftmaxCrossEntropy, roles);
}

} // namespace mlir::llcc::frontend
