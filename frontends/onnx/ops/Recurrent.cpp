// LSTM, GRU and RNN: each direction is one product of all steps with W, and a recurrence (compiler/ir/Ops.td).
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::llcc::frontend {

namespace {

/// Activation functions as llcc.recurrence has them, of all directions one after the other.
struct Functions {
  SmallVector<StringRef> names;
  SmallVector<double> alphas, betas;
};

struct Function {
  StringLiteral onnx, own;
  bool takesAlpha, takesBeta;
  double alpha, beta; ///< where the file gives none
};
constexpr Function kFunctions[] = {
    {"Sigmoid", "sigmoid", false, false, 0, 0},
    {"Tanh", "tanh", false, false, 0, 0},
    {"Relu", "relu", false, false, 0, 0},
    {"Affine", "affine", true, true, 1, 0},
    {"LeakyRelu", "leaky_relu", true, false, 0.01, 0},
    {"ThresholdedRelu", "thresholded_relu", true, false, 1, 0},
    {"ScaledTanh", "scaled_tanh", true, true, 1, 1},
    {"HardSigmoid", "hard_sigmoid", true, true, 0.2, 0.5},
    {"Elu", "elu", true, false, 1, 0},
    {"Softsign", "softsign", false, false, 0, 0},
    {"Softplus", "softplus", false, false, 0, 0},
};

/// The attributes give alphas and betas only to those functions that take one, in their order.
LogicalResult readFunctions(Binder &b, ArrayRef<StringRef> defaults, int64_t directions, Functions &functions) {
  std::vector<std::string> names = b.attrStrings("activations");
  std::vector<double> alphas = b.attrFloats("activation_alpha"), betas = b.attrFloats("activation_beta");
  size_t count = defaults.size() * directions, alpha = 0, beta = 0;
  if (names.empty())
    for (int64_t d = 0; d < directions; ++d)
      for (StringRef name : defaults)
        names.push_back(name.str());
  if (names.size() != count)
    return b.bad("has " + Twine(names.size()) + " activations, " + Twine(directions) + " direction(s) need " +
                 Twine(count));
  for (const std::string &name : names) {
    const Function *f = llvm::find_if(kFunctions, [&](const Function &f) { return f.onnx.equals_insensitive(name); });
    if (f == std::end(kFunctions))
      return b.bad("activation " + quote(name) + " is not one of ONNX's functions");
    functions.names.push_back(f->own);
    functions.alphas.push_back(f->takesAlpha && alpha < alphas.size() ? alphas[alpha++] : f->alpha);
    functions.betas.push_back(f->takesBeta && beta < betas.size() ? betas[beta++] : f->beta);
    // The gradient reads the slope from the function's value.
    if (functions.alphas.back() < 0 && (f->own == "leaky_relu" || f->own == "elu"))
      return b.unsupported("activation " + quote(name) + " with a negative alpha" +
                           " is not supported: its slope does not follow from its value");
  }
  return success();
}

/// Row `d` of dimension 0, without the dimension.
Value direction(Binder &b, Value x, int64_t d) {
  Shape shape(shapeOf(x));
  Shape one(shape), starts(shape.size(), 0), strides(shape.size(), 1);
  one[0] = 1;
  starts[0] = d;
  if (shape[0] != 1)
    x = SliceOp::create(b.builder, b.loc, typeOf(x).clone(one), x, starts, strides);
  return reshape(b, x, ArrayRef<int64_t>(shape).drop_front());
}

/// Elements [first, first + size) of dimension `dim`.
Value part(Binder &b, Value x, int64_t dim, int64_t first, int64_t size) {
  Shape shape(shapeOf(x)), starts(shape.size(), 0), strides(shape.size(), 1);
  if (first == 0 && shape[dim] == size)
    return x;
  starts[dim] = first;
  shape[dim] = size;
  return SliceOp::create(b.builder, b.loc, typeOf(x).clone(shape), x, starts, strides);
}

Value joined(Binder &b, ArrayRef<Value> parts, int64_t dim) {
  if (parts.size() == 1)
    return parts[0];
  Shape shape(shapeOf(parts[0]));
  shape[dim] = 0;
  for (Value v : parts)
    shape[dim] += shapeOf(v)[dim];
  return ConcatOp::create(b.builder, b.loc, typeOf(parts[0]).clone(shape), parts, dim);
}

Value compare(Binder &b, arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b.builder, b.loc, predicate, x, y);
}

/// The state after the last step of each sequence, [B, H], of the states after all steps.
Value lastState(Binder &b, Value all, Value first, Value lengths, bool reverse) {
  Shape shape(shapeOf(all)), state(shapeOf(first));
  int64_t steps = shape[0];
  if (steps == 0)
    return first;
  if (!lengths || reverse) {
    Value last = reshape(b, part(b, all, 0, reverse ? 0 : steps - 1, 1), state);
    if (!lengths)
      return last;
    Value none = compare(b, arith::CmpIPredicate::sle, lengths, splatLike(b, lengths, 0));
    return arith::SelectOp::create(b.builder, b.loc, broadcast(b, none, state, {0}), first, last);
  }
  // Where step + 1 is the length; a length past the end ends at the end. A choice, so that other steps leave no trace.
  auto integers = RankedTensorType::get(shape, typeOf(lengths).getElementType());
  Value bounded = arith::MinSIOp::create(b.builder, b.loc, lengths, splatLike(b, lengths, double(steps)));
  Value step = IotaOp::create(b.builder, b.loc, integers, 0);
  Value next = arith::AddIOp::create(b.builder, b.loc, step, splatLike(b, step, 1));
  Value isLast = compare(b, arith::CmpIPredicate::eq, next, broadcast(b, bounded, shape, {1}));
  Value kept = arith::SelectOp::create(b.builder, b.loc, isLast, all, splatLike(b, all, 0));
  Value none = compare(b, arith::CmpIPredicate::sle, lengths, splatLike(b, lengths, 0));
  return arith::SelectOp::create(b.builder, b.loc, broadcast(b, none, state, {0}), first,
                                 reduce(b, kept, ReduceKind::Sum, {0}, false));
}

/// What differs between the three operators.
struct Kind {
  StringLiteral name;
  int64_t gates;
  SmallVector<StringRef, 3> functions;
};

LogicalResult importRecurrent(Binder &b, const Kind &kind) {
  bool lstm = kind.name == "lstm", gru = kind.name == "gru";
  std::string way = b.attrString("direction", "forward");
  int64_t directions = way == "bidirectional" ? 2 : 1, layout = b.attrInt("layout", 0);
  if (way != "forward" && way != "reverse" && way != "bidirectional")
    return b.bad("direction is " + quote(way) + ", it must be forward, reverse or bidirectional");
  if (layout != 0 && layout != 1)
    return b.bad("layout is " + Twine(layout) + ", it must be 0 or 1");
  Functions functions;
  if (failed(readFunctions(b, kind.functions, directions, functions)))
    return failure();
  double clip = b.attrFloat("clip", 0);
  bool coupled = lstm && b.attrInt("input_forget", 0), linear = gru && b.attrInt("linear_before_reset", 0);
  b.ignoreAttr("output_sequence"); // opset 1: whether output 0 is there, which the node's outputs say as well

  Value x = b.floatInput(0, "X"), w = b.floatInput(1, "W"), r = b.floatInput(2, "R");
  if (!x || !w || !r)
    return failure();
  if (rankOf(x) != 3 || rankOf(w) != 3 || rankOf(r) != 3)
    return b.bad("X is " + showShape(shapeOf(x)) + ", W is " + showShape(shapeOf(w)) + ", R is " +
                 showShape(shapeOf(r)) + ", all must have 3 dimensions");
  int64_t units = b.attrInt("hidden_size", shapeOf(r)[2]);
  if (layout)
    x = transpose(b, x, {1, 0, 2});
  int64_t steps = shapeOf(x)[0], batch = shapeOf(x)[1], gates = kind.gates;
  auto fits = [&](Value value, StringRef name, ArrayRef<int64_t> shape) -> LogicalResult {
    if (!value || shapeOf(value) == shape)
      return success();
    return b.bad("input " + name + " is " + showShape(shapeOf(value)) + ", it must be " + showShape(shape));
  };
  Value bias = b.optionalFloatInput(3, "B"), h0 = b.optionalFloatInput(5, "initial_h");
  Value c0 = lstm ? b.optionalFloatInput(6, "initial_c") : Value(), p = lstm ? b.optionalFloatInput(7, "P") : Value();
  Shape state = layout ? Shape{batch, directions, units} : Shape{directions, batch, units};
  if (b.failed() || failed(fits(w, "W", {directions, gates * units, shapeOf(x)[2]})) ||
      failed(fits(r, "R", {directions, gates * units, units})) ||
      failed(fits(bias, "B", {directions, 2 * gates * units})) || failed(fits(h0, "initial_h", state)) ||
      failed(fits(c0, "initial_c", state)) || failed(fits(p, "P", {directions, 3 * units})))
    return failure();
  for (Value v : {w, r, bias, h0, c0, p})
    if (v && typeOf(v).getElementType() != typeOf(x).getElementType())
      return b.bad("its float inputs have different element types");
  Value lengths;
  if (b.hasInput(4)) {
    ConstantPtr known = b.constant(4);
    auto isWhole = [&](int64_t n) { return n >= steps; };
    if (!known || !llvm::all_of(known->ints, isWhole)) {
      lengths = b.input(4, "sequence_lens");
      if (!lengths || failed(fits(lengths, "sequence_lens", {batch})))
        return failure();
      if (!typeOf(lengths).getElementType().isInteger(32) && !typeOf(lengths).getElementType().isInteger(64))
        return b.bad("input sequence_lens must hold int32");
    }
  }
  auto initial = [&](Value given, int64_t d) {
    if (!given)
      return splat(b, {batch, units}, typeOf(x).getElementType(), 0);
    return direction(b, layout ? transpose(b, given, {1, 0, 2}) : given, d);
  };

  SmallVector<Value> all, lastH, lastC;
  for (int64_t d = 0; d < directions; ++d) {
    bool reverse = way == "reverse" || d == 1;
    Shape none, last = {2}, features = {1};
    Value projected = DotOp::create(b.builder, b.loc, typeOf(x).clone({steps, batch, gates * units}), x,
                                    direction(b, w, d), none, none, last, features);
    Value hiddenBias;
    if (bias) {
      Value own = direction(b, bias, d);
      Value input = part(b, own, 0, 0, gates * units), recurrent, sum;
      recurrent = b.isSingleBias(3) ? splatLike(b, input, 0) : part(b, own, 0, gates * units, gates * units);
      if (linear) { // the reset gate multiplies the bias of the hidden gate
        Value two = arith::AddFOp::create(b.builder, b.loc, part(b, input, 0, 0, 2 * units),
                                          part(b, recurrent, 0, 0, 2 * units));
        sum = joined(b, {two, part(b, input, 0, 2 * units, units)}, 0);
        hiddenBias = part(b, recurrent, 0, 2 * units, units);
      } else {
        sum = arith::AddFOp::create(b.builder, b.loc, input, recurrent);
      }
      projected = arith::AddFOp::create(b.builder, b.loc, projected, broadcast(b, sum, shapeOf(projected), {2}));
    } else if (linear) {
      hiddenBias = splat(b, {units}, typeOf(x).getElementType(), 0);
    }
    auto slice = [&](auto list) {
      return llvm::to_vector(ArrayRef(list).slice(d * kind.functions.size(), kind.functions.size()));
    };
    Value h = initial(h0, d), c = lstm ? initial(c0, d) : Value();
    Type sequence = typeOf(x).clone({steps, batch, units});
    SmallVector<Type> saved;
    if (lstm)
      saved.push_back(sequence);
    if (lstm || gru)
      saved.push_back(typeOf(x).clone({steps, batch, (lstm || linear ? 4 : 3) * units}));
    auto flag = [&](bool set) { return set ? b.builder.getUnitAttr() : UnitAttr(); };
    auto op = RecurrenceOp::create(
        b.builder, b.loc, sequence, saved, projected, direction(b, r, d), h, c, p ? direction(b, p, d) : Value(),
        hiddenBias, lengths, b.builder.getStringAttr(kind.name), b.builder.getStrArrayAttr(slice(functions.names)),
        b.builder.getDenseF64ArrayAttr(slice(functions.alphas)), b.builder.getDenseF64ArrayAttr(slice(functions.betas)),
        b.builder.getF64FloatAttr(clip), flag(reverse), flag(coupled), flag(linear));
    all.push_back(reshape(b, op.getY(), {steps, 1, batch, units}));
    lastH.push_back(reshape(b, lastState(b, op.getY(), h, lengths, reverse), {1, batch, units}));
    if (lstm)
      lastC.push_back(reshape(b, lastState(b, op.getCells(), c, lengths, reverse), {1, batch, units}));
  }
  auto give = [&](ArrayRef<Value> parts, int64_t dim, ArrayRef<int64_t> perm, unsigned i) {
    Value whole = joined(b, parts, dim);
    b.result(layout ? transpose(b, whole, perm) : whole, i);
  };
  give(all, 1, {2, 0, 1, 3}, 0);
  give(lastH, 0, {1, 0, 2}, 1);
  if (lstm)
    give(lastC, 0, {1, 0, 2}, 2);
  return success();
}

LogicalResult importLstm(Binder &b) { return importRecurrent(b, {"lstm", 4, {"Sigmoid", "Tanh", "Tanh"}}); }
LogicalResult importGru(Binder &b) { return importRecurrent(b, {"gru", 3, {"Sigmoid", "Tanh"}}); }
LogicalResult importRnn(Binder &b) { return importRecurrent(b, {"rnn", 1, {"Tanh"}}); }

} // namespace

void addRecurrentOps(OpTable &t) {
  // X, W, R, B, sequence_lens, initial_h, initial_c, P. An initial state is learned if it is more than zeros.
  SmallVector<Role> roles = {Role::Data, Role::Weight, Role::Weight, Role::Weight,
                             Role::Data, Role::Affine, Role::Affine, Role::Weight};
  t.onOp("LSTM", 1, importLstm, roles);
  t.onOp("GRU", 1, importGru, roles);
  t.onOp("RNN", 1, importRnn, roles);
}

} // namespace mlir::llcc::frontend
