// Gather: rows of a table; GatherND and CumSum on constants, of which exporters make masks.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

static LogicalResult importGather(Binder &b) {
  auto [tableType, table] = b.inputType(0);
  auto [indexType, indices] = b.inputType(1);
  if (!tableType || !indexType)
    return b.bad("input " + Twine(tableType ? "indices (number 1)" : "data (number 0)") + " is missing");
  std::optional<int64_t> axis = b.axis(b.attrInt("axis", 0), table.size());
  if (!axis)
    return failure();
  if (!indexType.isInteger(32) && !indexType.isInteger(64))
    return b.bad("input indices must hold int32 or int64");
  int64_t size = table[*axis];
  Shape to(ArrayRef(table).take_front(*axis));
  to.append(indices.begin(), indices.end());
  to.append(table.begin() + *axis + 1, table.end());
  if (to.size() > 64 || !countElements(to))
    return b.bad("its result has dimensions " + showShape(to) + ", more than 2^40 elements or 64 dimensions");
  ConstantPtr known = b.constant(1);
  for (int64_t i : known ? known->ints : std::vector<int64_t>())
    if (i < -size || i >= size)
      return b.bad("index " + Twine(i) + " is outside of the table " + showShape(table) + " at axis " + Twine(*axis));
  if (size == 0 && *countElements(indices) != 0)
    return b.bad("the table " + showShape(table) + " has no element at axis " + Twine(*axis));
  ConstantPtr values = b.constant(0);
  if (values && known && *countElements(to) <= kMaxConstantElements) {
    Shape strides = stridesOf(table), indexStrides = stridesOf(indices);
    b.result(pick(*values, to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0, row = 0;
      for (int64_t d = 0; d < *axis; ++d)
        at += index[d] * strides[d];
      for (size_t d = 0; d < indices.size(); ++d)
        row += index[*axis + d] * indexStrides[d];
      int64_t i = known->ints[row];
      at += (i < 0 ? i + size : i) * strides[*axis];
      for (size_t d = *axis + 1; d < table.size(); ++d)
        at += index[d + indices.size() - 1] * strides[d];
      return at;
    }));
    return success();
  }
  Value x = b.input(0, "data");
  if (!x)
    return failure();
  if (known && known->size() == 1) { // one row: a slice
    Shape starts(table.size(), 0), strides(table.size(), 1), row(table);
    int64_t i = known->ints[0];
    starts[*axis] = i < 0 ? i + size : i;
    row[*axis] = 1;
    if (row != table)
      x = SliceOp::create(b.builder, b.loc, RankedTensorType::get(row, storageType(tableType)), x, starts, strides);
    b.result(reshape(b, x, to));
    return success();
  }
  Value i = b.input(1, "indices");
  if (!i)
    return failure();
  b.result(GatherOp::create(b.builder, b.loc, RankedTensorType::get(to, storageType(tableType)), x, i, *axis));
  return success();
}

/// Only constants: result[batch.., i.., rest..] = data[batch.., indices[batch.., i.., :], rest..].
static LogicalResult foldGatherND(Binder &b) {
  int64_t batches = b.attrInt("batch_dims", 0);
  ConstantPtr data = b.constant(0), indices = b.constant(1);
  if (!data || !indices)
    return b.unsupported("its inputs are computed from the model's data; they must be constants");
  int64_t q = indices->shape.size(), r = data->shape.size(), depth = q ? indices->shape.back() : 0;
  if (q == 0 || indices->isFloat() || batches < 0 || batches >= q || depth < 1 || batches + depth > r ||
      ArrayRef(data->shape).take_front(batches) != ArrayRef(indices->shape).take_front(batches))
    return b.bad("data is " + showShape(data->shape) + ", indices are " + showShape(indices->shape) +
                 " with batch_dims " + Twine(batches) + ", they do not fit");
  for (auto [i, v] : llvm::enumerate(indices->ints))
    if (int64_t size = data->shape[batches + int64_t(i) % depth]; v < -size || v >= size)
      return b.bad("index " + Twine(v) + " is outside of data " + showShape(data->shape));
  Shape to(ArrayRef(indices->shape).drop_back());
  to.append(data->shape.begin() + batches + depth, data->shape.end());
  std::optional<int64_t> count = countElements(to);
  if (!count || *count > kMaxConstantElements)
    return b.unsupported("its result has dimensions " + showShape(to) + ", a constant may have at most 2^24 elements");
  Shape strides = stridesOf(data->shape), indexStrides = stridesOf(indices->shape);
  b.result(pick(*data, to, [&](ArrayRef<int64_t> index) {
    int64_t at = 0, row = 0;
    for (int64_t d = 0; d < q - 1; ++d)
      row += index[d] * indexStrides[d];
    for (int64_t d = 0; d < batches; ++d)
      at += index[d] * strides[d];
    for (int64_t d = 0; d < depth; ++d) {
      int64_t v = indices->ints[row + d];
      at += (v < 0 ? v + data->shape[batches + d] : v) * strides[batches + d];
    }
    for (int64_t d = batches + depth; d < r; ++d)
      at += index[q - 1 + d - batches - depth] * strides[d];
    return at;
  }));
  return success();
}

/// Only constants.
static LogicalResult foldCumSum(Binder &b) {
  bool exclusive = b.attrInt("exclusive", 0), reverse = b.attrInt("reverse", 0);
  ConstantPtr x = b.constant(0), given = b.constant(1);
  if (!x || !given)
    return b.unsupported("its inputs are computed from the model's data; they must be constants");
  if (given->size() != 1 || given->isFloat())
    return b.bad("input axis must be one integer");
  std::optional<int64_t> axis = b.axis(given->ints[0], x->shape.size());
  if (!axis)
    return failure();
  auto y = std::make_shared<Constant>(*x);
  int64_t size = x->shape[*axis], stride = stridesOf(x->shape)[*axis];
  for (int64_t i = 0; i < x->size(); ++i) {
    if (i / stride % size != 0)
      continue;
    double real = 0;
    uint64_t integer = 0;
    for (int64_t k = 0; k < size; ++k) {
      int64_t at = i + (reverse ? size - 1 - k : k) * stride;
      if (x->isFloat()) {
        y->reals[at] = exclusive ? real : real + x->reals[at];
        real += x->reals[at];
      } else {
        y->ints[at] = int64_t(exclusive ? integer : integer + uint64_t(x->ints[at]));
        integer += uint64_t(x->ints[at]);
      }
    }
  }
  y->round();
  b.result(ConstantPtr(y));
  return success();
}

void addIndexingOps(OpTable &t) {
  t.onOp("Gather", 1, importGather, {Role::Weight, Role::Data}, importGather);
  t.onOp("GatherND", 11, foldGatherND, {Role::Data}, foldGatherND);
  t.onOp("CumSum", 11, foldCumSum, {Role::Data}, foldCumSum);
}

} // namespace mlir::llcc::frontend
