// Weights whose columns are several weights beside each other get a dimension for that: the fused q, k and v of
// attention, the gate and the input of a gated layer.
//
//   %y = llcc.dot %x, %w : 8x48, 48x96 -> 8x96          %y = llcc.dot %x, %w : 8x48, 48x3x32 -> 8x3x32
//   %q = llcc.slice %y at 0 : 8x96 -> 8x32         ⇒    %s = llcc.slice %y at 0 : 8x3x32 -> 8x1x32
//                                                        %q = llcc.reshape %s : 8x1x32 -> 8x32
//
// Blocks of the columns of such a weight would be a whole q here and a whole k there; of its parts each device can have
// its own heads, so tensor parallelism needs no communication at the split (Megatron stores the columns interleaved for
// that, Shoeybi et al. 2019, section 3). The parameter has the same bytes in the same order; argument attribute
// llcc.file_shape is its shape in the file, under which it is checkpointed and saved.
#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/train/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITCOLUMNSPASS
#include "passes/train/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

/// `sizes` with entry `at` replaced by two.
SmallVector<int64_t> splitAt(ArrayRef<int64_t> sizes, int64_t at, int64_t parts) {
  SmallVector<int64_t> all(sizes);
  all[at] /= parts;
  all.insert(all.begin() + at, parts);
  return all;
}

/// From a product with a weight to where its columns part.
struct Chain {
  DotOp dot;
  BlockArgument weight;
  int64_t column = 0; ///< of the weight
  SmallVector<Operation *>
      steps; ///< sums with a bias, reshapes that keep the last dimension; each the only user of the last
  SmallVector<SliceOp> slices; ///< that part the columns, or…
  ReshapeOp split;             ///< …the reshape that does
  int64_t parts = 0;
};

struct SplitColumnsPass : impl::SplitColumnsPassBase<SplitColumnsPass> {
  using SplitColumnsPassBase::SplitColumnsPassBase;

  void runOnOperation() override {
    auto func = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!func || func.isExternal())
      return;
    SmallVector<DotOp> dots;
    func.walk([&](DotOp dot) { dots.push_back(dot); });
    for (DotOp dot : dots) {
      Chain chain;
      if (matches(func, dot, chain))
        rewrite(func, chain);
    }
    func.setFunctionType(FunctionType::get(&getContext(), func.getBody().front().getArgumentTypes(),
                                           func.getFunctionType().getResults()));
  }

private:
  /// A parameter of `rank` dimensions that only this op reads.
  static BlockArgument soleParameter(func::FuncOp func, Value value, int64_t rank) {
    auto arg = dyn_cast<BlockArgument>(value);
    return arg && arg.hasOneUse() && typeOf(arg).getRank() == rank &&
                   func.getArgAttr(arg.getArgNumber(), "llcc.param") &&
                   !func.getArgAttr(arg.getArgNumber(), "llcc.file_shape")
               ? arg
               : BlockArgument();
  }

  static BroadcastOp biasOf(func::FuncOp func, arith::AddFOp add, Value sum) {
    Value other = add.getLhs() == sum ? add.getRhs() : add.getLhs();
    auto broadcast = other.getDefiningOp<BroadcastOp>();
    int64_t last = typeOf(sum).getRank() - 1;
    return broadcast && other.hasOneUse() && soleParameter(func, broadcast.getX(), 1) &&
                   broadcast.getDims() == ArrayRef<int64_t>{last}
               ? broadcast
               : BroadcastOp();
  }

  static bool matches(func::FuncOp func, DotOp dot, Chain &chain) {
    chain.dot = dot;
    chain.weight = soleParameter(func, dot.getRhs(), 2);
    if (!chain.weight || !dot.getRhsBatch().empty() || dot.getRhsContract().size() != 1)
      return false;
    chain.column = 1 - dot.getRhsContract()[0];
    Value value = dot.getResult();
    while (!parts(value, chain)) {
      if (!value.hasOneUse())
        return false;
      Operation *user = *value.user_begin();
      if (auto add = dyn_cast<arith::AddFOp>(user)) {
        if (!biasOf(func, add, value))
          return false;
      } else if (auto reshape = dyn_cast<ReshapeOp>(user)) {
        if (typeOf(reshape.getResult()).getRank() == 0 ||
            typeOf(reshape.getResult()).getShape().back() != typeOf(value).getShape().back())
          return false;
      } else {
        return false;
      }
      chain.steps.push_back(user);
      value = user->getResult(0);
    }
    return true;
  }

  /// Where `value` is parted along its last dimension into equal parts, says how.
  static bool parts(Value value, Chain &chain) {
    int64_t last = typeOf(value).getRank() - 1, size = typeOf(value).getDimSize(last);
    int64_t part = 0;
    for (Operation *user : value.getUsers()) {
      auto slice = dyn_cast<SliceOp>(user);
      if (!slice)
        break;
      int64_t own = typeOf(slice.getResult()).getDimSize(last), start = slice.getStarts()[last];
      bool odd = own == 0 || (part && own != part) || size % own || start % own || own == size ||
                 llvm::any_of(slice.getStrides(), [](int64_t stride) { return stride != 1; });
      for (int64_t d = 0; d < last; ++d)
        odd |= typeOf(slice.getResult()).getDimSize(d) != typeOf(value).getDimSize(d);
      if (odd)
        return false;
      part = own;
      chain.slices.push_back(slice);
    }
    if (!chain.slices.empty() && size_t(std::distance(value.user_begin(), value.user_end())) == chain.slices.size()) {
      chain.parts = size / part;
      return true;
    }
    chain.slices.clear();
    // [.., k, a, ..] whose k is then taken apart.
    auto reshape = value.hasOneUse() ? dyn_cast<ReshapeOp>(*value.user_begin()) : ReshapeOp();
    if (!reshape)
      return false;
    ArrayRef<int64_t> to = typeOf(reshape.getResult()).getShape(), from = typeOf(value).getShape();
    int64_t rows = 1, k = 0;
    for (int64_t d = 0; d < last; ++d)
      rows *= from[d];
    int64_t before = 1;
    while (k < int64_t(to.size()) && before < rows)
      before *= to[k++];
    while (k < int64_t(to.size()) && to[k] == 1)
      ++k;
    if (before != rows || k + 1 >= int64_t(to.size()) || to[k] == size)
      return false;
    Value taken = reshape.getResult();
    int64_t dim = k;
    if (auto transpose = taken.hasOneUse() ? dyn_cast<TransposeOp>(*taken.user_begin()) : TransposeOp()) {
      dim = llvm::find(transpose.getPerm(), k) - transpose.getPerm().begin();
      taken = transpose.getResult();
    }
    bool apart = !taken.use_empty() && llvm::all_of(taken.getUsers(), [&](Operation *user) {
      auto slice = dyn_cast<SliceOp>(user);
      return slice && typeOf(slice.getResult()).getDimSize(dim) == 1;
    });
    if (!apart)
      return false;
    chain.split = reshape;
    chain.parts = to[k];
    return true;
  }

  /// Gives a parameter its new shape; its bytes stay as they are.
  static void reshapeParameter(func::FuncOp func, BlockArgument arg, int64_t dim, int64_t parts) {
    func.setArgAttr(arg.getArgNumber(), "llcc.file_shape",
                    DenseI64ArrayAttr::get(func.getContext(), typeOf(arg).getShape()));
    arg.setType(typeOf(arg).clone(splitAt(typeOf(arg).getShape(), dim, parts)));
  }

  static void rewrite(func::FuncOp func, Chain &chain) {
    int64_t parts = chain.parts;
    DotOp dot = chain.dot;
    OpBuilder b(dot);
    auto split = [&](Value value) { // the type of `value` with its last dimension split
      RankedTensorType type = typeOf(value);
      return type.clone(splitAt(type.getShape(), type.getRank() - 1, parts));
    };
    reshapeParameter(func, chain.weight, chain.column, parts);
    int64_t contract = chain.column == 0 ? 2 : 0;
    Value value = DotOp::create(b, dot.getLoc(), split(dot.getResult()), dot.getLhs(), chain.weight, dot.getLhsBatch(),
                                dot.getRhsBatch(), dot.getLhsContract(), ArrayRef<int64_t>{contract});
    Value old = dot.getResult();
    for (Operation *step : chain.steps) {
      b.setInsertionPoint(step);
      Type type = split(step->getResult(0));
      if (auto add = dyn_cast<arith::AddFOp>(step)) {
        BroadcastOp bias = biasOf(func, add, old);
        auto arg = cast<BlockArgument>(bias.getX());
        reshapeParameter(func, arg, 0, parts);
        int64_t last = typeOf(value).getRank() - 1;
        Value spread = BroadcastOp::create(b, bias.getLoc(), type, arg, ArrayRef<int64_t>{last - 1, last});
        value = arith::AddFOp::create(b, add.getLoc(), value, spread);
      } else {
        value = ReshapeOp::create(b, step->getLoc(), type, value);
      }
      old = step->getResult(0);
    }
    if (chain.split) {
      b.setInsertionPoint(chain.split);
      Value last = ReshapeOp::create(b, chain.split.getLoc(), chain.split.getType(), value);
      chain.split.getResult().replaceAllUsesWith(last);
      chain.split.erase();
    }
    for (SliceOp slice : chain.slices) {
      b.setInsertionPoint(slice);
      SmallVector<int64_t> starts(slice.getStarts()), strides(slice.getStrides());
      starts.back() /= typeOf(value).getShape().back();
      starts.push_back(0);
      strides.push_back(1);
      SmallVector<int64_t> shape(typeOf(value).getShape());
      shape[shape.size() - 2] = 1;
      Value part = SliceOp::create(b, slice.getLoc(), typeOf(value).clone(shape), value, starts, strides);
      slice.getResult().replaceAllUsesWith(ReshapeOp::create(b, slice.getLoc(), slice.getType(), part));
      slice.erase();
    }
    for (Operation *step : llvm::reverse(chain.steps)) {
      Value bias;
      if (auto add = dyn_cast<arith::AddFOp>(step))
        bias = add.getLhs().getDefiningOp<BroadcastOp>() ? add.getLhs() : add.getRhs();
      step->erase();
      if (bias && bias.use_empty())
        bias.getDefiningOp()->erase();
    }
    dot.erase();
  }
};
} // namespace
} // namespace mlir::llcc
