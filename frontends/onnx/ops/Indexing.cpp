// What reads by index: Gather, GatherElements, GatherND; NonZero, whose result is indices.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/PaddedRows.h"

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

/// result[i, j] = data[indices[i, j], j] along axis 0, and so on.
static LogicalResult importGatherElements(Binder &b) {
  auto [type, shape] = b.inputType(0);
  auto [indexType, indexShape] = b.inputType(1);
  if (!type || !indexType)
    return b.bad("needs two inputs: data and indices");
  std::optional<int64_t> axis = b.axis(b.attrInt("axis", 0), shape.size());
  if (!axis)
    return failure();
  bool fits = indexShape.size() == shape.size() && (indexType.isInteger(32) || indexType.isInteger(64));
  for (size_t d = 0; fits && d < shape.size(); ++d)
    fits = int64_t(d) == *axis || indexShape[d] <= shape[d];
  int64_t size = shape[*axis];
  if (!fits || (size == 0 && *countElements(indexShape) != 0))
    return b.bad("data is " + showShape(shape) + ", indices are " + showShape(indexShape) +
                 "; indices must be int32 or int64 and no larger than data outside of axis " + Twine(*axis));
  ConstantPtr values = b.constant(0), known = b.constant(1);
  for (int64_t i : known ? known->ints : std::vector<int64_t>())
    if (i < -size || i >= size)
      return b.bad("index " + Twine(i) + " is outside of data " + showShape(shape) + " at axis " + Twine(*axis));
  if (values && known) {
    Shape strides = stridesOf(shape), indexStrides = stridesOf(indexShape);
    b.result(pick(*values, indexShape, [&](ArrayRef<int64_t> index) {
      int64_t at = 0, which = 0;
      for (size_t d = 0; d < index.size(); ++d) {
        which += index[d] * indexStrides[d];
        at += int64_t(d) == *axis ? 0 : index[d] * strides[d];
      }
      int64_t i = known->ints[which];
      return at + (i < 0 ? i + size : i) * strides[*axis];
    }));
    return success();
  }
  Value x = b.input(0, "data"), indices = b.input(1, "indices");
  if (!x || !indices)
    return failure();
  Shape part(indexShape), zeros(shape.size(), 0);
  part[*axis] = size;
  b.result(takeAlong(b, slice(b, x, zeros, part), indices, *axis));
  return success();
}

/// result[batch.., i.., rest..] = data[batch.., indices[batch.., i.., :], rest..].
static LogicalResult importGatherND(Binder &b) {
  int64_t batches = b.opset >= 12 ? b.attrInt("batch_dims", 0) : 0;
  auto [type, shape] = b.inputType(0);
  auto [indexType, indexShape] = b.inputType(1);
  if (!type || !indexType)
    return b.bad("needs two inputs: data and indices");
  int64_t q = indexShape.size(), r = shape.size(), depth = q ? indexShape.back() : 0;
  if (q == 0 || !indexType.isInteger(64) || batches < 0 || batches >= q || depth < 1 || batches + depth > r ||
      ArrayRef(shape).take_front(batches) != ArrayRef(indexShape).take_front(batches))
    return b.bad("data is " + showShape(shape) + ", indices are " + showShape(indexShape) + " with batch_dims " +
                 Twine(batches) + ", they do not fit");
  ConstantPtr data = b.constant(0), known = b.constant(1);
  for (auto [i, v] : llvm::enumerate(known ? known->ints : std::vector<int64_t>()))
    if (int64_t size = shape[batches + int64_t(i) % depth]; v < -size || v >= size)
      return b.bad("index " + Twine(v) + " is outside of data " + showShape(shape));
  Shape to(ArrayRef(indexShape).drop_back());
  to.append(shape.begin() + batches + depth, shape.end());
  std::optional<int64_t> count = countElements(to);
  if (!count)
    return b.bad("its result has dimensions " + showShape(to) + ", more than 2^40 elements");
  if (data && known && *count <= kMaxConstantElements) {
    Shape strides = stridesOf(shape), indexStrides = stridesOf(indexShape);
    b.result(pick(*data, to, [&](ArrayRef<int64_t> index) {
      int64_t at = 0, row = 0;
      for (int64_t d = 0; d < q - 1; ++d)
        row += index[d] * indexStrides[d];
      for (int64_t d = 0; d < batches; ++d)
        at += index[d] * strides[d];
      for (int64_t d = 0; d < depth; ++d) {
        int64_t v = known->ints[row + d];
        at += (v < 0 ? v + shape[batches + d] : v) * strides[batches + d];
      }
      for (int64_t d = batches + depth; d < r; ++d)
        at += index[q - 1 + d - batches - depth] * strides[d];
      return at;
    }));
    return success();
  }
  Value x = b.input(0, "data"), indices = b.input(1, "indices");
  if (!x || !indices)
    return failure();
  if (*count == 0 || typeOf(x).getNumElements() == 0) {
    b.result(splat(b, to, storageType(type), 0));
    return success();
  }
  ArrayRef<int64_t> indexed = ArrayRef(shape).slice(batches, depth);
  Shape table(ArrayRef(shape).take_front(batches));
  table.push_back(*countElements(indexed));
  table.append(shape.begin() + batches + depth, shape.end());
  b.result(GatherOp::create(b.builder, b.loc, RankedTensorType::get(to, storageType(type)), reshape(b, x, table),
                            linearIndex(b, indices, indexed), batches, batches));
  return success();
}

/// As many rows as the input has elements: those found in order, then kNoRow. PaddedRows proves that nobody sees these.
static LogicalResult importNonZeroOfData(Binder &b) {
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  Shape shape(shapeOf(x)), strides = stridesOf(shape);
  int64_t count = typeOf(x).getNumElements(), rank = shape.size();
  if (rank == 0 || count < 2 || count >= kNoRow)
    return b.unsupported("the size of its result depends on the model's data; its input must be a constant");
  Value flat = reshape(b, x, {count}), zero = splatLike(b, flat, 0);
  Value is = isa<FloatType>(typeOf(x).getElementType()) ? compare(b, arith::CmpFPredicate::UNE, flat, zero)
                                                        : compare(b, arith::CmpIPredicate::ne, flat, zero);
  auto i64 = RankedTensorType::get({count}, b.builder.getI64Type());
  Value found = arith::ExtUIOp::create(b.builder, b.loc, i64, is);
  Value order = ArgsortOp::create(b.builder, b.loc, i64, found, 0, /*descending=*/true);
  Value many = broadcast(b, reduce(b, found, ReduceKind::Sum, {0}, /*keep=*/false), {count}, {});
  Value exists = compare(b, arith::CmpIPredicate::slt, positions(b, {count}, 0), many);
  SmallVector<Value> rows;
  for (int64_t d = 0; d < rank; ++d) {
    Value i = arith::DivSIOp::create(b.builder, b.loc, order, splatLike(b, order, double(strides[d])));
    if (d > 0)
      i = arith::RemSIOp::create(b.builder, b.loc, i, splatLike(b, i, double(shape[d])));
    rows.push_back(reshape(b, select(b, exists, i, splatLike(b, i, double(kNoRow))), {1, count}));
  }
  b.result(concat(b, rows, 0), 0, b.builder.getI64Type());
  b.resultHasPadding();
  return success();
}

/// Indices of elements that are not 0, [rank, count]; how many there are is part of the shape.
static LogicalResult importNonZero(Binder &b) {
  ConstantPtr x = b.constant(0);
  if (!b.hasInput(0))
    return b.bad("input X (number 0) is missing");
  if (!x)
    return importNonZeroOfData(b);
  std::vector<Shape> found;
  for (int64_t i = 0; i < x->size(); ++i)
    if (x->real(i) != 0)
      found.push_back(indexOf(i, x->shape));
  int64_t rank = x->shape.size();
  Shape values;
  for (int64_t d = 0; d < rank; ++d)
    for (const Shape &index : found)
      values.push_back(index[d]);
  b.result(intConstant(b.context(), values, Shape{rank, int64_t(found.size())}));
  return success();
}

void addIndexingOps(OpTable &t) {
  t.onOp("Gather", 1, importGather, {Role::Weight, Role::Data}, importGather);
  t.onOp("GatherElements", 11, importGatherElements, {Role::View, Role::Data}, importGatherElements);
  t.onOp("GatherND", 11, importGatherND, {Role::View, Role::Data}, importGatherND);
  t.onOp("NonZero", 9, importNonZero, {Role::Data}, importNonZero);
}

} // namespace mlir::llcc::frontend
