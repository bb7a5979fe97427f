// Operators whose result is known while importing: Constant, ConstantOfShape, Range, Shape, Size.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"
#include "llvm/Support/Format.h"
#include <cmath>

namespace mlir::llcc::frontend {

static LogicalResult importConstant(Binder &b) {
  auto c = std::make_shared<Constant>();
  if (b.hasAttr("value_int")) {
    b.result(intConstant(b.context(), b.attrInt("value_int", 0), Shape{}));
  } else if (b.hasAttr("value_ints")) {
    b.result(intConstant(b.context(), b.attrInts("value_ints")));
  } else if (b.hasAttr("value_float")) {
    c->type = b.builder.getF32Type();
    c->reals = {b.attrFloat("value_float", 0)};
    b.result(ConstantPtr(c));
  } else if (b.hasAttr("value_floats")) {
    c->type = b.builder.getF32Type();
    c->reals = b.attrFloats("value_floats");
    c->shape = {int64_t(c->reals.size())};
    b.result(ConstantPtr(c));
  } else if (b.hasAttr("value")) {
    ConstantPtr value = b.attrTensor("value");
    if (!value)
      return failure();
    b.result(value);
  } else {
    return b.unsupported("has none of the attributes value, value_int, value_ints, value_float and value_floats");
  }
  return success();
}

/// A constant of `shape` that holds one value.
static LogicalResult filled(Binder &b, ArrayRef<int64_t> shape, const Constant &value) {
  std::optional<int64_t> count = countElements(shape);
  if (!count)
    return b.bad("its result has dimensions " + showShape(shape) + ", a negative size or more than 2^40 elements");
  if (*count > kMaxConstantElements)
    return b.unsupported("its result has dimensions " + showShape(shape) +
                         ", a constant may have at most 2^24 elements");
  b.result(pick(value, shape, [](ArrayRef<int64_t>) { return 0; }));
  return success();
}

static LogicalResult importConstantOfShape(Binder &b) {
  Constant zero;
  zero.type = b.builder.getF32Type();
  zero.reals = {0};
  ConstantPtr value = b.hasAttr("value") ? b.attrTensor("value") : std::make_shared<Constant>(zero);
  Shape shape;
  if (!value || failed(b.constantInts(0, "input", shape)))
    return failure();
  if (value->size() != 1)
    return b.bad("attribute \"value\" has " + Twine(value->size()) + " elements, it must have one");
  return filled(b, shape, *value);
}

static LogicalResult importShape(Binder &b) {
  auto [type, shape] = b.inputType(0);
  int64_t rank = shape.size();
  int64_t start = b.attrInt("start", 0), end = b.attrInt("end", rank);
  if (!type)
    return b.bad("input data (number 0) is missing");
  start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, start, rank);
  b.result(intConstant(b.context(), ArrayRef(shape).slice(start, end - start)));
  return success();
}

static LogicalResult importSize(Binder &b) {
  auto [type, shape] = b.inputType(0);
  if (!type)
    return b.bad("input data (number 0) is missing");
  b.result(intConstant(b.context(), *countElements(shape), Shape{}));
  return success();
}

static LogicalResult foldRange(Binder &b) {
  ConstantPtr start = b.constant(0), limit = b.constant(1), delta = b.constant(2);
  if (!start || !limit || !delta)
    return b.unsupported("its inputs are computed from the model's data; they must be constants");
  if (start->size() != 1 || limit->size() != 1 || delta->size() != 1 || start->type != limit->type ||
      start->type != delta->type)
    return b.bad("its inputs must be three scalars of one type");
  double count = std::ceil((limit->real(0) - start->real(0)) / delta->real(0));
  if (!(std::abs(count) <= kMaxConstantElements)) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("from %.15g to %.15g in steps of %.15g are more than 2^24 elements",
                                                   start->real(0), limit->real(0), delta->real(0));
    return b.bad(text);
  }
  auto c = std::make_shared<Constant>();
  c->type = start->type;
  c->shape = {std::max<int64_t>(0, int64_t(count))};
  for (int64_t i = 0; i < c->shape[0]; ++i) {
    if (c->isFloat())
      c->reals.push_back(start->reals[0] + i * delta->reals[0]);
    else
      c->ints.push_back(int64_t(uint64_t(start->ints[0]) + uint64_t(i) * uint64_t(delta->ints[0])));
  }
  c->round();
  b.result(ConstantPtr(c));
  return success();
}

void addConstantOps(OpTable &t) {
  t.onOp("Constant", 1, importConstant);
  t.onOp("ConstantOfShape", 9, importConstantOfShape, {Role::Data});
  t.onOp("Shape", 1, importShape, {Role::Data});
  t.onOp("Size", 1, importSize, {Role::Data});
  t.onOp("Range", 11, foldRange, {Role::Data}, foldRange);
}

} // namespace mlir::llcc::frontend
