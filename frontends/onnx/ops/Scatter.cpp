// What puts updates into a tensor: ScatterElements, Scatter, ScatterND, TensorScatter.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// Attribute reduction: none, add, mul, max, min; false where it is none of these (said).
static bool readReduction(Binder &b, std::optional<ReduceKind> &kind) {
  std::string reduction = b.attrString("reduction", "none");
  if (reduction == "add")
    kind = ReduceKind::Sum;
  else if (reduction == "mul")
    kind = ReduceKind::Prod;
  else if (reduction == "max")
    kind = ReduceKind::Max;
  else if (reduction == "min")
    kind = ReduceKind::Min;
  else if (reduction != "none")
    return succeeded(
        b.bad("attribute \"reduction\" is " + quote(reduction) + ", it must be none, add, mul, max or min"));
  return true;
}

/// Combines element `from` of x into element `at` of y.
static void combineInto(Constant &y, int64_t at, const Constant &x, int64_t from, std::optional<ReduceKind> kind) {
  auto apply = [&](auto old, auto update) -> decltype(old) {
    if (!kind)
      return update;
    switch (*kind) {
    case ReduceKind::Sum:
      return old + update;
    case ReduceKind::Prod:
      return old * update;
    case ReduceKind::Max:
      return std::max(old, update);
    case ReduceKind::Min:
      return std::min(old, update);
    }
    return update;
  };
  if (y.isFloat())
    y.reals[at] = apply(y.reals[at], x.reals[from]);
  else if (kind == ReduceKind::Sum || kind == ReduceKind::Prod) // wraps
    y.ints[at] = int64_t(apply(uint64_t(y.ints[at]), uint64_t(x.ints[from])));
  else
    y.ints[at] = apply(y.ints[at], x.ints[from]);
}

static LogicalResult importScatterElements(Binder &b) {
  std::optional<ReduceKind> kind;
  auto [type, shape] = b.inputType(0);
  auto [indexType, indexShape] = b.inputType(1);
  auto [updateType, updateShape] = b.inputType(2);
  if (!type || !indexType || !updateType)
    return b.bad("needs three inputs: data, indices and updates");
  std::optional<int64_t> axis = b.axis(b.attrInt("axis", 0), shape.size());
  if (!readReduction(b, kind) || !axis)
    return failure();
  bool fits = indexShape.size() == shape.size() && indexShape == updateShape && type == updateType;
  for (size_t d = 0; fits && d < shape.size(); ++d)
    fits = int64_t(d) == *axis || indexShape[d] <= shape[d];
  if (!fits || (!indexType.isInteger(32) && !indexType.isInteger(64)))
    return b.bad("data is " + showShape(shape) + ", indices are " + showShape(indexShape) + ", updates are " +
                 showShape(updateShape) +
                 "; indices must be int32 or int64, of the shape of the updates, and no larger than data");
  int64_t size = shape[*axis];
  ConstantPtr known = b.constant(1);
  for (int64_t i : known ? known->ints : std::vector<int64_t>())
    if (i < -size || i >= size)
      return b.bad("index " + Twine(i) + " is outside of data " + showShape(shape) + " at axis " + Twine(*axis));
  if (ConstantPtr data = b.constant(0), updates = b.constant(2); data && updates && known) {
    auto y = std::make_shared<Constant>(*data);
    Shape strides = stridesOf(shape);
    for (int64_t i = 0; i < known->size(); ++i) {
      Shape index = indexOf(i, indexShape);
      index[*axis] = known->ints[i] < 0 ? known->ints[i] + size : known->ints[i];
      int64_t at = 0;
      for (size_t d = 0; d < index.size(); ++d)
        at += index[d] * strides[d];
      combineInto(*y, at, *updates, i, kind);
    }
    y->round();
    b.result(ConstantPtr(y));
    return success();
  }
  Value data = b.input(0, "data"), indices = b.input(1, "indices"), updates = b.input(2, "updates");
  if (!data || !indices || !updates)
    return failure();
  bool flipped = b.isUnsigned(0) && (kind == ReduceKind::Max || kind == ReduceKind::Min);
  if (flipped) {
    data = flipSign(b, data);
    updates = flipSign(b, updates);
  }
  // Indices that cover a part of data only change that part.
  Shape part(indexShape), zeros(shape.size(), 0), hi;
  part[*axis] = size;
  Value y = putAlong(b, slice(b, data, zeros, part), updates, indices, *axis, kind);
  if (part != shape) {
    Value inside;
    for (size_t d = 0; d < shape.size(); ++d) {
      hi.push_back(shape[d] - part[d]);
      if (part[d] == shape[d])
        continue;
      Value at = positions(b, shape, d), in = compare(b, arith::CmpIPredicate::slt, at, splatLike(b, at, part[d]));
      inside = inside ? arith::AndIOp::create(b.builder, b.loc, inside, in).getResult() : in;
    }
    y = select(b, inside, pad(b, y, zeros, hi, 0), data);
  }
  b.result(flipped ? flipSign(b, y) : y, 0, type);
  return success();
}

static LogicalResult importScatterND(Binder &b) {
  std::optional<ReduceKind> kind;
  auto [type, shape] = b.inputType(0);
  auto [indexType, indexShape] = b.inputType(1);
  auto [updateType, updateShape] = b.inputType(2);
  if (!type || !indexType || !updateType)
    return b.bad("needs three inputs: data, indices and updates");
  if (!readReduction(b, kind))
    return failure();
  int64_t depth = indexShape.empty() ? -1 : indexShape.back(), rank = shape.size();
  Shape needed(indexShape);
  if (depth >= 0 && depth <= rank) {
    needed.pop_back();
    needed.append(shape.begin() + depth, shape.end());
  }
  if (depth < 0 || depth > rank || !indexType.isInteger(64) || type != updateType || updateShape != needed)
    return b.bad("data is " + showShape(shape) + ", indices are " + showShape(indexShape) + ", updates are " +
                 showShape(updateShape) + ", they do not fit; indices must be int64");
  ConstantPtr known = b.constant(1), data = b.constant(0), updates = b.constant(2);
  for (auto [i, v] : llvm::enumerate(known ? known->ints : std::vector<int64_t>()))
    if (int64_t size = shape[int64_t(i) % depth]; v < -size || v >= size)
      return b.bad("index " + Twine(v) + " is outside of data " + showShape(shape));
  if (data && updates && known) {
    auto y = std::make_shared<Constant>(*data);
    Shape strides = stridesOf(shape);
    int64_t block = *countElements(ArrayRef(shape).drop_front(depth)),
            count = depth ? known->size() / depth : *countElements(ArrayRef(indexShape).drop_back());
    for (int64_t i = 0; i < count; ++i) {
      int64_t at = 0;
      for (int64_t d = 0; d < depth; ++d) {
        int64_t v = known->ints[i * depth + d];
        at += (v < 0 ? v + shape[d] : v) * strides[d];
      }
      for (int64_t k = 0; k < block; ++k)
        combineInto(*y, at + k, *updates, i * block + k, kind);
    }
    y->round();
    b.result(ConstantPtr(y));
    return success();
  }
  Value x = b.input(0, "data"), indices = b.input(1, "indices"), u = b.input(2, "updates");
  if (!x || !indices || !u)
    return failure();
  if (typeOf(u).getNumElements() == 0) {
    b.forward(0);
    return success();
  }
  int64_t rows = *countElements(ArrayRef(shape).take_front(depth)),
          count = *countElements(ArrayRef(indexShape).drop_back());
  Shape rest(ArrayRef(shape).drop_front(depth)), table{rows}, lines{count};
  table.append(rest);
  lines.append(rest);
  Value line = reshape(b, linearIndex(b, indices, ArrayRef(shape).take_front(depth)), {count});
  bool flipped = b.isUnsigned(0) && (kind == ReduceKind::Max || kind == ReduceKind::Min);
  if (flipped)
    u = flipSign(b, u);
  Value flat = reshape(b, flipped ? flipSign(b, x) : x, table);
  Value y = ScatterOp::create(b.builder, b.loc, flat.getType(), flat, reshape(b, u, lines), line, 0, 0,
                              kind ? ReduceKindAttr::get(b.context(), *kind) : ReduceKindAttr());
  b.result(reshape(b, flipped ? flipSign(b, y) : y, shape), 0, type);
  return success();
}

/// A key or value cache [batch, .., positions, width] takes new positions from write_indices on.
static LogicalResult importTensorScatter(Binder &b) {
  std::string mode = b.attrString("mode", "linear");
  int64_t along = b.attrInt("axis", -2);
  Value data = b.input(0, "past_cache"), updates = b.input(1, "update");
  if (!data || !updates)
    return failure();
  std::optional<int64_t> axis = b.axis(along, rankOf(data));
  if (!axis)
    return failure();
  Shape shape(shapeOf(data)), update(shapeOf(updates));
  bool fits = shape.size() == update.size() && *axis > 0;
  for (size_t d = 0; fits && d < shape.size(); ++d)
    fits = int64_t(d) == *axis ? update[d] <= shape[d] : update[d] == shape[d];
  if (!fits || (mode != "linear" && mode != "circular"))
    return b.bad("past_cache is " + showShape(shape) + ", update is " + showShape(update) + ", axis is " +
                 Twine(*axis) + ", mode is " + quote(mode) + "; they do not fit");
  int64_t batch = shape[0], size = shape[*axis], count = update[*axis];
  Value at = positions(b, {batch, count}, 1);
  if (b.hasInput(2)) {
    Value first = b.input(2, "write_indices");
    if (!first)
      return failure();
    if (shapeOf(first) != ArrayRef<int64_t>{batch} || !isa<IntegerType>(typeOf(first).getElementType()))
      return b.bad("write_indices is " + showShape(shapeOf(first)) + ", it must hold " + Twine(batch) + " integers");
    at = arith::AddIOp::create(b.builder, b.loc, at, broadcast(b, asInt64(b, first), {batch, count}, {0}));
  }
  if (mode == "circular")
    at = arith::RemSIOp::create(b.builder, b.loc, at, splatLike(b, at, double(size)));
  Shape perm = movedDim(shape.size(), *axis, 1);
  Value table = transpose(b, data, perm);
  Value y = ScatterOp::create(b.builder, b.loc, table.getType(), table, transpose(b, updates, perm), at, 1, 1,
                              ReduceKindAttr());
  b.result(transpose(b, y, movedDim(shape.size(), 1, *axis)));
  return success();
}

void addScatterOps(OpTable &t) {
  const SmallVector<Role, 3> roles = {Role::View, Role::Data, Role::View};
  t.onOp("Scatter", 9, importScatterElements, roles, importScatterElements);
  t.onOp("ScatterElements", 11, importScatterElements, roles, importScatterElements);
  t.onOp("ScatterND", 11, importScatterND, roles, importScatterND);
  t.onOp("TensorScatter", 24, importTensorScatter, {Role::View, Role::View, Role::Data});
}

} // namespace mlir::llcc::frontend
