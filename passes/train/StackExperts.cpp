// Experts that are nodes of their own become one stack, so that they can be cut over the mesh axis `expert`.
//
//   %h0 = llcc.dot %x, %w0 : 8x6, 6x9 -> 8x9      %w = llcc.concat of %w0 and %w1 as 1x6x9 : 2x6x9
//   %h1 = llcc.dot %x, %w1                   ⇒    %d = llcc.dot %x, %w : 8x6, 2x6x9 -> 8x2x9
//   %y = arith.addf %h0, %h1                      %h = llcc.transpose %d : 2x8x9
//                                                 %y = llcc.reduce <sum> %h dims [0] : 8x9
//
// Found from where their results are summed: summands that are the same computation, op by op, on weights of their own.
// What differs otherwise (the gate of each) is stacked as it is. Parameters keep their names, shapes and files: a stack
// is a value of the step, its gradient a slice for each weight. Stands before llcc-differentiate, so that no gradient
// rule knows of it, and after llcc-split-modes, so that inference is left as it was.
#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/train/Passes.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace mlir::llcc {
#define GEN_PASS_DEF_STACKEXPERTSPASS
#include "passes/train/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

SmallVector<int64_t> shifted(ArrayRef<int64_t> dims) {
  SmallVector<int64_t> all = {0};
  for (int64_t dim : dims)
    all.push_back(dim + 1);
  return all;
}

/// Ops that compute for each expert what they compute for one.
bool isStackable(Operation *op) {
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()))
    return false;
  bool pointwise = op->hasTrait<OpTrait::Elementwise>() && !isa<arith::ConstantOp>(op) &&
                   llvm::all_of(op->getOperandTypes(), [&](Type type) {
                     auto tensor = dyn_cast<RankedTensorType>(type);
                     return tensor && tensor.getShape() == typeOf(op->getResult(0)).getShape();
                   });
  return pointwise || isa<DotOp, BroadcastOp, ReshapeOp, TransposeOp, SigmoidOp>(op);
}

class Stacker {
public:
  Stacker(func::FuncOp func) : func(func) {}

  void run() {
    SmallVector<Operation *> roots;
    for (Operation &op : func.getBody().front())
      if (isa<arith::AddFOp>(op) && !isInner(&op))
        roots.push_back(&op);
    for (Operation *root : roots)
      rewrite(root);
    // What computed one expert each.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
      if (!stale.empty() && op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>() && isMemoryEffectFree(&op))
        op.erase();
  }

private:
  /// A sum that only another sum reads.
  static bool isInner(Operation *op) { return op->hasOneUse() && isa<arith::AddFOp>(*op->user_begin()); }

  static void collect(Operation *root, SmallVectorImpl<Value> &summands) {
    for (Value operand : root->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (def && isa<arith::AddFOp>(def) && def->hasOneUse())
        collect(def, summands);
      else
        summands.push_back(operand);
    }
  }

  /// How a value is computed, weights by their type alone; `dots` counts contractions with weights.
  void describe(Value value, llvm::raw_ostream &os, int &dots, int depth = 0) {
    os << value.getType();
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      bool own = func.getArgAttr(arg.getArgNumber(), "llcc.param") &&
                 func.getArgAttr(arg.getArgNumber(), "llcc.trainable") && arg.hasOneUse();
      os << (own ? "weight" : "value");
      return;
    }
    Operation *op = value.getDefiningOp();
    if (depth > 24 || !isStackable(op)) {
      os << "value";
      return;
    }
    os << op->getName() << op->getAttrDictionary() << "(";
    for (Value operand : op->getOperands()) {
      describe(operand, os, dots, depth + 1);
      auto arg = dyn_cast<BlockArgument>(operand);
      dots += isa<DotOp>(op) && arg && func.getArgAttr(arg.getArgNumber(), "llcc.param");
      os << ",";
    }
    os << ")";
  }

  /// [experts, …] of `values`, or a value that is the same for all: `shared`.
  struct Stack {
    Value value;
    bool shared = false;
  };

  Value wide(Stack stack, int64_t count, Location loc) {
    if (!stack.shared)
      return stack.value;
    RankedTensorType type = typeOf(stack.value);
    SmallVector<int64_t> dims;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      dims.push_back(dim + 1);
    return BroadcastOp::create(b, loc, withLeading(type, count), stack.value, dims);
  }

  static RankedTensorType withLeading(RankedTensorType type, int64_t count) {
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.begin(), count);
    return RankedTensorType::get(shape, type.getElementType());
  }

  Stack stack(ArrayRef<Value> values) {
    if (llvm::all_equal(values))
      return {values[0], true};
    std::vector<const void *> key;
    for (Value v : values)
      key.push_back(v.getAsOpaquePointer());
    if (auto known = stacks.find(key); known != stacks.end())
      return known->second;
    Operation *first = values[0].getDefiningOp();
    bool same = first && isStackable(first) && llvm::all_of(values, [&](Value v) {
                  Operation *op = v.getDefiningOp();
                  return op && op->getName() == first->getName() &&
                         op->getAttrDictionary() == first->getAttrDictionary() &&
                         op->getOperandTypes() == first->getOperandTypes() && v.getType() == values[0].getType();
                });
    Stack made{same ? stackOps(values) : concat(values), false};
    return stacks[key] = made;
  }

  Value concat(ArrayRef<Value> values) {
    SmallVector<Value> rows;
    Location loc = values[0].getLoc();
    if (Operation *user = *values[0].user_begin(); isa<BlockArgument>(values[0]))
      loc = user->getLoc();
    RankedTensorType one = withLeading(typeOf(values[0]), 1);
    for (Value v : values)
      rows.push_back(ReshapeOp::create(b, loc, one, v));
    return ConcatOp::create(b, loc, withLeading(typeOf(values[0]), values.size()), rows, 0);
  }

  Value stackOps(ArrayRef<Value> values) {
    Operation *op = values[0].getDefiningOp();
    int64_t count = values.size();
    Location loc = op->getLoc();
    SmallVector<Stack> operands;
    for (unsigned i = 0; i < op->getNumOperands(); ++i) {
      SmallVector<Value> column;
      for (Value v : values)
        column.push_back(v.getDefiningOp()->getOperand(i));
      operands.push_back(stack(column));
    }
    RankedTensorType type = withLeading(typeOf(values[0]), count);
    if (auto dot = dyn_cast<DotOp>(op))
      return stackDot(dot, operands[0], operands[1], type);
    if (auto broadcast = dyn_cast<BroadcastOp>(op))
      return BroadcastOp::create(b, loc, type, wide(operands[0], count, loc), shifted(broadcast.getDims()));
    if (isa<ReshapeOp>(op))
      return ReshapeOp::create(b, loc, type, wide(operands[0], count, loc));
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return TransposeOp::create(b, loc, type, wide(operands[0], count, loc), shifted(transpose.getPerm()));
    OperationState state(loc, op->getName());
    for (Stack operand : operands)
      state.addOperands(wide(operand, count, loc));
    state.addTypes(type);
    state.addAttributes(op->getAttrs());
    return b.create(state)->getResult(0);
  }

  /// Tokens that all experts read stay one operand: a product with all weights at once, whose result is turned.
  Value stackDot(DotOp dot, Stack lhs, Stack rhs, RankedTensorType type) {
    auto plain = [](bool shared, ArrayRef<int64_t> dims) {
      SmallVector<int64_t> moved;
      for (int64_t dim : dims)
        moved.push_back(shared ? dim : dim + 1);
      return moved;
    };
    SmallVector<int64_t> lb = plain(lhs.shared, dot.getLhsBatch()), rb = plain(rhs.shared, dot.getRhsBatch()),
                         lc = plain(lhs.shared, dot.getLhsContract()), rc = plain(rhs.shared, dot.getRhsContract());
    if (!lhs.shared && !rhs.shared) {
      lb.insert(lb.begin(), 0);
      rb.insert(rb.begin(), 0);
      return DotOp::create(b, dot.getLoc(), type, lhs.value, rhs.value, lb, rb, lc, rc);
    }
    // The experts' number is the first free dimension of the side that has it.
    int64_t at = lb.size();
    if (lhs.shared)
      at += typeOf(lhs.value).getRank() - lb.size() - lc.size();
    SmallVector<int64_t> shape(type.getShape().drop_front()), perm = {at};
    shape.insert(shape.begin() + at, type.getDimSize(0));
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (dim != at)
        perm.push_back(dim);
    Value product = DotOp::create(b, dot.getLoc(), RankedTensorType::get(shape, type.getElementType()), lhs.value,
                                  rhs.value, lb, rb, lc, rc);
    return TransposeOp::create(b, dot.getLoc(), type, product, perm);
  }

  void rewrite(Operation *root) {
    SmallVector<Value> summands;
    collect(root, summands);
    llvm::MapVector<StringAttr, SmallVector<Value>> alike;
    for (Value v : summands) {
      std::string text;
      llvm::raw_string_ostream os(text);
      int dots = 0;
      describe(v, os, dots);
      if (dots > 0)
        alike[StringAttr::get(func.getContext(), text)].push_back(v);
    }
    auto most = llvm::max_element(alike, [](auto &a, auto &b) { return a.second.size() < b.second.size(); });
    if (most == alike.end() || most->second.size() < 2)
      return;
    b.setInsertionPoint(root);
    SmallVector<Value> experts = most->second;
    Stack all = stack(experts);
    if (all.shared)
      return;
    Value sum = ReduceOp::create(b, root->getLoc(), root->getResult(0).getType(), all.value, ReduceKind::Sum,
                                 ArrayRef<int64_t>{0});
    for (Value v : summands)
      if (!llvm::is_contained(experts, v))
        sum = arith::AddFOp::create(b, root->getLoc(), sum, v);
    root->getResult(0).replaceAllUsesWith(sum);
    stale.push_back(root);
  }

  func::FuncOp func;
  OpBuilder b{func.getContext()};
  std::map<std::vector<const void *>, Stack> stacks;
  SmallVector<Operation *> stale;
};

struct StackExpertsPass : impl::StackExpertsPassBase<StackExpertsPass> {
  using StackExpertsPassBase::StackExpertsPassBase;
  void runOnOperation() override {
    auto mesh = getOperation()->getAttrOfType<MeshAttr>("llcc.mesh");
    auto func = getOperation().lookupSymbol<func::FuncOp>("gradients");
    if (mesh && mesh.getSize("expert") > 1 && func && func.getBody().hasOneBlock())
      Stacker(func).run();
  }
};
} // namespace
} // namespace mlir::llcc
