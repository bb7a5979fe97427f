// How operator handlers say IR that moves elements by index.
#include "frontends/onnx/Indexing.h"

namespace mlir::llcc::frontend {

Value slice(Binder &b, Value x, ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  if (shapeOf(x) == sizes && llvm::all_of(strides, [](int64_t s) { return s == 1; }))
    return x;
  Shape ones(sizes.size(), 1), first(starts);
  for (auto [d, size] : llvm::enumerate(sizes))
    first[d] = size ? first[d] : 0;
  return SliceOp::create(b.builder, b.loc, RankedTensorType::get(sizes, typeOf(x).getElementType()), x, first,
                         strides.empty() ? ArrayRef<int64_t>(ones) : strides);
}

Value sliceAlong(Binder &b, Value x, int64_t dim, int64_t start, int64_t size, int64_t stride) {
  Shape starts(rankOf(x), 0), strides(rankOf(x), 1), sizes(shapeOf(x));
  starts[dim] = start;
  strides[dim] = stride;
  sizes[dim] = size;
  return slice(b, x, starts, sizes, strides);
}

Value reverse(Binder &b, Value x, ArrayRef<int64_t> dims) {
  if (llvm::all_of(dims, [&](int64_t d) { return shapeOf(x)[d] <= 1; }))
    return x;
  return ReverseOp::create(b.builder, b.loc, x.getType(), x, dims);
}

Value pad(Binder &b, Value x, ArrayRef<int64_t> lo, ArrayRef<int64_t> hi, double value, ArrayRef<int64_t> interior) {
  Shape none(rankOf(x), 0), shape(shapeOf(x));
  if (interior.empty())
    interior = none;
  for (auto [d, size] : llvm::enumerate(shape))
    size = lo[d] + size + std::max<int64_t>(size - 1, 0) * interior[d] + hi[d];
  if (shape == shapeOf(x))
    return x;
  return PadOp::create(b.builder, b.loc, RankedTensorType::get(shape, typeOf(x).getElementType()), x, lo, hi, interior,
                       APFloat(value));
}

Value concat(Binder &b, ArrayRef<Value> xs, int64_t dim) {
  if (xs.size() == 1)
    return xs[0];
  Shape shape(shapeOf(xs[0]));
  for (Value x : xs.drop_front())
    shape[dim] += shapeOf(x)[dim];
  return ConcatOp::create(b.builder, b.loc, RankedTensorType::get(shape, typeOf(xs[0]).getElementType()), xs, dim);
}

Value positions(Binder &b, ArrayRef<int64_t> shape, int64_t dim) {
  return IotaOp::create(b.builder, b.loc, RankedTensorType::get(shape, b.builder.getI64Type()), dim);
}

Value compare(Binder &b, arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b.builder, b.loc, predicate, x, y);
}

Value compare(Binder &b, arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(b.builder, b.loc, predicate, x, y);
}

Value select(Binder &b, Value condition, Value x, Value y) {
  return arith::SelectOp::create(b.builder, b.loc, condition, x, y);
}

Value asInt64(Binder &b, Value x, bool isUnsigned) {
  auto type = RankedTensorType::get(shapeOf(x), b.builder.getI64Type());
  Type from = typeOf(x).getElementType();
  if (from.isInteger(64))
    return x;
  if (isa<FloatType>(from))
    return arith::FPToSIOp::create(b.builder, b.loc, type, x);
  if (from.isInteger(1) || isUnsigned)
    return arith::ExtUIOp::create(b.builder, b.loc, type, x);
  return arith::ExtSIOp::create(b.builder, b.loc, type, x);
}

Value flipSign(Binder &b, Value x) {
  auto type = typeOf(x);
  llvm::APInt sign = llvm::APInt::getSignMask(type.getElementTypeBitWidth());
  Value flip = arith::ConstantOp::create(b.builder, b.loc, DenseElementsAttr::get(type, sign));
  return arith::XOrIOp::create(b.builder, b.loc, x, flip);
}

Value intTensor(Binder &b, ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  return b.value(intConstant(b.context(), values, Shape(shape)));
}

Value realTensor(Binder &b, ArrayRef<double> values, ArrayRef<int64_t> shape, Type type) {
  auto c = std::make_shared<Constant>();
  c->type = type;
  c->shape.assign(shape.begin(), shape.end());
  c->reals.assign(values.begin(), values.end());
  c->round();
  return b.value(c);
}

Value takeKnown(Binder &b, Value table, int64_t axis, ArrayRef<int64_t> indices) {
  int64_t size = shapeOf(table)[axis], count = indices.size();
  bool ascending = true, descending = true; // in steps of one
  for (int64_t i = 1; i < count; ++i) {
    ascending &= indices[i] == indices[i - 1] + 1;
    descending &= indices[i] == indices[i - 1] - 1;
  }
  Shape to(shapeOf(table));
  to[axis] = count;
  if (count == 0 || ascending)
    return sliceAlong(b, table, axis, count ? indices[0] : 0, count);
  if (descending)
    return reverse(b, sliceAlong(b, table, axis, indices.back(), count), {axis});
  auto type = RankedTensorType::get(to, typeOf(table).getElementType());
  if (size == 1)
    return broadcast(b, table, to, llvm::to_vector(llvm::seq<int64_t>(0, to.size())));
  return GatherOp::create(b.builder, b.loc, type, table, intTensor(b, indices, {count}), axis);
}

Shape movedDim(int64_t rank, int64_t from, int64_t to) {
  Shape perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  perm.erase(perm.begin() + from);
  perm.insert(perm.begin() + to, from);
  return perm;
}

Value takeAlong(Binder &b, Value table, Value indices, int64_t axis) {
  int64_t rank = rankOf(table), last = rank - 1;
  Type type = typeOf(table).getElementType();
  Shape to(shapeOf(indices));
  if (llvm::is_contained(to, 0))
    return splat(b, to, type, 0);
  Shape perm = movedDim(rank, axis, last);
  table = transpose(b, table, perm);
  indices = transpose(b, indices, perm);
  Value y = GatherOp::create(b.builder, b.loc, RankedTensorType::get(shapeOf(indices), type), table, indices, last,
                             /*batch=*/last);
  return transpose(b, y, movedDim(rank, last, axis));
}

Value putAlong(Binder &b, Value data, Value updates, Value indices, int64_t axis, std::optional<ReduceKind> kind) {
  int64_t rank = rankOf(data), last = rank - 1;
  if (typeOf(indices).getNumElements() == 0)
    return data;
  Shape perm = movedDim(rank, axis, last);
  data = transpose(b, data, perm);
  Value y = ScatterOp::create(b.builder, b.loc, data.getType(), data, transpose(b, updates, perm),
                              transpose(b, indices, perm), last, /*batch=*/last,
                              kind ? ReduceKindAttr::get(b.context(), *kind) : ReduceKindAttr());
  return transpose(b, y, movedDim(rank, last, axis));
}

Value linearIndex(Binder &b, Value indices, ArrayRef<int64_t> shape) {
  Shape lead(shapeOf(indices).drop_back()), strides = stridesOf(shape);
  int64_t last = lead.size();
  indices = asInt64(b, indices);
  Value sum = splat(b, lead, b.builder.getI64Type(), 0);
  for (auto [d, size] : llvm::enumerate(shape)) {
    Value i = reshape(b, sliceAlong(b, indices, last, d, 1), lead);
    Value negative = compare(b, arith::CmpIPredicate::slt, i, splatLike(b, i, 0));
    i = select(b, negative, arith::AddIOp::create(b.builder, b.loc, i, splatLike(b, i, double(size))), i);
    i = arith::MulIOp::create(b.builder, b.loc, i, splatLike(b, i, double(strides[d])));
    sum = d ? arith::AddIOp::create(b.builder, b.loc, sum, i).getResult() : i;
  }
  return sum;
}

ConstantPtr pickOr(const Constant &x, ArrayRef<int64_t> shape, double fill,
                   llvm::function_ref<int64_t(ArrayRef<int64_t>)> source) {
  auto y = std::make_shared<Constant>();
  y->type = x.type;
  y->shape.assign(shape.begin(), shape.end());
  for (int64_t i = 0, n = *countElements(shape); i < n; ++i) {
    int64_t from = source(indexOf(i, shape));
    if (x.isFloat())
      y->reals.push_back(from < 0 ? fill : x.reals[from]);
    else
      y->ints.push_back(from < 0 ? int64_t(fill) : x.ints[from]);
  }
  return y;
}

} // namespace mlir::llcc::frontend
