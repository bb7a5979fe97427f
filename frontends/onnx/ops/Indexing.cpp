// Gather: rows of a table.
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
      x = SliceOp::create(b.builder, b.loc, RankedTensorType::get(row, tableType), x, starts, strides);
    b.result(reshape(b, x, to));
    return success();
  }
  Value i = b.input(1, "indices");
  if (!i)
    return failure();
  b.result(GatherOp::create(b.builder, b.loc, RankedTensorType::get(to, tableType), x, i, *axis));
  return success();
}

void addIndexingOps(OpTable &t) { t.onOp("Gather", 1, importGather, {Role::Weight, Role::Data}, importGather); }

} // namespace mlir::llcc::frontend
