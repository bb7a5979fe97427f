// Running sums and products along an axis: CumSum, CumProd.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

/// Longest axis that is accumulated directly, each element from all before it: that is one reduction, which fuses.
/// Longer ones are cut into some sqrt(n) blocks, whose totals are accumulated likewise.
static constexpr int64_t kDirect = 64;

/// y[.., i] = combination of x[.., j] for j <= i (j < i) along the last axis.
static Value accumulate(Binder &b, Value x, ReduceKind kind, bool exclusive) {
  int64_t rank = rankOf(x), n = shapeOf(x).back();
  Type type = typeOf(x).getElementType();
  double neutral = kind == ReduceKind::Prod;
  if (n <= kDirect) {
    Shape wide(shapeOf(x)), dims = llvm::to_vector(llvm::seq<int64_t>(0, rank + 1)); // [.., i, j]
    wide.push_back(n);
    dims.erase(dims.begin() + rank - 1);
    Value before = compare(b, exclusive ? arith::CmpIPredicate::slt : arith::CmpIPredicate::sle,
                           positions(b, wide, rank), positions(b, wide, rank - 1));
    Value terms = select(b, before, broadcast(b, x, wide, dims), splat(b, wide, type, neutral));
    return reduce(b, terms, kind, {rank}, /*keep=*/false);
  }
  int64_t block = std::max<int64_t>(kDirect, int64_t(std::ceil(std::sqrt(double(n))))),
          blocks = (n + block - 1) / block;
  Shape none(rank, 0), rest(rank, 0), cut(shapeOf(x).drop_back()), all(shapeOf(x));
  rest.back() = blocks * block - n;
  cut.append({blocks, block});
  Value parts = reshape(b, pad(b, x, none, rest, neutral), cut);
  Value inside = accumulate(b, parts, kind, exclusive);
  Value totals = accumulate(b, reduce(b, parts, kind, {rank}, /*keep=*/false), kind, /*exclusive=*/true);
  totals = broadcast(b, totals, cut, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  bool isFloat = isa<FloatType>(type);
  Value y;
  if (kind == ReduceKind::Sum)
    y = isFloat ? arith::AddFOp::create(b.builder, b.loc, totals, inside).getResult()
                : arith::AddIOp::create(b.builder, b.loc, totals, inside).getResult();
  else
    y = isFloat ? arith::MulFOp::create(b.builder, b.loc, totals, inside).getResult()
                : arith::MulIOp::create(b.builder, b.loc, totals, inside).getResult();
  Shape flat(all);
  flat.back() = blocks * block;
  return slice(b, reshape(b, y, flat), none, all);
}

template <ReduceKind Kind> static LogicalResult importCumulative(Binder &b) {
  constexpr bool product = Kind == ReduceKind::Prod;
  bool exclusive = b.attrInt("exclusive", 0), backwards = b.attrInt("reverse", 0);
  auto [type, shape] = b.inputType(0);
  Shape given;
  if (!type)
    return b.bad("input x (number 0) is missing");
  if (failed(b.constantInts(1, "axis", given)))
    return failure();
  if (given.size() != 1)
    return b.bad("input axis must be one integer");
  std::optional<int64_t> axis = b.axis(given[0], shape.size());
  if (!axis)
    return failure();
  int64_t size = shape[*axis], stride = stridesOf(shape)[*axis];
  if (ConstantPtr x = b.constant(0)) {
    auto y = std::make_shared<Constant>(*x);
    for (int64_t i = 0; i < x->size(); ++i) {
      if (i / stride % size != 0)
        continue;
      double real = product;
      uint64_t integer = product;
      for (int64_t k = 0; k < size; ++k) {
        int64_t at = i + (backwards ? size - 1 - k : k) * stride;
        if (x->isFloat()) {
          double next = product ? real * x->reals[at] : real + x->reals[at];
          y->reals[at] = exclusive ? real : next;
          real = next;
        } else {
          uint64_t next = product ? integer * uint64_t(x->ints[at]) : integer + uint64_t(x->ints[at]);
          y->ints[at] = int64_t(exclusive ? integer : next);
          integer = next;
        }
      }
    }
    y->round();
    b.result(ConstantPtr(y));
    return success();
  }
  Value x = b.input(0, "x");
  if (!x)
    return failure();
  if (typeOf(x).getNumElements() == 0) {
    b.forward(0);
    return success();
  }
  int64_t last = shape.size() - 1;
  x = transpose(b, x, movedDim(shape.size(), *axis, last));
  Value y = accumulate(b, backwards ? reverse(b, x, {last}) : x, Kind, exclusive);
  b.result(transpose(b, backwards ? reverse(b, y, {last}) : y, movedDim(shape.size(), last, *axis)));
  return success();
}

void addCumulativeOps(OpTable &t) {
  t.onOp("CumSum", 11, importCumulative<ReduceKind::Sum>, {Role::View, Role::Data}, importCumulative<ReduceKind::Sum>);
  t.onOp("CumProd", 26, importCumulative<ReduceKind::Prod>, {Role::View, Role::Data},
         importCumulative<ReduceKind::Prod>);
}

} // namespace mlir::llcc::frontend
