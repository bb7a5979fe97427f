// Sequences and optionals: lists that exist only while importing, so that each use is of a tensor known by its place.
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/ops/Slots.h"

namespace mlir::llcc::frontend {

namespace {

using Elements = std::vector<Slot>;

/// The sequence at input `i`.
const Elements *sequence(Binder &b, unsigned i, StringRef what) {
  Slot *slot = b.slot(i, what);
  if (slot && !slot->elements) {
    (void)b.bad("input " + what + " (" + quote(b.node.input(i)) + ") is no sequence");
    return nullptr;
  }
  return slot ? slot->elements.get() : nullptr;
}

void give(Binder &b, Elements elements) {
  Slot slot;
  slot.elements = std::make_shared<const Elements>(std::move(elements));
  b.result(slot, 0);
}

/// The position at input `i`, in [0, end); negative ones count from `size`.
std::optional<int64_t> position(Binder &b, unsigned i, int64_t size, int64_t end) {
  Shape values;
  if (failed(b.constantInts(i, "position", values)))
    return std::nullopt;
  int64_t at = values.size() == 1 ? values[0] : size + 1;
  if (at < -size || at >= end) {
    (void)b.bad("position " + Twine(at) + " is outside of a sequence of " + Twine(size));
    return std::nullopt;
  }
  return at < 0 ? at + size : at;
}

LogicalResult importEmpty(Binder &b) {
  b.ignoreAttr("dtype");
  give(b, {});
  return success();
}

LogicalResult importConstruct(Binder &b) {
  Elements elements;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    Slot *slot = b.slot(i, "inputs");
    if (!slot)
      return failure();
    elements.push_back(*slot);
  }
  give(b, std::move(elements));
  return success();
}

LogicalResult importInsert(Binder &b) {
  const Elements *list = sequence(b, 0, "input_sequence");
  Slot *slot = list ? b.slot(1, "tensor") : nullptr;
  if (!slot)
    return failure();
  int64_t size = list->size();
  std::optional<int64_t> at = b.hasInput(2) ? position(b, 2, size, size + 1) : size;
  if (!at)
    return failure();
  Elements elements = *list;
  elements.insert(elements.begin() + *at, *slot);
  give(b, std::move(elements));
  return success();
}

LogicalResult importErase(Binder &b) {
  const Elements *list = sequence(b, 0, "input_sequence");
  if (!list)
    return failure();
  int64_t size = list->size();
  if (size == 0)
    return b.bad("erases from an empty sequence");
  std::optional<int64_t> at = b.hasInput(1) ? position(b, 1, size, size) : size - 1;
  if (!at)
    return failure();
  Elements elements = *list;
  elements.erase(elements.begin() + *at);
  give(b, std::move(elements));
  return success();
}

LogicalResult importAt(Binder &b) {
  const Elements *list = sequence(b, 0, "input_sequence");
  std::optional<int64_t> at = list ? position(b, 1, list->size(), list->size()) : std::nullopt;
  if (!at)
    return failure();
  b.result((*list)[*at], 0);
  return success();
}

LogicalResult importLength(Binder &b) {
  const Elements *list = sequence(b, 0, "input_sequence");
  if (!list)
    return failure();
  b.result(scalarSlot(b, list->size(), 64), 0);
  return success();
}

LogicalResult importSplit(Binder &b) {
  Slot *slot = b.slot(0, "input");
  int64_t axis = b.attrInt("axis", 0), keep = b.attrInt("keepdims", 1);
  if (!slot)
    return failure();
  if (!slot->isTensor())
    return b.bad("input " + quote(b.node.input(0)) + " is no tensor");
  std::optional<int64_t> at = b.axis(axis, shapeOf(*slot).size());
  if (!at)
    return failure();
  int64_t size = shapeOf(*slot)[*at];
  Shape sizes;
  if (b.hasInput(1)) {
    if (failed(b.constantInts(1, "split", sizes)))
      return failure();
    if (b.constant(1)->shape.empty()) { // chunks of one size, the last may be smaller
      int64_t chunk = sizes[0];
      if (chunk < 1)
        return b.bad("splits into chunks of " + Twine(chunk));
      sizes.clear();
      for (int64_t first = 0; first < size; first += chunk)
        sizes.push_back(std::min(chunk, size - first));
    }
  } else {
    sizes.assign(size, 1);
  }
  bool squeeze = !b.hasInput(1) && !keep;
  Elements elements;
  int64_t first = 0;
  for (int64_t part : sizes) {
    if (part < 0 || part > size - first)
      break;
    elements.push_back(partOf(b, *slot, *at, first, part, squeeze));
    first += part;
  }
  if (first != size || elements.size() != sizes.size())
    return b.bad("the sizes of its parts do not add up to " + Twine(size));
  give(b, std::move(elements));
  return success();
}

LogicalResult importConcat(Binder &b) {
  const Elements *list = sequence(b, 0, "input_sequence");
  int64_t axis = b.attrInt("axis", 0);
  bool newAxis = b.attrInt("new_axis", 0);
  if (!list)
    return failure();
  if (list->empty())
    return b.bad("joins an empty sequence, whose shape is not known");
  Elements elements = *list;
  if (!elements[0].isTensor())
    return b.bad("joins a sequence of what are no tensors");
  std::optional<int64_t> at = b.axis(axis, shapeOf(elements[0]).size() + newAxis);
  FailureOr<Slot> whole = at ? joinSlots(b, elements, *at, newAxis) : FailureOr<Slot>(failure());
  if (failed(whole))
    return failure();
  b.result(*whole, 0);
  return success();
}

/// The body once for each element of the first sequence; other sequences go along, tensors are handed to each turn.
LogicalResult importMap(Binder &b) {
  const auto *body = b.attrGraph("body");
  const Elements *list = sequence(b, 0, "input_sequence");
  if (!body || !list)
    return failure();
  std::vector<Elements> results(body->output_size());
  for (size_t turn = 0; turn < list->size(); ++turn) {
    std::vector<Slot> inputs;
    for (unsigned i = 0; i < b.numInputs(); ++i) {
      Slot *slot = b.slot(i, "additional_inputs");
      if (!slot)
        return failure();
      if (slot->elements && turn >= slot->elements->size())
        return b.bad("its sequences have different lengths");
      inputs.push_back(slot->elements ? (*slot->elements)[turn] : *slot);
    }
    FailureOr<std::vector<Slot>> outputs = b.inlineGraph(*body, inputs, "[" + std::to_string(turn) + "]");
    if (failed(outputs))
      return failure();
    for (auto [k, slot] : llvm::enumerate(*outputs))
      results[k].push_back(slot);
  }
  for (auto [k, elements] : llvm::enumerate(results)) {
    Slot slot;
    slot.elements = std::make_shared<const Elements>(std::move(elements));
    b.result(slot, k);
  }
  return success();
}

LogicalResult importOptional(Binder &b) {
  b.ignoreAttr("type");
  Slot slot;
  slot.absent = true;
  if (b.hasInput(0))
    slot = *b.slot(0, "input");
  b.result(slot, 0);
  return success();
}

LogicalResult importHasElement(Binder &b) {
  b.result(scalarSlot(b, b.hasInput(0) && !b.slot(0, "input")->absent, 1), 0);
  return success();
}

LogicalResult importGetElement(Binder &b) {
  Slot *slot = b.slot(0, "input");
  if (!slot)
    return failure();
  if (slot->absent)
    return b.bad("reads an optional without a value");
  b.result(*slot, 0);
  return success();
}

} // namespace

void addSequenceOps(OpTable &t) {
  t.onOp("SequenceEmpty", 11, importEmpty);
  t.onOp("SequenceConstruct", 11, importConstruct, {Role::View});
  t.onOp("SequenceInsert", 11, importInsert, {Role::Data, Role::View, Role::Data});
  t.onOp("SequenceErase", 11, importErase, {Role::Data});
  t.onOp("SequenceAt", 11, importAt, {Role::View, Role::Data});
  t.onOp("SequenceLength", 11, importLength, {Role::Data});
  t.onOp("SplitToSequence", 11, importSplit, {Role::View, Role::Data});
  t.onOp("ConcatFromSequence", 11, importConcat, {Role::View});
  t.onOp("SequenceMap", 17, importMap, {Role::Data});
  t.onOp("Optional", 15, importOptional, {Role::View});
  t.onOp("OptionalHasElement", 15, importHasElement, {Role::Data});
  t.onOp("OptionalGetElement", 15, importGetElement, {Role::View});
}

} // namespace mlir::llcc::frontend
