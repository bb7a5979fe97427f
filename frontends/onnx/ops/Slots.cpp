// Slicing and joining of slots: a constant gives a constant, everything else IR.
#include "frontends/onnx/ops/Slots.h"

namespace mlir::llcc::frontend {

Shape shapeOf(const Slot &slot) {
  if (slot.value)
    return Shape(shapeOf(slot.value));
  return slot.constant ? slot.constant->shape : slot.tensor->payload.shape;
}

static Type elementOf(const Slot &slot) {
  if (slot.constant)
    return slot.constant->type;
  if (slot.value)
    return slot.element ? slot.element : typeOf(slot.value).getElementType();
  return slot.tensor->payload.type;
}

Slot partOf(Binder &b, Slot &slot, int64_t axis, int64_t first, int64_t size, bool squeeze) {
  Shape shape = shapeOf(slot), to(shape);
  to[axis] = size;
  Shape result(to);
  if (squeeze)
    result.erase(result.begin() + axis);
  Slot part;
  if (ConstantPtr whole = b.constantOf(slot)) {
    Shape strides = stridesOf(shape);
    ConstantPtr picked = pick(*whole, to, [&](ArrayRef<int64_t> index) {
      int64_t at = first * strides[axis];
      for (size_t d = 0; d < index.size(); ++d)
        at += index[d] * strides[d];
      return at;
    });
    auto shaped = std::make_shared<Constant>(*picked);
    shaped->shape = result;
    part.constant = shaped;
    return part;
  }
  Value x = b.valueOf(slot);
  if (to != shape) {
    Shape starts(shape.size(), 0), strides(shape.size(), 1);
    starts[axis] = first;
    x = SliceOp::create(b.builder, b.loc, typeOf(x).clone(to), x, starts, strides);
  }
  part.value = reshape(b, x, result);
  part.element = slot.element;
  return part;
}

FailureOr<Slot> joinSlots(Binder &b, std::vector<Slot> &slots, int64_t axis, bool newAxis) {
  bool constant = true;
  for (Slot &slot : slots) {
    if (!slot.isTensor())
      return b.bad("joins what is no tensor");
    Shape own = shapeOf(slot), first = shapeOf(slots[0]);
    if (!newAxis && axis < int64_t(own.size()) && own.size() == first.size())
      own[axis] = first[axis];
    if (own != first || elementOf(slot) != elementOf(slots[0]))
      return b.bad("joins tensors that do not fit: " + showShape(shapeOf(slots[0])) + " and " +
                   showShape(shapeOf(slot)));
    constant = constant && b.constantOf(slot);
  }
  Shape shape = shapeOf(slots[0]);
  if (newAxis)
    shape.insert(shape.begin() + axis, 1);
  auto widened = [&](const Slot &slot) {
    Shape own = shapeOf(slot);
    if (newAxis)
      own.insert(own.begin() + axis, 1);
    return own;
  };
  shape[axis] = 0;
  for (const Slot &slot : slots)
    shape[axis] += widened(slot)[axis];
  Slot result;
  std::optional<int64_t> count = countElements(shape);
  if (!count)
    return b.bad("its result has dimensions " + showShape(shape) + ", more than 2^40 elements");
  if (constant && *count <= kMaxConstantElements) {
    auto c = std::make_shared<Constant>();
    c->type = elementOf(slots[0]);
    c->shape = shape;
    int64_t outer = *countElements(ArrayRef(shape).take_front(axis));
    for (int64_t o = 0; o < outer; ++o)
      for (Slot &slot : slots) {
        ConstantPtr part = b.constantOf(slot);
        int64_t block = outer ? part->size() / outer : 0;
        for (int64_t i = o * block; i < (o + 1) * block; ++i)
          if (c->isFloat())
            c->reals.push_back(part->reals[i]);
          else
            c->ints.push_back(part->ints[i]);
      }
    result.constant = c;
    return result;
  }
  SmallVector<Value> parts;
  for (Slot &slot : slots)
    parts.push_back(reshape(b, b.valueOf(slot), widened(slot)));
  result.value = parts.size() == 1
                     ? parts[0]
                     : Value(ConcatOp::create(b.builder, b.loc, typeOf(parts[0]).clone(shape), parts, axis));
  result.element = elementOf(slots[0]);
  return result;
}

Slot scalarSlot(Binder &b, int64_t value, unsigned width) {
  auto c = std::make_shared<Constant>();
  c->type = b.builder.getIntegerType(width);
  c->ints = {value};
  Slot slot;
  slot.constant = c;
  return slot;
}

} // namespace mlir::llcc::frontend
