// Operators of recurrent language models that carry a state: LinearAttention, CausalConvWithState (opset 27).
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

/// Steps of LinearAttention that are written out one behind the other.
static constexpr int64_t kMaxSteps = 512;

static Value mul(Binder &b, Value x, Value y) { return arith::MulFOp::create(b.builder, b.loc, x, y); }
static Value add(Binder &b, Value x, Value y) { return arith::AddFOp::create(b.builder, b.loc, x, y); }

/// Elements [first, first + size) of dimension `dim`.
static Value part(Binder &b, Value x, int64_t dim, int64_t first, int64_t size) {
  Shape to(shapeOf(x)), starts(rankOf(x), 0), strides(rankOf(x), 1);
  to[dim] = size;
  starts[dim] = first;
  if (ArrayRef<int64_t>(to) == shapeOf(x))
    return x;
  return SliceOp::create(b.builder, b.loc, typeOf(x).clone(to), x, starts, strides);
}

static Value concat(Binder &b, ArrayRef<Value> parts, int64_t dim) {
  if (parts.size() == 1)
    return parts[0];
  Shape to(shapeOf(parts[0]));
  for (Value p : parts.drop_front())
    to[dim] += shapeOf(p)[dim];
  return ConcatOp::create(b.builder, b.loc, typeOf(parts[0]).clone(to), parts, dim);
}

/// y = activation(bias + sum over j of weight[:, j] x padded[:, :, j : j + length]); padded = past_state, then x.
static LogicalResult importCausalConv(Binder &b) {
  std::string activation = b.attrString("activation", "none");
  Value x = b.floatInput(0, "input"), weight = b.floatInput(1, "weight"), bias = b.optionalFloatInput(2, "bias"),
        past = b.optionalFloatInput(3, "past_state");
  if (!x || !weight || b.failed())
    return failure();
  if (activation != "none" && activation != "silu" && activation != "swish")
    return b.bad("attribute \"activation\" is " + quote(activation) + ", it must be none, silu or swish");
  ArrayRef<int64_t> shape = shapeOf(x), ws = shapeOf(weight); // [batch, channels, length], [channels, 1, k]
  if (shape.size() != 3 || ws.size() != 3 || ws[0] != shape[1] || ws[1] != 1 || ws[2] < 1 ||
      (bias && shapeOf(bias) != ArrayRef<int64_t>{shape[1]}))
    return b.bad("input is " + showShape(shape) + ", weight is " + showShape(ws) +
                 ", they must be batch x channels x length and channels x 1 x k, with a bias of channels");
  int64_t k = ws[2], length = shape[2];
  Shape stateShape = {shape[0], shape[1], k - 1};
  if (past && shapeOf(past) != ArrayRef<int64_t>(stateShape))
    return b.bad("past_state is " + showShape(shapeOf(past)) + ", it must be " + showShape(stateShape));
  if (!past)
    past = splat(b, stateShape, typeOf(x).getElementType(), 0);
  Value padded = k > 1 ? concat(b, {past, x}, 2) : x;
  Value y = bias ? broadcast(b, bias, shape, {1}) : Value();
  for (int64_t j = 0; j < k; ++j) {
    Value tap = broadcast(b, reshape(b, part(b, weight, 2, j, 1), {shape[1]}), shape, {1});
    Value term = mul(b, part(b, padded, 2, j, length), tap);
    y = y ? add(b, y, term) : term;
  }
  if (activation != "none")
    y = mul(b, y, SigmoidOp::create(b.builder, b.loc, y.getType(), y));
  b.result(y, 0);
  if (b.outputUsed(1))
    b.result(k > 1 ? part(b, padded, 2, length, k - 1) : past, 1);
  return success();
}

/// With S of [batch, heads, d_k, d_v], for each step: S *= exp(decay); u = beta * (v - k S) or v; S += k ⊗ u;
/// output = scale * q S.
static LogicalResult importLinearAttention(Binder &b) {
  b.ignoreAttr("chunk_size");
  std::string rule = b.attrString("update_rule", "gated_delta");
  int64_t queryHeads = b.attrInt("q_num_heads", 0), heads = b.attrInt("kv_num_heads", 0);
  double scale = b.attrFloat("scale", 0);
  bool gated = rule == "gated" || rule == "gated_delta", delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear")
    return b.bad("attribute \"update_rule\" is " + quote(rule) + ", it must be linear, gated, delta or gated_delta");
  Value q = b.floatInput(0, "query"), k = b.floatInput(1, "key"), v = b.floatInput(2, "value"),
        state = b.optionalFloatInput(3, "past_state");
  Value decay = gated ? b.floatInput(4, "decay") : Value(), beta = delta ? b.floatInput(5, "beta") : Value();
  if (!q || !k || !v || b.failed())
    return failure();
  if (rankOf(q) != 3 || rankOf(k) != 3 || rankOf(v) != 3 || heads < 1 || queryHeads < 1 || queryHeads % heads ||
      shapeOf(q)[2] % queryHeads || shapeOf(k)[2] % heads || shapeOf(v)[2] % heads ||
      shapeOf(q)[2] / queryHeads != shapeOf(k)[2] / heads || shapeOf(q).take_front(2) != shapeOf(k).take_front(2) ||
      shapeOf(q).take_front(2) != shapeOf(v).take_front(2))
    return b.bad("query is " + showShape(shapeOf(q)) + ", key is " + showShape(shapeOf(k)) + ", value is " +
                 showShape(shapeOf(v)) + ", they do not fit " + Twine(queryHeads) + " and " + Twine(heads) + " heads");
  int64_t batch = shapeOf(q)[0], steps = shapeOf(q)[1], group = queryHeads / heads;
  int64_t dk = shapeOf(k)[2] / heads, dv = shapeOf(v)[2] / heads;
  if (steps > kMaxSteps)
    return b.unsupported("it has " + Twine(steps) + " steps, at most " + Twine(kMaxSteps) + " are supported");
  if (scale == 0)
    scale = 1 / std::sqrt(double(dk));
  Shape all = {batch, heads, dk, dv};
  if (state && shapeOf(state) != ArrayRef<int64_t>(all))
    return b.bad("past_state is " + showShape(shapeOf(state)) + ", it must be " + showShape(all));
  auto fits = [&](Value x, ArrayRef<int64_t> widths) {
    return !x || (rankOf(x) == 3 && shapeOf(x).take_front(2) == shapeOf(q).take_front(2) &&
                  llvm::is_contained(widths, shapeOf(x)[2]));
  };
  if (!fits(decay, {heads, heads * dk}) || !fits(beta, {heads, 1}))
    return b.bad("decay or beta does not fit batch " + Twine(batch) + ", " + Twine(steps) + " steps and " +
                 Twine(heads) + " heads");
  if (!state)
    state = splat(b, all, typeOf(q).getElementType(), 0);
  // Step t of x, as [batch, more…], spread over the state.
  auto at = [&](Value x, int64_t t, ArrayRef<int64_t> more) {
    Shape to = {batch};
    to.append(more.begin(), more.end());
    return reshape(b, part(b, x, 1, t, 1), to);
  };
  SmallVector<Value> outputs;
  for (int64_t t = 0; t < steps; ++t) {
    Value key = broadcast(b, at(k, t, {heads, dk}), all, {0, 1, 2}), value = at(v, t, {heads, dv});
    if (gated) {
      bool perHead = shapeOf(decay)[2] == heads && heads != heads * dk;
      Value g = math::ExpOp::create(b.builder, b.loc, perHead ? at(decay, t, {heads}) : at(decay, t, {heads, dk}));
      state = mul(b, state, perHead ? broadcast(b, g, all, {0, 1}) : broadcast(b, g, all, {0, 1, 2}));
    }
    if (delta) {
      Value known = reduce(b, mul(b, state, key), ReduceKind::Sum, {2}, false);
      value = arith::SubFOp::create(b.builder, b.loc, value, known);
      Value rate = shapeOf(beta)[2] == heads ? broadcast(b, at(beta, t, {heads}), shapeOf(value), {0, 1})
                                             : broadcast(b, at(beta, t, {}), shapeOf(value), {0});
      value = mul(b, value, rate);
    }
    state = add(b, state, mul(b, key, broadcast(b, value, all, {0, 1, 3})));
    Shape wide = {batch, heads, group, dk, dv};
    Value query = broadcast(b, at(q, t, {heads, group, dk}), wide, {0, 1, 2, 3});
    Value y = reduce(b, mul(b, query, broadcast(b, state, wide, {0, 1, 3, 4})), ReduceKind::Sum, {3}, false);
    outputs.push_back(reshape(b, y, {batch, 1, queryHeads * dv}));
  }
  Value y =
      outputs.empty() ? splat(b, {batch, 0, queryHeads * dv}, typeOf(q).getElementType(), 0) : concat(b, outputs, 1);
  b.result(mul(b, y, splatLike(b, y, scale)), 0);
  if (b.outputUsed(1))
    b.result(state, 1);
  return success();
}

void addStateSpaceOps(OpTable &t) {
  t.onOp("CausalConvWithState", 27, importCausalConv, {Role::Elementwise, Role::Weight, Role::Elementwise, Role::Data});
  t.onOp("LinearAttention", 27, importLinearAttention,
         {Role::Elementwise, Role::Elementwise, Role::Elementwise, Role::Data});
}

} // namespace mlir::llcc::frontend
