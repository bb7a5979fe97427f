// Columns and rows of weights that are heads times features become two dimensions, where the heads do not divide over
// `tensor`. On @forward, in front of the loss.
//
//   %y = llcc.dot %x, %w : 8x32x48, 48x48 -> 8x32x48       %h = llcc.dot %x, %w : 8x32x48, 48x4x12 -> 8x32x4x12
//   %h = llcc.reshape %y : 8x32x48 -> 8x32x4x12        ⇒
//
// Of a merged dimension only equal blocks of whole heads can be cut: four heads over three devices would be gathered in
// front of each attention. As a dimension of their own heads are cut into padded blocks like any other (2, 2 and none),
// and attention stays where its heads are. Where the heads divide, the merged dimension does as well and stays. The
// parameter has the same bytes; llcc.file_shape is its shape in the file.
#include "passes/shard/DimSplitter.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Seeds.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITHEADSPASS
#include "passes/shard/Passes.h.inc"

namespace {

struct SplitHeadsPass : impl::SplitHeadsPassBase<SplitHeadsPass> {
  using SplitHeadsPassBase::SplitHeadsPassBase;

  void runOnOperation() override {
    auto func = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (members < 2 || !func || func.isExternal() || !func.getBody().hasOneBlock())
      return;
    DimSplitter splitter(func);
    choose(func, splitter);
    splitter.run([&](unsigned i, RankedTensorType before) {
      if (!func.getArgAttr(i, "llcc.file_shape"))
        func.setArgAttr(i, "llcc.file_shape", DenseI64ArrayAttr::get(&getContext(), before.getShape()));
      ArrayRef<int64_t> now = shapeOf(func.getArgument(i)), old = before.getShape();
      int64_t dim = std::mismatch(old.begin(), old.end(), now.begin()).first - old.begin();
      func.setArgAttr(i, kHeadsAttr, IntegerAttr::get(IntegerType::get(&getContext(), 64), dim));
    });
  }

  /// Classes that some reshape splits into heads and features, all in one way, with a parameter among them and nothing
  /// else that comes from outside.
  void choose(func::FuncOp func, DimSplitter &splitter) {
    DenseSet<DimSplitter::Place> kept, weights;
    for (BlockArgument arg : func.getArguments()) {
      bool param = bool(func.getArgAttr(arg.getArgNumber(), "llcc.param"));
      for (size_t dim = 0; dim < shapeOf(arg).size(); ++dim)
        if (auto at = splitter.leader(arg, dim))
          (param ? weights : kept).insert(*at);
    }
    for (Value result : func.getBody().front().getTerminator()->getOperands())
      for (size_t dim = 0; dim < shapeOf(result).size(); ++dim)
        if (auto at = splitter.leader(result, dim))
          kept.insert(*at);
    auto wants = [&](Value merged, int64_t dim, Value parts, ArrayRef<int64_t> dims) {
      auto at = splitter.leader(merged, dim);
      if (!at || !weights.contains(*at))
        return;
      DimSplitter::Sizes into;
      for (int64_t part : dims)
        into.push_back(shapeOf(parts)[part]);
      auto known = splitter.sizes.find(*at);
      if (known != splitter.sizes.end() && known->second != into)
        kept.insert(*at);
      else if (into.size() == 2 && into[0] % members != 0)
        splitter.sizes[*at] = into;
    };
    for (int round = 0; round < 2; ++round)
      splitter.forEachMerge(wants);
    splitter.sizes.remove_if([&](auto &entry) { return kept.contains(entry.first); });
  }
};
} // namespace
} // namespace mlir::llcc
