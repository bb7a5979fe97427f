// @gradients computes what training computes, @forward what inference does; random bits get their key.
//
//   %y = llcc.by_mode %dropped, %x      ⇒   %dropped in @gradients, %x in @forward
//   %b = llcc.random_bits %i key ()     ⇒   %b = llcc.random_bits %i key (%seed, %step) in @gradients
//
// Stands behind llcc-attach-loss, which makes @gradients, and before llcc-differentiate, which should not look at what
// is not trained. Indices of random bits count through all microbatches, so that a step draws the same numbers whether
// it is cut or not.
#include "passes/train/Emitter.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITMODESPASS
#include "passes/train/Passes.h.inc"

namespace {
struct SplitModesPass : impl::SplitModesPassBase<SplitModesPass> {
  using SplitModesPassBase::SplitModesPassBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      bool trains = func.getName() == "gradients";
      func.walk([&](ByModeOp op) {
        op.replaceAllUsesWith(trains ? op.getTraining() : op.getInference());
        op.erase();
      });
      eraseDeadOps(func);
      if (trains)
        giveKeys(func);
    }
  }

private:
  void giveKeys(func::FuncOp func) {
    SmallVector<RandomBitsOp> draws;
    func.walk([&](RandomBitsOp op) {
      if (op.getKey().empty())
        draws.push_back(op);
    });
    if (draws.empty())
      return;
    auto microbatches = getOperation()->getAttrOfType<IntegerAttr>(kMicrobatches);
    Builder types(&getContext());
    Value seed = scalarArgument(func, "seed", types.getI64Type());
    Value step = scalarArgument(func, "step", types.getF64Type());
    Value microbatch =
        microbatches && microbatches.getInt() > 1 ? scalarArgument(func, "microbatch", types.getI64Type()) : Value();
    OpBuilder builder = OpBuilder::atBlockBegin(&func.getBody().front());
    Value number = arith::FPToSIOp::create(builder, func.getLoc(), seed.getType(), step);
    for (RandomBitsOp op : draws) {
      builder.setInsertionPoint(op);
      Emitter e(builder, op.getLoc());
      Value index = op.getIndex();
      if (microbatch) {
        Value first = e.binary<arith::MulIOp>(microbatch, e.constantLike(microbatch, typeOf(index).getNumElements()));
        index = e.binary<arith::AddIOp>(index, e.spread(first, index));
      }
      op->setOperands({index, seed, number});
    }
  }
};
} // namespace
} // namespace mlir::llcc
