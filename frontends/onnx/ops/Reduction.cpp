// Reductions: the axes are an attribute in old opsets and an input in new ones.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

enum class Reduction { Sum, Mean, Max, Min, Prod };

template <Reduction R> static LogicalResult importReduce(Binder &b) {
  bool keep = b.attrInt("keepdims", 1), noop = b.attrInt("noop_with_empty_axes", 0);
  constexpr int64_t kAxesAreInput = R == Reduction::Sum ? 13 : 18;
  Shape axes;
  if (b.opset >= kAxesAreInput) {
    if (failed(b.constantInts(1, "axes", axes, /*optional=*/true)))
      return failure();
  } else {
    axes = b.attrInts("axes");
  }
  Value x = b.floatInput(0, "data");
  if (!x)
    return failure();
  SmallVector<bool> reduced(rankOf(x), axes.empty() && !noop);
  for (int64_t a : axes) {
    std::optional<int64_t> axis = b.axis(a, rankOf(x));
    if (!axis)
      return failure();
    reduced[*axis] = true;
  }
  Shape dims;
  int64_t count = 1;
  for (int64_t d = 0; d < rankOf(x); ++d)
    if (reduced[d]) {
      dims.push_back(d);
      count *= shapeOf(x)[d];
    }
  ReduceKind kind = R == Reduction::Max    ? ReduceKind::Max
                    : R == Reduction::Min  ? ReduceKind::Min
                    : R == Reduction::Prod ? ReduceKind::Prod
                                           : ReduceKind::Sum;
  Value y = reduce(b, x, kind, dims, keep);
  if (R == Reduction::Mean && count != 1)
    y = arith::DivFOp::create(b.builder, b.loc, y, splatLike(b, y, double(count)));
  b.result(y);
  return success();
}

void addReductionOps(OpTable &t) {
  t.onOp("ReduceSum", 1, importReduce<Reduction::Sum>, {Role::Elementwise, Role::Data});
  t.onOp("ReduceMean", 1, importReduce<Reduction::Mean>, {Role::Elementwise, Role::Data});
  t.onOp("ReduceMax", 1, importReduce<Reduction::Max>, {Role::Elementwise, Role::Data});
  t.onOp("ReduceMin", 1, importReduce<Reduction::Min>, {Role::Elementwise, Role::Data});
  t.onOp("ReduceProd", 1, importReduce<Reduction::Prod>, {Role::Elementwise, Role::Data});
}

} // namespace mlir::llcc::frontend
