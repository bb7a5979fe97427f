// If, Loop and Scan: what they decide must be known while importing; the branch taken is inlined, loops are unrolled.
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/ops/Slots.h"

namespace mlir::llcc::frontend {

namespace {

/// Turns of one loop; the importer bounds the nodes of all.
constexpr int64_t kMaxTurns = 1 << 16;

/// The refusal of a value that must be known while importing, with what to do.
LogicalResult notKnown(Binder &b, Slot &slot, const Twine &what) {
  std::vector<std::string> inputs = b.inputsBehind(slot);
  if (inputs.empty())
    return b.unsupported(what + " is computed from the model's parameters; it must be known while importing");
  std::string names, flags;
  for (const std::string &name : inputs) {
    names += (names.empty() ? "" : ", ") + quote(name);
    flags += " --bind " + name + "=VALUE";
  }
  return b.unsupported(what + " is computed from input " + names + "; give it a value with" + flags);
}

/// One boolean or integer at input `i`.
std::optional<int64_t> knownScalar(Binder &b, unsigned i, StringRef what) {
  Slot *slot = b.slot(i, what);
  if (!slot)
    return std::nullopt;
  ConstantPtr c = b.constant(i);
  if (!c) {
    (void)notKnown(b, *slot, "its " + what + " " + quote(b.node.input(i)));
    return std::nullopt;
  }
  if (c->size() != 1 || c->isFloat()) {
    (void)b.bad("its " + what + " " + quote(b.node.input(i)) + " is " + showShape(c->shape) + ", it must be one " +
                (what == "condition" ? "boolean" : "integer"));
    return std::nullopt;
  }
  return c->ints[0];
}

LogicalResult importIf(Binder &b) {
  const auto *yes = b.attrGraph("then_branch"), *no = b.attrGraph("else_branch");
  if (!yes || !no)
    return failure();
  std::optional<int64_t> condition = knownScalar(b, 0, "condition");
  if (!condition)
    return failure();
  FailureOr<std::vector<Slot>> outputs = b.inlineGraph(*condition ? *yes : *no, {}, "");
  if (failed(outputs))
    return failure();
  if (int64_t(outputs->size()) != b.node.output_size())
    return b.bad("the branch taken gives " + Twine(outputs->size()) + " outputs, the node has " +
                 Twine(b.node.output_size()));
  for (auto [i, slot] : llvm::enumerate(*outputs))
    b.result(slot, i);
  return success();
}

/// A tensor of no turns: the shape of the body's output with size 0 in front, as far as the file says it.
FailureOr<Slot> nothing(Binder &b, const ::onnx::ValueInfoProto &output, int64_t axis) {
  const auto &type = output.type().tensor_type();
  Type element = elementType(b.context(), type.elem_type());
  if (!element || !type.has_shape())
    return b.unsupported("makes no turn, and its graph does not say the shape of " + quote(output.name()));
  auto c = std::make_shared<Constant>();
  c->type = element;
  for (const auto &dim : type.shape().dim())
    c->shape.push_back(dim.has_dim_value() ? dim.dim_value() : 0);
  axis = axis < 0 ? axis + int64_t(c->shape.size()) + 1 : axis;
  c->shape.insert(c->shape.begin() + std::min<int64_t>(std::max<int64_t>(axis, 0), c->shape.size()), 0);
  Slot slot;
  slot.constant = c;
  return slot;
}

/// Hands what each turn gave, joined, to outputs `first`, ... of the node.
LogicalResult giveTurns(Binder &b, const ::onnx::GraphProto &body, std::vector<std::vector<Slot>> &turns, unsigned skip,
                        unsigned first, ArrayRef<int64_t> axes) {
  for (auto [k, parts] : llvm::enumerate(turns)) {
    int64_t axis = axes.empty() ? 0 : axes[k];
    FailureOr<Slot> whole = failure();
    if (parts.empty()) {
      whole = nothing(b, body.output(skip + k), axis);
    } else if (!parts[0].isTensor()) {
      return b.bad("output " + quote(body.output(skip + k).name()) + " of its graph is no tensor");
    } else {
      std::optional<int64_t> at = b.axis(axis, shapeOf(parts[0]).size() + 1);
      whole = at ? joinSlots(b, parts, *at, /*newAxis=*/true) : FailureOr<Slot>(failure());
    }
    if (failed(whole))
      return failure();
    b.result(*whole, first + k);
  }
  return success();
}

LogicalResult importLoop(Binder &b) {
  const auto *body = b.attrGraph("body");
  if (!body)
    return failure();
  int64_t carriedCount = std::max<int64_t>(0, int64_t(b.numInputs()) - 2);
  int64_t scans = int64_t(body->output_size()) - 1 - carriedCount;
  if (scans < 0 || b.node.output_size() > carriedCount + scans)
    return b.bad("its graph has " + Twine(body->output_size()) + " outputs, the node carries " + Twine(carriedCount) +
                 " values and has " + Twine(b.node.output_size()) + " outputs");
  int64_t most = kMaxTurns + 1;
  if (b.hasInput(0)) {
    std::optional<int64_t> given = knownScalar(b, 0, "trip count");
    if (!given)
      return failure();
    most = *given;
  }
  bool go = true;
  if (b.hasInput(1)) {
    std::optional<int64_t> given = knownScalar(b, 1, "condition");
    if (!given)
      return failure();
    go = *given;
  }
  std::vector<Slot> carried;
  for (int64_t i = 0; i < carriedCount; ++i) {
    Slot *slot = b.slot(2 + i, "v_initial");
    if (!slot)
      return failure();
    carried.push_back(*slot);
  }
  std::vector<std::vector<Slot>> turns(scans);
  for (int64_t turn = 0; go && turn < most; ++turn) {
    if (turn >= kMaxTurns)
      return b.unsupported("makes more than " + Twine(kMaxTurns) + " turns; loops are unrolled");
    std::vector<Slot> inputs = {scalarSlot(b, turn, 64), scalarSlot(b, 1, 1)};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    FailureOr<std::vector<Slot>> outputs = b.inlineGraph(*body, inputs, "[" + std::to_string(turn) + "]");
    if (failed(outputs))
      return failure();
    ConstantPtr next = b.constantOf((*outputs)[0]);
    if (!next)
      return notKnown(b, (*outputs)[0], "the condition of turn " + Twine(turn + 1));
    if (next->size() != 1 || next->isFloat())
      return b.bad("its condition is " + showShape(next->shape) + ", it must be one boolean");
    go = next->ints[0];
    carried.assign(outputs->begin() + 1, outputs->begin() + 1 + carriedCount);
    for (int64_t k = 0; k < scans; ++k)
      turns[k].push_back((*outputs)[1 + carriedCount + k]);
  }
  for (auto [i, slot] : llvm::enumerate(carried))
    b.result(slot, i);
  return giveTurns(b, *body, turns, 1 + carriedCount, carriedCount, {});
}

/// Opset 9 on: N states, then M sequences that are cut along their axes.
LogicalResult importScan(Binder &b) {
  const auto *body = b.attrGraph("body");
  int64_t cut = b.attrInt("num_scan_inputs", 0), states = int64_t(b.numInputs()) - cut;
  Shape inAxes = b.attrInts("scan_input_axes"), outAxes = b.attrInts("scan_output_axes");
  Shape inBack = b.attrInts("scan_input_directions"), outBack = b.attrInts("scan_output_directions");
  if (!body)
    return failure();
  int64_t scans = int64_t(body->output_size()) - states;
  if (cut < 1 || states < 0 || scans < 0)
    return b.bad("has " + Twine(b.numInputs()) + " inputs, of which num_scan_inputs = " + Twine(cut) +
                 " are cut, and its graph " + Twine(body->output_size()) + " outputs");
  inAxes.resize(inAxes.empty() ? cut : inAxes.size(), 0), inBack.resize(inBack.empty() ? cut : inBack.size(), 0);
  outAxes.resize(outAxes.empty() ? scans : outAxes.size(), 0);
  outBack.resize(outBack.empty() ? scans : outBack.size(), 0);
  if (int64_t(inAxes.size()) != cut || int64_t(inBack.size()) != cut || int64_t(outAxes.size()) != scans ||
      int64_t(outBack.size()) != scans)
    return b.bad("scan axes and directions need one entry for each of " + Twine(cut) + " inputs and " + Twine(scans) +
                 " outputs");
  std::vector<Slot> carried, sequences;
  int64_t steps = -1;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    Slot *slot = b.slot(i, i < states ? "initial state" : "scan input");
    if (!slot)
      return failure();
    if (i < states) {
      carried.push_back(*slot);
      continue;
    }
    if (!slot->isTensor())
      return b.bad("scan input " + Twine(i - states) + " is no tensor");
    std::optional<int64_t> axis = b.axis(inAxes[i - states], shapeOf(*slot).size());
    if (!axis)
      return failure();
    inAxes[i - states] = *axis;
    int64_t own = shapeOf(*slot)[*axis];
    if (steps >= 0 && own != steps)
      return b.bad("scan inputs have " + Twine(steps) + " and " + Twine(own) + " steps");
    steps = own;
    sequences.push_back(*slot);
  }
  if (steps > kMaxTurns)
    return b.unsupported("makes " + Twine(steps) + " turns, more than " + Twine(kMaxTurns) + "; loops are unrolled");
  std::vector<std::vector<Slot>> turns(scans);
  for (int64_t turn = 0; turn < steps; ++turn) {
    std::vector<Slot> inputs = carried;
    for (auto [k, sequence] : llvm::enumerate(sequences))
      inputs.push_back(partOf(b, sequence, inAxes[k], inBack[k] ? steps - 1 - turn : turn, 1, /*squeeze=*/true));
    FailureOr<std::vector<Slot>> outputs = b.inlineGraph(*body, inputs, "[" + std::to_string(turn) + "]");
    if (failed(outputs))
      return failure();
    carried.assign(outputs->begin(), outputs->begin() + states);
    for (int64_t k = 0; k < scans; ++k)
      turns[k].insert(outBack[k] ? turns[k].begin() : turns[k].end(), (*outputs)[states + k]);
  }
  for (auto [i, slot] : llvm::enumerate(carried))
    b.result(slot, i);
  return giveTurns(b, *body, turns, states, states, outAxes);
}

/// Opset 8: every tensor has a batch in front, whose members are scanned one after the other.
LogicalResult importBatchedScan(Binder &b) {
  const auto *body = b.attrGraph("body");
  int64_t cut = b.attrInt("num_scan_inputs", 0), states = int64_t(b.numInputs()) - 1 - cut;
  Shape back = b.attrInts("directions");
  if (!body)
    return failure();
  int64_t scans = int64_t(body->output_size()) - states;
  back.resize(back.empty() ? std::max<int64_t>(cut, 0) : back.size(), 0);
  if (cut < 1 || states < 0 || scans < 0 || int64_t(back.size()) != cut)
    return b.bad("has " + Twine(b.numInputs()) + " inputs, of which num_scan_inputs = " + Twine(cut) +
                 " are cut, and its graph " + Twine(body->output_size()) + " outputs");
  if (b.hasInput(0))
    return b.unsupported("sequence_lens is not supported; export the model with opset 9 or newer");
  SmallVector<Slot *> given;
  for (unsigned i = 1; i < b.numInputs(); ++i) {
    Slot *slot = b.slot(i, "input");
    if (!slot)
      return failure();
    size_t least = int64_t(i) > states ? 2 : 1;
    if (!slot->isTensor() || shapeOf(*slot).size() < least || shapeOf(*slot)[0] != shapeOf(*b.slot(1, "input"))[0] ||
        (least == 2 && shapeOf(*slot)[1] != shapeOf(*b.slot(1 + states, "input"))[1]))
      return b.bad("input " + Twine(i) + " does not have the batch and steps of the others in front");
    given.push_back(slot);
  }
  int64_t batch = shapeOf(*given[0])[0], steps = shapeOf(*given[states])[1];
  if (batch < 1 || steps < 1 || steps > kMaxTurns)
    return b.unsupported("scans " + Twine(batch) + " members in " + Twine(steps) + " steps, 1 to " + Twine(kMaxTurns) +
                         " are supported");
  std::vector<std::vector<Slot>> members(states + scans);
  for (int64_t n = 0; n < batch; ++n) {
    std::vector<Slot> carried, sequences;
    for (auto [i, slot] : llvm::enumerate(given))
      (int64_t(i) < states ? carried : sequences).push_back(partOf(b, *slot, 0, n, 1, /*squeeze=*/true));
    std::vector<std::vector<Slot>> turns(scans);
    for (int64_t turn = 0; turn < steps; ++turn) {
      std::vector<Slot> inputs = carried;
      for (auto [k, sequence] : llvm::enumerate(sequences))
        inputs.push_back(partOf(b, sequence, 0, back[k] ? steps - 1 - turn : turn, 1, /*squeeze=*/true));
      FailureOr<std::vector<Slot>> outputs =
          b.inlineGraph(*body, inputs, "[" + std::to_string(n) + "," + std::to_string(turn) + "]");
      if (failed(outputs))
        return failure();
      carried.assign(outputs->begin(), outputs->begin() + states);
      for (int64_t k = 0; k < scans; ++k)
        turns[k].push_back((*outputs)[states + k]);
    }
    for (int64_t k = 0; k < states; ++k)
      members[k].push_back(carried[k]);
    for (int64_t k = 0; k < scans; ++k) {
      FailureOr<Slot> whole = joinSlots(b, turns[k], 0, /*newAxis=*/true);
      if (failed(whole))
        return failure();
      members[states + k].push_back(*whole);
    }
  }
  return giveTurns(b, *body, members, 0, 0, {});
}

} // namespace

void addControlFlowOps(OpTable &t) {
  t.onOp("If", 1, importIf, {Role::Data});
  t.onOp("Loop", 1, importLoop, {Role::Data});
  t.onOp("Scan", 8, importBatchedScan, {Role::Data});
  t.onOp("Scan", 9, importScan, {Role::Data});
}

} // namespace mlir::llcc::frontend
