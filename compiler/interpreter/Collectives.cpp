// Collectives over the members of a group, and the ops that know which member they are.
#include "compiler/interpreter/Collectives.h"
#include "compiler/interpreter/Pieces.h"
#include "compiler/interpreter/Reduce.h"
#include "compiler/ir/Ring.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {

bool isPlaced(Operation *op) {
  auto placed = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getEncoding();
  };
  return llvm::any_of(op->getOperandTypes(), placed) || llvm::any_of(op->getResultTypes(), placed);
}

SmallVector<StringAttr> axesOf(Operation *op) {
  SmallVector<StringAttr> axes;
  if (isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp, AxisSliceOp, MaskOp, AxisOffsetOp>(op))
    for (Attribute axis : op->getAttrOfType<ArrayAttr>("axes"))
      axes.push_back(cast<StringAttr>(axis));
  return axes;
}

static Tensor filled(Type type, double value) {
  Tensor y(type);
  for (double &element : y.reals)
    element = value;
  return y;
}

// Elements [start, start + size of y) of x along dim; what lies past x's end stays as it is in y.
static void copyBlock(Tensor &y, const Tensor &x, int64_t dim, int64_t start) {
  int64_t at = 0;
  forEachIndex(y.shape, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> from(index);
    from[dim] += start;
    if (from[dim] < x.shape[dim])
      y.copy(at, x, x.linear(from));
    ++at;
  });
}

// Puts x at `start` of y along dim; what lies past y's end is dropped.
static void placeBlock(Tensor &y, const Tensor &x, int64_t dim, int64_t start) {
  int64_t at = 0;
  forEachIndex(x.shape, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> to(index);
    to[dim] += start;
    if (to[dim] < y.shape[dim])
      y.copy(y.linear(to), x, at);
    ++at;
  });
}

// Members combine in member order; each partial sum is rounded as a real collective would.
static Tensor reduceMembers(ArrayRef<SmallVector<const Tensor *>> xs, size_t operand, ReduceKind kind, bool exact) {
  Tensor sum = *xs[0][operand];
  for (const SmallVector<const Tensor *> &x : xs.drop_front()) {
    for (int64_t i = 0, n = sum.size(); i < n; ++i)
      combine(sum, i, *x[operand], i, kind);
    if (!exact)
      sum.round();
  }
  return sum;
}

Evaluated evaluateCollective(Operation *op, ArrayRef<SmallVector<const Tensor *>> xs, const RunOptions &options,
                             MutableArrayRef<Results> results) {
  if (auto reduce = dyn_cast<AllReduceOp>(op)) {
    for (size_t operand = 0; operand < reduce.getXs().size(); ++operand) {
      Tensor sum = reduceMembers(xs, operand, reduce.getKind(), options.exact);
      for (Results &result : results)
        result.push_back(sum);
    }
    return success();
  }
  if (auto gather = dyn_cast<AllGatherOp>(op)) {
    for (auto [i, dim] : llvm::enumerate(gather.getDims())) {
      Tensor whole = filled(gather.getResultTypes()[i], options.padding);
      for (auto [member, x] : llvm::enumerate(xs))
        placeBlock(whole, *x[i], dim, member * x[i]->shape[dim]);
      for (Results &result : results)
        result.push_back(whole);
    }
    return success();
  }
  if (auto scatter = dyn_cast<ReduceScatterOp>(op)) {
    for (auto [i, dim] : llvm::enumerate(scatter.getDims())) {
      Tensor sum = reduceMembers(xs, i, scatter.getKind(), options.exact);
      for (auto [member, result] : llvm::enumerate(results)) {
        result.push_back(filled(scatter.getResultTypes()[i], options.padding));
        copyBlock(result[i], sum, dim, member * result[i].shape[dim]);
      }
    }
    return success();
  }
  if (auto exchange = dyn_cast<AllToAllOp>(op)) {
    int64_t split = exchange.getSplitDim(), concat = exchange.getConcatDim();
    for (auto [member, result] : llvm::enumerate(results)) {
      result.push_back(filled(exchange.getType(), options.padding));
      for (auto [from, x] : llvm::enumerate(xs)) {
        SmallVector<int64_t> shape = x[0]->shape;
        shape[split] = (shape[split] + xs.size() - 1) / xs.size();
        Tensor block(shape, x[0]->element);
        for (double &element : block.reals)
          element = options.padding;
        copyBlock(block, *x[0], split, member * shape[split]);
        placeBlock(result[0], block, concat, from * shape[concat]);
      }
    }
    return success();
  }
  if (auto shift = dyn_cast<RingShiftOp>(op)) {
    for (auto [member, result] : llvm::enumerate(results))
      for (const Tensor *x : xs[(member + xs.size() - 1) % xs.size()])
        result.push_back(*x);
    return success();
  }
  return std::nullopt;
}

Evaluated evaluateMember(Operation *op, Operands xs, MeshAttr mesh, int64_t device, Results &results) {
  SmallVector<StringAttr> axes = axesOf(op);
  if (auto slice = dyn_cast<AxisSliceOp>(op)) {
    int64_t member = 0, dim = slice.getDim();
    for (StringAttr axis : axes)
      member = member * mesh.getSize(axis.getValue()) + coordinateOf(mesh, device, axis.getValue());
    results.emplace_back(slice.getType());
    copyBlock(results[0], *xs[0], dim, member * results[0].shape[dim]);
    return success();
  }
  if (auto mask = dyn_cast<MaskOp>(op)) {
    PaddedBlock block(mask.getExtent(), axes, mesh, device);
    int64_t dim = mask.getDim(), at = 0;
    if (dim < 0 || dim >= int64_t(xs[0]->shape.size()) || xs[0]->shape[dim] != block.localSize())
      return op->emitError() << "mask of dimension " << dim << ": a block of extent " << mask.getExtent() << " has "
                             << block.localSize() << " elements on each device, the operand is "
                             << mask.getX().getType();
    results.push_back(*xs[0]);
    forEachIndex(xs[0]->shape, [&](ArrayRef<int64_t> index) {
      if (!block.logical(index[dim]))
        results[0].set(at, mask.getValue().convertToDouble());
      ++at;
    });
    return success();
  }
  if (auto offset = dyn_cast<AxisOffsetOp>(op)) {
    Tensor y(offset.getType());
    for (int64_t i = 0, n = y.size(); i < n; ++i)
      y.set(i, double(PaddedBlock(offset.getExtent(), axes, mesh, device).offset()));
    results.push_back(std::move(y));
    return success();
  }
  return std::nullopt;
}

} // namespace mlir::llcc
