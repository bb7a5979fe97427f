// Rows that an exporter merged for a matrix product are batch and sequence again. Runs first in the shard stage.
//
//   %r = llcc.reshape %x : tensor<8x32x48xf32> -> tensor<256x48xf32>
//   %y = llcc.dot %r, %w … contract [1] x [0] : tensor<256x48xf32>, tensor<48x144xf32> -> tensor<256x144xf32>
//   %z = llcc.reshape %y : tensor<256x144xf32> -> tensor<8x32x144xf32>
//     ⇒ %z = llcc.dot %x, %w … contract [2] x [0] : tensor<8x32x48xf32>, tensor<48x144xf32> -> tensor<8x32x144xf32>
//
// Of a merged dimension only whole samples can be blocks: a batch of 8 over 3 devices and a sequence over any number
// would have to be gathered in front of each product. The elements lie in memory as before, so the product is the same
// one.
//
// Dimensions of values are joined into classes (DimSplitter). A class is split where some reshape merges the batch with
// other dimensions into it, or splits it into them, all in the same way, and no argument of the function has a
// dimension in it. Ops that know no form for split dimensions stand between reshapes.
#include "compiler/ir/Provenance.h"
#include "passes/shard/DimSplitter.h"
#include "passes/shard/Passes.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITROWSPASS
#include "passes/shard/Passes.h.inc"

namespace {

void chooseRows(func::FuncOp func, DimSplitter &splitter) {
  // Where the batch is: an axis of a mesh of its own, as long as no reshape hides it.
  MLIRContext *context = func.getContext();
  auto axis = StringAttr::get(context, "batch");
  Propagation batch(func, MeshAttr::get(context, {axis}, {1}));
  for (BlockArgument arg : func.getArguments())
    if (func.getArgAttr(arg.getArgNumber(), "llcc.batched") && !shapeOf(arg).empty()) {
      Placement placement = Placement::whole(shapeOf(arg).size());
      placement.dims[0].push_back(axis);
      batch.seed(arg, placement.dims, /*closed=*/true);
    }
  batch.run();
  DenseSet<DimSplitter::Place> kept;
  for (BlockArgument arg : func.getArguments())
    for (size_t dim = 0; dim < shapeOf(arg).size(); ++dim)
      if (auto at = splitter.leader(arg, dim))
        kept.insert(*at);
  auto wants = [&](Value merged, int64_t dim, Value parts, ArrayRef<int64_t> dims) {
    auto at = splitter.leader(merged, dim);
    if (!at)
      return;
    DimSplitter::Sizes into;
    bool hasBatch = false;
    for (int64_t part : dims) {
      into.push_back(shapeOf(parts)[part]);
      hasBatch |= !batch.wanted(parts)[part].empty();
    }
    auto known = splitter.sizes.find(*at);
    if (known == splitter.sizes.end()) {
      if (hasBatch)
        splitter.sizes[*at] = into;
    } else if (known->second != into) {
      kept.insert(*at);
    }
  };
  // Twice, as a class that is split for one reshape must suit the others too.
  for (int round = 0; round < 2; ++round)
    splitter.forEachMerge(wants);
  splitter.sizes.remove_if([&](auto &entry) { return kept.contains(entry.first); });
}

struct SplitRowsPass : impl::SplitRowsPassBase<SplitRowsPass> {
  using SplitRowsPassBase::SplitRowsPassBase;
  void runOnOperation() override {
    FailureOr<func::FuncOp> func = getStepFunction(getOperation(), "gradients");
    if (failed(func))
      return signalPassFailure();
    auto mesh = getOperation()->getAttrOfType<MeshAttr>("llcc.mesh");
    if (mesh && mesh.getDevices() > mesh.getSize(kPipelineAxis)) {
      DimSplitter splitter(*func);
      chooseRows(*func, splitter);
      splitter.run();
    }
  }
};
} // namespace
} // namespace mlir::llcc
