// FlexAttention of ai.onnx.preview: attention whose scores and probabilities go through graphs of the model.
#include "frontends/onnx/ElementCast.h"
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

/// What a modifier graph makes of x; it must keep shape and type.
static FailureOr<Value> modify(Binder &b, StringRef name, Value x) {
  if (!b.hasAttr(name))
    return x;
  const auto *graph = b.attrGraph(name);
  if (!graph)
    return failure();
  Slot in;
  in.value = x;
  in.element = typeOf(x).getElementType();
  FailureOr<std::vector<Slot>> out = b.inlineGraph(*graph, {in}, "." + name.str());
  if (failed(out))
    return failure();
  if (out->size() != 1)
    return b.bad("its graph " + name + " has " + Twine(out->size()) + " outputs, it must have one");
  Value y = b.valueOf((*out)[0]);
  if (!y)
    return b.bad("its graph " + name + " gives no tensor");
  if (y.getType() != x.getType())
    return b.bad("its graph " + name + " makes " + showShape(shapeOf(y)) + " of scores of " + showShape(shapeOf(x)) +
                 ", or another element type");
  return y;
}

static LogicalResult importFlexAttention(Binder &b) {
  double scale = b.attrFloat("scale", 0);
  int64_t precision = b.attrInt("softmax_precision", 0);
  Value q = b.floatInput(0, "Q"), k = b.floatInput(1, "K"), v = b.floatInput(2, "V");
  if (!q || !k || !v || b.failed())
    return failure();
  ArrayRef<int64_t> qs = shapeOf(q), ks = shapeOf(k), vs = shapeOf(v); // [B, H, S, D]
  if (qs.size() != 4 || ks.size() != 4 || vs.size() != 4 || qs[0] != ks[0] || qs[0] != vs[0] || ks[1] != vs[1] ||
      ks[1] == 0 || qs[1] % ks[1] || qs[3] != ks[3] || ks[2] != vs[2])
    return b.bad("Q is " + showShape(qs) + ", K is " + showShape(ks) + ", V is " + showShape(vs) +
                 ", they do not fit together as batch x heads x sequence x size");
  Type element = typeOf(q).getElementType();
  Type wide = element.isF64() ? element : Type(b.builder.getF32Type());
  if (precision) {
    wide = elementType(b.context(), int32_t(precision));
    if (!wide || (!wide.isF32() && !wide.isF64()))
      return b.unsupported("softmax_precision is " + Twine(precision) + "; float32 (1) and float64 (11) are supported");
  }
  // A group of query heads shares the keys of one head: the group lies beside the queries.
  int64_t batch = qs[0], heads = qs[1], shared = ks[1], queries = qs[2], keys = ks[2], size = qs[3], width = vs[3];
  Shape scoresShape = {batch, heads, queries, keys};
  Value grouped = reshape(b, q, {batch, shared, heads / shared * queries, size});
  Value scores = DotOp::create(
      b.builder, b.loc, RankedTensorType::get({batch, shared, heads / shared * queries, keys}, element), grouped, k,
      ArrayRef<int64_t>{0, 1}, ArrayRef<int64_t>{0, 1}, ArrayRef<int64_t>{3}, ArrayRef<int64_t>{3});
  scores = castElements(b, reshape(b, scores, scoresShape), element, wide);
  scores = arith::MulFOp::create(b.builder, b.loc, scores,
                                 splatLike(b, scores, b.hasAttr("scale") ? scale : 1 / std::sqrt(double(size))));
  FailureOr<Value> modified = modify(b, "score_mod", scores);
  if (failed(modified))
    return failure();
  Value probabilities = SoftmaxOp::create(b.builder, b.loc, modified->getType(), *modified, 3);
  modified = modify(b, "prob_mod", probabilities);
  if (failed(modified))
    return failure();
  Value p = reshape(b, castElements(b, *modified, wide, element), {batch, shared, heads / shared * queries, keys});
  Value y =
      DotOp::create(b.builder, b.loc, RankedTensorType::get({batch, shared, heads / shared * queries, width}, element),
                    p, v, ArrayRef<int64_t>{0, 1}, ArrayRef<int64_t>{0, 1}, ArrayRef<int64_t>{3}, ArrayRef<int64_t>{2});
  b.result(reshape(b, y, {batch, heads, queries, width}));
  return success();
}

void addFlexAttentionOps(OpTable &t) {
  t.onOp("FlexAttention", 1, importFlexAttention, {Role::Elementwise}, nullptr, "ai.onnx.preview");
}

} // namespace mlir::llcc::frontend
