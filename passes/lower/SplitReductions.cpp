// Kernels that reduce much to little become two, for GPUs.
//
//   %b = call @k3(%x, %m)        {fold}  65536x768 along 0 → 768, then the update of a bias and its moments
// =>
//   %p = call @k3_parts(%x)      {fold}  128x512x768 along 1 → 128x768
//   %b = call @k3(%p, %m)        {fold}  128x768 along 0 → 768, then the update
//
// One block of threads for each few columns leaves most of a GPU idle: memory is read as fast as the few ask for it.
// Two launches need no atomics, so that the order of a sum is the program's; the partial sums (f32 for 16-bit types)
// are a buffer like any other, placed by the planner. Runs after llcc-fuse-kernels, which decides what is one kernel,
// and before llcc-plan-memory. Where every strategy is to give the same bits (llcc.deterministic), sums stay whole.
#include "passes/lower/KernelShapes.h"
#include "passes/lower/Kernels.h"
#include "passes/lower/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITREDUCTIONSPASS
#include "passes/lower/Passes.h.inc"

namespace {
/// Blocks of threads that keep a large GPU busy.
constexpr int64_t kBusy = 512;
/// Columns that a block takes (32 threads of 4), and terms that one partial sum should have at least.
constexpr int64_t kColumns = 128, kTerms = 256;

int64_t product(ArrayRef<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t size : sizes)
    n *= size;
  return n;
}

/// A kernel whose results are all elementwise functions of reductions of one shape, and of what has the kept shape.
struct Reduction {
  FoldShape fold;
  size_t group = 0;            ///< to cut
  int64_t pieces = 1;          ///< into so many
  DenseSet<Operation *> after; ///< ops that depend on a reduction
};

struct SplitReductionsPass : impl::SplitReductionsPassBase<SplitReductionsPass> {
  using SplitReductionsPassBase::SplitReductionsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (module->hasAttr("llcc.deterministic"))
      return;
    for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (std::optional<Reduction> reduction = choose(kernel))
        split(kernel, *reduction);
  }

  static std::optional<Reduction> choose(func::FuncOp kernel) {
    auto form = kernel->getAttrOfType<StringAttr>("llcc.kernel");
    if (!form || kernel.isDeclaration() || (form != "fold" && form != "row"))
      return {};
    Reduction r;
    ReduceOp first;
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      bool depends = llvm::any_of(op.getOperands(), [&](Value x) { return r.after.contains(x.getDefiningOp()); });
      if (auto reduce = dyn_cast<ReduceOp>(op)) {
        first = first ? first : reduce;
        if (depends || shapeOf(reduce.getX()) != shapeOf(first.getX()) || reduce.getDims() != first.getDims())
          return {};
      } else if (!depends) {
        continue;
      } else if (!OpTrait::hasElementwiseMappableTraits(&op)) {
        return {};
      }
      r.after.insert(&op);
    }
    for (Value result : kernel.getBody().front().getTerminator()->getOperands())
      if (!r.after.contains(result.getDefiningOp()))
        return {};
    FailureOr<FoldShape> fold = FoldShape::of(kernel); // fails on no kernel that fusing made
    if (failed(fold))
      return {};
    r.fold = *fold;
    int64_t kept = 1, total = 1;
    for (auto [g, group] : llvm::enumerate(r.fold.groups)) {
      (group.reduced ? total : kept) *= group.size;
      if (group.reduced && (r.fold.groups[r.group].reduced ? group.size > r.fold.groups[r.group].size : true))
        r.group = g;
    }
    int64_t blocks = r.fold.keepsLast() ? (kept + kColumns - 1) / kColumns : kept;
    int64_t wanted = std::min((kBusy + blocks - 1) / std::max<int64_t>(1, blocks), total / kTerms);
    if (r.fold.groups.empty() || wanted < 4 || blocks >= kBusy / 2)
      return {};
    for (int64_t pieces = wanted; pieces >= 4 && r.pieces == 1; --pieces)
      if (r.fold.groups[r.group].size % pieces == 0)
        r.pieces = pieces;
    return r.pieces > 1 ? std::optional(r) : std::nullopt;
  }

  /// Clones what `values` need, up to arguments and to what `map` has already; arguments are added as they are met.
  static void cloneBelow(ValueRange values, func::FuncOp from, OpBuilder &builder, Block *into, IRMapping &map,
                         SmallVector<unsigned> &arguments) {
    DenseSet<Operation *> needed;
    SmallVector<Value> open(values);
    while (!open.empty()) {
      Value value = open.pop_back_val();
      if (map.contains(value))
        continue;
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        map.map(value, into->addArgument(value.getType(), value.getLoc()));
        arguments.push_back(argument.getArgNumber());
        continue;
      }
      if (needed.insert(value.getDefiningOp()).second)
        open.append(value.getDefiningOp()->operand_begin(), value.getDefiningOp()->operand_end());
    }
    for (Operation &op : from.getBody().front())
      if (needed.contains(&op))
        builder.clone(op, map);
  }

  func::FuncOp makeKernel(func::FuncOp like, const Twine &name, int64_t extent, int64_t cost, Region &body,
                          ArrayRef<int64_t> inplace) {
    Block &block = body.front();
    OpBuilder builder(like);
    auto type = builder.getFunctionType(block.getArgumentTypes(), block.getTerminator()->getOperandTypes());
    auto kernel = func::FuncOp::create(like.getLoc(), name.str(), type);
    kernel.setPrivate();
    kernel->setAttr("llcc.kernel", builder.getStringAttr("fold"));
    kernel->setAttr("llcc.extent", builder.getI64IntegerAttr(extent));
    kernel->setAttr("llcc.cost", builder.getI64IntegerAttr(cost));
    kernel->setAttr("llcc.inplace", builder.getDenseI64ArrayAttr(inplace));
    kernel.getBody().takeBody(body);
    noteDependences(kernel);
    builder.insert(kernel);
    return kernel;
  }

  void split(func::FuncOp kernel, Reduction &r) {
    Location loc = kernel.getLoc();
    OpBuilder builder(kernel.getContext());
    // The operand's shape with a dimension a group and the cut one in two; then what is left of it.
    SmallVector<int64_t> cut, partial, summed, rest;
    for (auto [g, group] : llvm::enumerate(r.fold.groups)) {
      if (g == r.group) {
        cut.append({r.pieces, group.size / r.pieces});
        rest.push_back(partial.size());
        partial.push_back(r.pieces);
        summed.push_back(cut.size() - 1);
        continue;
      }
      if (group.reduced)
        summed.push_back(cut.size());
      else
        partial.push_back(group.size);
      cut.push_back(group.size);
    }
    SmallVector<int64_t> keptShape = partial;
    keptShape.erase(keptShape.begin() + rest[0]);
    int64_t kept = product(keptShape), total = product(cut) / kept;

    Region parts, finish;
    Block *block = builder.createBlock(&parts);
    IRMapping below;
    SmallVector<unsigned> partArguments;
    SmallVector<Value> operands, sums;
    for (ReduceOp reduce : r.fold.reduces)
      operands.push_back(reduce.getX());
    cloneBelow(operands, kernel, builder, block, below, partArguments);
    for (ReduceOp reduce : r.fold.reduces) {
      Value x = below.lookup(reduce.getX());
      Type element = reduce.getType().getElementType();
      if (isa<BFloat16Type, Float16Type>(element)) {
        element = builder.getF32Type();
        x = arith::ExtFOp::create(builder, reduce.getLoc(), RankedTensorType::get(shapeOf(x), element), x);
      }
      if (shapeOf(x) != ArrayRef<int64_t>(cut))
        x = ReshapeOp::create(builder, reduce.getLoc(), RankedTensorType::get(cut, element), x);
      sums.push_back(ReduceOp::create(builder, reduce.getLoc(), RankedTensorType::get(partial, element), x,
                                      reduce.getKind(), summed));
    }
    func::ReturnOp::create(builder, loc, sums);

    block = builder.createBlock(&finish);
    IRMapping above;
    SmallVector<unsigned> finishArguments;
    for (auto [reduce, sum] : llvm::zip_equal(r.fold.reduces, sums)) {
      Value x = block->addArgument(sum.getType(), reduce.getLoc());
      auto type = RankedTensorType::get(keptShape, cast<RankedTensorType>(sum.getType()).getElementType());
      x = ReduceOp::create(builder, reduce.getLoc(), type, x, reduce.getKind(), rest);
      Type element = reduce.getType().getElementType();
      if (type.getElementType() != element)
        x = arith::TruncFOp::create(builder, reduce.getLoc(), type.clone(element), x);
      if (x.getType() != reduce.getType())
        x = ReshapeOp::create(builder, reduce.getLoc(), reduce.getType(), x);
      above.map(reduce.getResult(), x);
    }
    ValueRange returned = kernel.getBody().front().getTerminator()->getOperands();
    cloneBelow(returned, kernel, builder, block, above, finishArguments);
    func::ReturnOp::create(builder, loc, llvm::map_to_vector(returned, [&](Value v) { return above.lookup(v); }));
    SmallVector<int64_t> inplace;
    auto before = kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace");
    for (size_t i = 0; i < returned.size(); ++i) {
      auto at = llvm::find(finishArguments, before ? unsigned(before[i]) : ~0u);
      inplace.push_back(!before || before[i] < 0 || at == finishArguments.end()
                            ? -1
                            : int64_t(sums.size()) + (at - finishArguments.begin()));
    }

    std::string name = kernel.getName().str();
    SmallVector<func::CallOp> calls;
    getOperation().walk([&](func::CallOp call) {
      if (call.getCallee() == name)
        calls.push_back(call);
    });
    kernel.setName(name + "_before");
    func::FuncOp first = makeKernel(kernel, name + "_parts", kept * r.pieces, total / r.pieces, parts,
                                    SmallVector<int64_t>(sums.size(), -1));
    func::FuncOp second = makeKernel(kernel, name, kept, r.pieces, finish, inplace);
    for (func::CallOp call : calls) {
      OpBuilder at(call);
      auto pick = [&](ArrayRef<unsigned> numbers) {
        return llvm::map_to_vector(numbers, [&](unsigned i) { return call.getOperand(i); });
      };
      SmallVector<Value> all(func::CallOp::create(at, call.getLoc(), first, pick(partArguments)).getResults());
      all.append(pick(finishArguments));
      call->replaceAllUsesWith(func::CallOp::create(at, call.getLoc(), second, all));
      call.erase();
    }
    kernel.erase();
  }
};
} // namespace
} // namespace mlir::llcc
