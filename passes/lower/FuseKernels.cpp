// Outlines neighbours into kernels; what stays is calls, contractions, convolutions and communication.
//
//   %d = llcc.dot %x, %w …                      %d = llcc.dot %x, %w …
//   %b = llcc.broadcast %bias …          ⇒      %r = call @k0(%d, %bias)     // @k0: llcc.kernel = "map", llcc.inplace
//   = [0] %s = arith.addf %d, %b %r = relu(%s)
//
// It stands first in lower: shapes are local and communication is in place, so what is fused here is what a device
// runs.
#include "passes/lower/Contraction.h"
#include "passes/lower/Groups.h"
#include "passes/lower/Kernels.h"
#include "passes/lower/Passes.h"
#include "passes/lower/Preparation.h"

#include "mlir/IR/IRMapping.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_FUSEKERNELSPASS
#include "passes/lower/Passes.h.inc"

namespace {
/// Rewrites one function as a list of anchors and kernel calls.
class Outlining {
public:
  Outlining(func::FuncOp function, Kernels &kernels) : function(function), kernels(kernels), groups(function) {}

  void run() {
    groups.fuse();
    SmallVector<unsigned> order = groups.order();
    for (auto [at, id] : llvm::enumerate(order))
      orderOf[id] = at;
    Block &block = function.getBody().front();
    SmallVector<Operation *> old;
    for (Operation &op : block.without_terminator())
      old.push_back(&op);
    OpBuilder builder(block.getTerminator());
    for (unsigned id : order) {
      const Group &group = groups[id];
      if (!group.anchor) {
        emitCall(id, builder);
        continue;
      }
      Operation *anchor = group.members.front();
      for (Value x : anchor->getOperands())
        outside(x, builder);
      if (isa<func::ReturnOp>(anchor))
        for (OpOperand &operand : anchor->getOpOperands())
          operand.set(mapping.lookupOrDefault(operand.get()));
      else
        builder.clone(*anchor, mapping);
    }
    for (Operation *op : llvm::reverse(old)) {
      op->dropAllUses();
      op->erase();
    }
  }

private:
  /// The new value for `x`: an argument, a result made already, or a view of one.
  Value outside(Value x, OpBuilder &builder) {
    if (Value known = mapping.lookupOrNull(x))
      return known;
    if (isa<BlockArgument>(x))
      return x;
    auto view = x.getDefiningOp<ReshapeOp>();
    Value made = ReshapeOp::create(builder, view.getLoc(), view.getType(), outside(view.getX(), builder));
    mapping.map(x, made);
    return made;
  }

  /// The parameter or state that `result` is the new value of.
  BlockArgument updatedBy(Value result) {
    for (OpOperand &use : result.getUses()) {
      if (!isa<func::ReturnOp>(use.getOwner()))
        continue;
      for (StringRef key : {"llcc.param", "llcc.state"})
        if (auto name = function.getResultAttr(use.getOperandNumber(), key))
          for (BlockArgument argument : function.getArguments())
            if (function.getArgAttr(argument.getArgNumber(), key) == name)
              return argument;
    }
    return {};
  }

  /// True where nothing needs `x` once group `id` has run.
  bool diesIn(unsigned id, Value x) {
    if (isa<BlockArgument>(x))
      return false;
    for (unsigned reader : groups.readersOf(x)) {
      // To overwrite what a collective or a send reads, compute would have to wait for it.
      bool communicates = groups[reader].anchor &&
                          !isa<DotOp, ConvOp, ConvInputGradOp, ConvWeightGradOp, RecurrenceOp, RecurrenceGradOp>(
                              groups[reader].members[0]);
      if (orderOf.lookup(reader) > orderOf.lookup(id) || communicates)
        return false;
    }
    return true;
  }

  SmallVector<int64_t> chooseInPlace(unsigned id, const KernelBody &body) {
    SmallVector<int64_t> inPlace(body.results.size(), -1);
    KernelForm form = *formOf(body.ops, body.results);
    auto tryPair = [&](size_t r, size_t a, bool update) {
      Value argument = body.arguments[a], result = body.results[r];
      Value root = rootOf(argument);
      if (inPlace[r] >= 0 || llvm::is_contained(inPlace, int64_t(a)) || argument.getType() != result.getType())
        return;
      if (update ? updatedBy(result) != root : !diesIn(id, root))
        return;
      for (Value other : body.arguments)
        if (other != argument && rootOf(other) == root)
          return;
      if (isReadInPlace(argument, result, body.ops, body.results, form))
        inPlace[r] = a;
    };
    for (bool update : {true, false})
      for (size_t r = 0; r < body.results.size(); ++r)
        if (update || !updatedBy(body.results[r]))
          for (size_t a = 0; a < body.arguments.size(); ++a)
            tryPair(r, a, update);
    return inPlace;
  }

  void emitCall(unsigned id, OpBuilder &builder) {
    KernelBody body = groups.bodyOf(groups[id].members);
    llvm::SmallSetVector<Location, 4> locs;
    for (Operation *op : groups[id].members)
      if (!isa<UnknownLoc>(op->getLoc()) && locs.size() < 8)
        locs.insert(op->getLoc());
    Location loc = FusedLoc::get(function.getContext(), locs.getArrayRef());
    func::FuncOp kernel = kernels.get(body, chooseInPlace(id, body));
    SmallVector<Value> operands;
    for (Value argument : body.arguments)
      operands.push_back(outside(argument, builder));
    auto call = func::CallOp::create(builder, loc, kernel, operands);
    mapping.map(body.results, call.getResults());
  }

  func::FuncOp function;
  Kernels &kernels;
  Groups groups;
  DenseMap<unsigned, size_t> orderOf;
  IRMapping mapping;
};

struct FuseKernelsPass : impl::FuseKernelsPassBase<FuseKernelsPass> {
  using FuseKernelsPassBase::FuseKernelsPassBase;
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() && !function->hasAttr("llcc.kernel"))
        functions.push_back(function);
    bool refused = false;
    for (func::FuncOp function : functions)
      refused |= failed(checkLowerable(function));
    if (refused)
      return signalPassFailure();
    Kernels kernels(getOperation());
    for (func::FuncOp function : functions) {
      prepareForFusing(function);
      canonicalizeDots(function);
      prepareForFusing(function);
      Outlining(function, kernels).run();
    }
  }
};
} // namespace
} // namespace mlir::llcc
