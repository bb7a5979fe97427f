// Attention: two batched products around a softmax over what the masks leave, and rotary positions.
//
// Heads are a batch dimension of both products and pass every op between them, so that a strategy that cuts the heads
// needs no communication inside. Keys that are shared by a group of query heads are not repeated: the group becomes a
// dimension of the queries alone.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

namespace {

struct Heads {
  Value q, k, v; ///< [B, Hq, Sq, D], [B, Hkv, Skv, D], [B, Hkv, Skv, Dv], the past before k and v
  int64_t past = 0;
  bool flat = false; ///< inputs and result are [B, S, H*D]
};

/// Which keys a query may read, and what is added to its scores; both null where there is nothing to say.
struct Mask {
  Value allowed;            ///< i1, broadcasts to the scores
  Value bias;               ///< floats, broadcast to the scores
  bool mayBeEmpty = false;  ///< a query may be left without any key
};

/// [B, S, H*D] as [B, H, S, D].
Value splitHeads(Binder &b, Value x, int64_t heads) {
  ArrayRef<int64_t> s = shapeOf(x);
  return transpose(b, reshape(b, x, {s[0], s[1], heads, s[2] / heads}), {0, 2, 1, 3});
}

/// [B, H, S, D] as [B, S, H*D].
Value joinHeads(Binder &b, Value x) {
  ArrayRef<int64_t> s = shapeOf(x);
  Shape flat = {s[0], s[2], s[1] * s[3]};
  return reshape(b, transpose(b, x, {0, 2, 1, 3}), flat);
}

LogicalResult readHeads(Binder &b, Heads &h) {
  int64_t heads[3] = {b.attrInt("q_num_heads", 0), b.attrInt("kv_num_heads", 0), 0};
  heads[2] = heads[1];
  Value *values[] = {&h.q, &h.k, &h.v};
  static constexpr StringLiteral names[] = {"Q", "K", "V"};
  for (unsigned i = 0; i < 3; ++i) {
    Value x = *values[i] = b.floatInput(i, names[i]);
    if (!x)
      return failure();
    int64_t rank = rankOf(x);
    if (rank != int64_t(b.inputType(0).second.size()) || (rank != 3 && rank != 4))
      return b.bad(names[i] + " is " + showShape(shapeOf(x)) + ", Q, K and V must all have 3 or all have 4 dimensions");
    if (typeOf(x).getElementType() != typeOf(h.q).getElementType() && i == 1)
      return b.bad("element types of Q and K differ");
    if (rank == 4)
      continue;
    h.flat = true;
    if (heads[i] < 1 || shapeOf(x)[2] % heads[i])
      return b.bad("attribute " + Twine(i == 0 ? "\"q_num_heads\"" : "\"kv_num_heads\"") + " is " + Twine(heads[i]) +
                   ", it must divide the last dimension of " + names[i] + ", " + showShape(shapeOf(x)));
    *values[i] = splitHeads(b, x, heads[i]);
  }
  Arithmetic a(b);
  if (typeOf(h.v).getElementType() != typeOf(h.q).getElementType())
    h.v = a.convert(h.v, typeOf(h.q).getElementType());
  if (b.hasInput(4) != b.hasInput(5))
    return b.bad("past_key and past_value must be given together");
  if (b.hasInput(4)) {
    Value key = b.floatInput(4, "past_key"), value = b.floatInput(5, "past_value");
    if (!key || !value)
      return failure();
    for (auto [past, now, name] : {std::tuple<Value, Value *, StringRef>{key, &h.k, "past_key"}, {value, &h.v, "past_value"}}) {
      ArrayRef<int64_t> from = shapeOf(past), to = shapeOf(*now);
      if (from.size() != 4 || from[0] != to[0] || from[1] != to[1] || from[3] != to[3] ||
          typeOf(past).getElementType() != typeOf(*now).getElementType())
        return b.bad(name + " is " + showShape(from) + ", it does not fit to " + showShape(to));
      *now = a.concat({past, *now}, 2);
    }
    h.past = shapeOf(key)[2];
  }
  ArrayRef<int64_t> q = shapeOf(h.q), k = shapeOf(h.k), v = shapeOf(h.v);
  if (q[0] != k[0] || q[0] != v[0] || k[1] != v[1] || k[2] != v[2] || q[3] != k[3] || k[1] == 0 || q[1] % k[1])
    return b.bad("queries are " + showShape(q) + ", keys " + showShape(k) + ", values " + showShape(v) +
                 " (batch x heads x sequence x size), they do not fit together");
  return success();
}

/// The mask input, padded to all keys; -inf and false are what no query reads.
LogicalResult readMask(Binder &b, const Heads &h, Mask &m) {
  if (!b.hasInput(3))
    return success();
  Value mask = b.input(3, "attn_mask");
  if (!mask)
    return failure();
  Shape scores = {shapeOf(h.q)[0], shapeOf(h.q)[1], shapeOf(h.q)[2], shapeOf(h.k)[2]};
  Type type = typeOf(mask).getElementType();
  bool isBool = type.isInteger(1);
  if (!isBool && type != typeOf(h.q).getElementType())
    return b.bad("attn_mask must hold booleans or numbers of Q's type");
  Arithmetic a(b);
  Shape shape(shapeOf(mask));
  if (!shape.empty() && shape.back() < scores[3] && shape.back() != 1) {
    shape.back() = scores[3] - shape.back();
    mask = a.concat({mask, splat(b, shape, type, isBool ? 0 : -INFINITY)}, shape.size() - 1);
  }
  std::optional<Shape> common = broadcastShapes(shapeOf(mask), scores);
  if (!common || *common != scores)
    return b.bad("attn_mask is " + showShape(shapeOf(mask)) + ", it does not broadcast to " + showShape(scores));
  (isBool ? m.allowed : m.bias) = mask;
  m.mayBeEmpty = true;
  return success();
}

/// Causality, windows and the number of keys that count, from positions: query i stands at i + offset.
LogicalResult readPositions(Binder &b, const Heads &h, Mask &m) {
  bool causal = b.attrInt("is_causal", 0);
  int64_t left = b.opset >= 25 ? b.attrInt("left_window_size", -1) : -1,
          right = b.opset >= 25 ? b.attrInt("right_window_size", -1) : -1;
  int64_t queries = shapeOf(h.q)[2], keys = shapeOf(h.k)[2];
  if (left < -1 || right < -1)
    return b.bad("left_window_size is " + Twine(left) + ", right_window_size is " + Twine(right) +
                 "; they must be -1 or more");
  Arithmetic a(b);
  Type i64 = b.builder.getI64Type();
  Value valid; // [B, 1, 1, 1], of keys
  if (b.hasInput(6)) {
    Value count = b.input(6, "nonpad_kv_seqlen");
    if (!count)
      return failure();
    if (h.past || Arithmetic::isFloat(count) || rankOf(count) != 1 || shapeOf(count)[0] != shapeOf(h.q)[0])
      return b.bad("nonpad_kv_seqlen must hold an integer for each sample, and cannot go with past_key");
    valid = reshape(b, a.convert(count, i64), {shapeOf(count)[0], 1, 1, 1});
  }
  Value key = a.iota({1, 1, 1, keys}, 3, i64);
  Value at = a.iota({1, 1, queries, 1}, 2, i64); // of the query
  at = valid ? a.add(at, a.sub(valid, double(queries))) : a.add(at, double(h.past));
  auto allow = [&](Value condition) { m.allowed = m.allowed ? a.both(m.allowed, condition) : condition; };
  using P = arith::CmpFPredicate;
  if (causal)
    allow(a.compare(P::OLE, key, at));
  if (left >= 0)
    allow(a.compare(P::OLE, a.sub(at, key), double(left)));
  if (right >= 0)
    allow(a.compare(P::OLE, a.sub(key, at), double(right)));
  if (valid)
    allow(a.less(key, valid));
  m.mayBeEmpty |= valid || (left >= 0 && queries + h.past > keys);
  return success();
}

/// The dimension of query heads, which is 1 or all of them, as [kv heads, group].
Value groupHeads(Binder &b, Value x, int64_t heads, int64_t group) {
  Shape shape(4 - rankOf(x), 1);
  shape.append(shapeOf(x).begin(), shapeOf(x).end());
  bool all = shape[1] != 1;
  shape[1] = all ? heads : 1;
  shape.insert(shape.begin() + 2, all ? group : 1);
  return reshape(b, x, shape);
}

/// x[batch.., m.., k] * y[batch.., n, k] (or y[batch.., k, n]).
Value batchedDot(Binder &b, Value x, Value y, bool yTransposed) {
  Shape batch = {0, 1};
  Shape shape(shapeOf(x).drop_back());
  shape.push_back(shapeOf(y)[yTransposed ? 2 : 3]);
  auto type = RankedTensorType::get(shape, typeOf(x).getElementType());
  return DotOp::create(b.builder, b.loc, type, x, y, batch, batch, ArrayRef<int64_t>{rankOf(x) - 1},
                       ArrayRef<int64_t>{yTransposed ? 3 : 2});
}

/// The type in which the softmax is computed; null where it is refused (said).
Type softmaxType(Binder &b, Type type) {
  switch (int64_t precision = b.attrInt("softmax_precision", 0)) {
  case 0:
    return type;
  case ::onnx::TensorProto::FLOAT:
    return b.builder.getF32Type();
  case ::onnx::TensorProto::DOUBLE:
    return b.builder.getF64Type();
  case ::onnx::TensorProto::FLOAT16:
    return b.builder.getF16Type();
  case ::onnx::TensorProto::BFLOAT16:
    return b.builder.getBF16Type();
  default:
    (void)b.bad("attribute \"softmax_precision\" is " + Twine(precision) + ", it must be 1, 10, 11 or 16");
    return {};
  }
}

} // namespace

static LogicalResult importAttention(Binder &b) {
  Heads h;
  Mask m;
  double scale = b.attrFloat("scale", 0), softcap = b.attrFloat("softcap", 0);
  bool scaled = b.hasAttr("scale");
  int64_t mode = b.attrInt("qk_matmul_output_mode", 0);
  if (failed(readHeads(b, h)) || failed(readMask(b, h, m)) || failed(readPositions(b, h, m)))
    return failure();
  Type type = typeOf(h.q).getElementType(), wide = softmaxType(b, type);
  if (!wide)
    return failure();
  if (mode < 0 || mode > 3)
    return b.bad("attribute \"qk_matmul_output_mode\" is " + Twine(mode) + ", it must be 0 to 3");
  Arithmetic a(b);
  ArrayRef<int64_t> qs = shapeOf(h.q); // [B, Hq, Sq, D]
  int64_t heads = shapeOf(h.k)[1], group = qs[1] / heads;
  Shape scoresShape = {qs[0], qs[1], qs[2], shapeOf(h.k)[2]};
  Value q = a.mul(h.q, scaled ? scale : 1 / std::sqrt(double(std::max<int64_t>(qs[3], 1))));
  if (group > 1)
    q = reshape(b, q, {qs[0], heads, group, qs[2], qs[3]});
  auto grouped = [&](Value x) { return x && group > 1 ? groupHeads(b, x, heads, group) : x; };
  Value allowed = grouped(m.allowed), bias = grouped(m.bias);

  Value scores = batchedDot(b, q, h.k, /*yTransposed=*/true);
  Value shown = scores; // by the fourth output
  if (softcap > 0)
    scores = a.mul(a.unary<math::TanhOp>(a.div(scores, softcap)), softcap);
  if (mode == 1)
    shown = scores;
  if (bias)
    scores = a.add(scores, bias);
  if (allowed)
    scores = a.select(allowed, scores, -INFINITY);
  if (mode == 2)
    shown = scores;
  Value any; // whether a query reads any key; without one its scores are all -inf, and their softmax is no number
  if (m.mayBeEmpty) {
    Value open = bias ? a.compare(arith::CmpFPredicate::UNE, bias, -INFINITY) : Value();
    open = !open ? allowed : allowed ? a.both(allowed, open) : open;
    any = reduce(b, open, ReduceKind::Max, rankOf(open) - 1, /*keep=*/true);
    scores = a.keep(any, scores);
  }
  scores = a.convert(scores, wide);
  Value weights = SoftmaxOp::create(b.builder, b.loc, scores.getType(), scores, rankOf(scores) - 1);
  weights = a.convert(weights, type);
  if (any)
    weights = a.keep(any, weights);
  if (mode == 3)
    shown = weights;

  Value y = batchedDot(b, weights, h.v, /*yTransposed=*/false); // [B, Hkv, (group,) Sq, Dv]
  y = reshape(b, y, {qs[0], qs[1], qs[2], shapeOf(h.v)[3]});
  b.result(h.flat ? joinHeads(b, y) : y);
  b.result(h.k, 1);
  b.result(h.v, 2);
  if (b.outputUsed(3))
    b.result(reshape(b, shown, scoresShape), 3);
  return success();
}

//===-- Rotary positions ----------------------------------------------------------===//

/// Turns pairs of a head's first numbers by angles that grow with the position.
static LogicalResult importRotary(Binder &b) {
  bool interleaved = b.attrInt("interleaved", 0), microsoft = b.node.domain() == "com.microsoft";
  int64_t heads = b.attrInt("num_heads", 0), turned = b.attrInt("rotary_embedding_dim", 0);
  // com.microsoft has the positions in front of the tables.
  unsigned ids = microsoft ? 1 : 3, tables = microsoft ? 2 : 1;
  if (microsoft) {
    b.ignoreAttr("is_packed_batching");
    b.ignoreAttr("scale");
  }
  Value x = b.floatInput(0, "X"), cos = b.floatInput(tables, "cos_cache"), sin = b.floatInput(tables + 1, "sin_cache");
  if (!x || !cos || !sin)
    return failure();
  Shape given(shapeOf(x));
  bool flat = given.size() == 3;
  if (!flat && given.size() != 4)
    return b.bad("X is " + showShape(given) + ", it must have 3 or 4 dimensions");
  if (flat && heads == 0 && turned > 0 && microsoft)
    heads = given[2] / turned;
  if (flat && heads == 0 && microsoft)
    heads = given[2] / std::max<int64_t>(1, 2 * shapeOf(cos).back());
  if (flat && (heads < 1 || given[2] % heads))
    return b.bad("attribute \"num_heads\" is " + Twine(heads) + ", it must divide the last dimension of X, " +
                 showShape(given));
  // [B, S, H, D], or [B, H, S, D]: positions are dimension 1 or 2.
  if (flat)
    x = reshape(b, x, {given[0], given[1], heads, given[2] / heads});
  int64_t batch = given[0], sequence = flat ? given[1] : given[2], size = shapeOf(x)[3];
  if (turned == 0)
    turned = size;
  if (turned < 0 || turned > size || turned % 2)
    return b.bad("attribute \"rotary_embedding_dim\" is " + Twine(turned) + ", it must be even and at most " +
                 Twine(size));
  int64_t half = turned / 2;
  Arithmetic a(b);
  for (Value *table : {&cos, &sin}) {
    if (typeOf(*table).getElementType() != typeOf(x).getElementType())
      return b.bad("element types of X and its tables differ");
    if (b.hasInput(ids)) {
      Value positions = b.input(ids, "position_ids");
      if (!positions)
        return failure();
      if (microsoft && typeOf(positions).getNumElements() == 1) { // where the sequence begins
        Value first = broadcastTo(b, reshape(b, positions, {1, 1}), {batch, sequence});
        positions = a.add(first, a.iota({batch, sequence}, 1, typeOf(positions).getElementType()));
      }
      if (rankOf(*table) != 2 || Arithmetic::isFloat(positions) || rankOf(positions) != 2)
        return b.bad("with position_ids of two dimensions the tables must have two, they are " +
                     showShape(shapeOf(*table)));
      Shape picked(shapeOf(positions));
      picked.push_back(shapeOf(*table)[1]);
      *table = GatherOp::create(b.builder, b.loc, typeOf(*table).clone(picked), *table, positions, 0);
    } else if (rankOf(*table) == 2) {
      *table = reshape(b, *table, {1, shapeOf(*table)[0], shapeOf(*table)[1]});
    }
    Shape want = {batch, sequence, half};
    std::optional<Shape> shape = broadcastShapes(shapeOf(*table), want);
    if (!shape || *shape != want)
      return b.bad("its tables are " + showShape(shapeOf(*table)) + ", they must be " + showShape(want));
    Shape placed(shapeOf(*table));
    placed.insert(placed.begin() + (flat ? 2 : 1), 1);
    *table = reshape(b, *table, placed);
  }
  int64_t stride = interleaved ? 2 : 1;
  Value x1 = a.slice(x, 3, 0, half, stride), x2 = a.slice(x, 3, interleaved ? 1 : half, half, stride);
  Value y1 = a.sub(a.mul(cos, x1), a.mul(sin, x2)), y2 = a.add(a.mul(sin, x1), a.mul(cos, x2));
  if (interleaved) { // y1 and y2 take turns
    Shape paired(shapeOf(y1)), joined(paired);
    paired.push_back(1);
    joined[3] = turned;
    y1 = reshape(b, a.concat({reshape(b, y1, paired), reshape(b, y2, paired)}, 4), joined);
  } else {
    y1 = a.concat({y1, y2}, 3);
  }
  if (turned < size)
    y1 = a.concat({y1, a.slice(x, 3, turned, size - turned)}, 3);
  b.result(reshape(b, y1, given));
  return success();
}

void addAttentionOps(OpTable &t) {
  t.onOp("Attention", 23, importAttention, {Role::Elementwise, Role::Elementwise, Role::Elementwise, Role::Data});
  t.onOp("RotaryEmbedding", 23, importRotary, {Role::Elementwise, Role::Data});
  t.onOp("RotaryEmbedding", 1, importRotary, {Role::Elementwise, Role::Data}, nullptr, "com.microsoft");
}

} // namespace mlir::llcc::frontend
