// The forms of a kernel: how ops pull their operands, and which loops a set of ops can share.
//
// Code of a kernel is made by pulling: a result's element asks its op, which asks its operands at the indices that it
// needs. A map kernel may pull anything anywhere, as nothing in it is shared between elements. A row kernel keeps the
// reductions of one row at hand, so a reduction may only be pulled at the row being computed: its readers must pass the
// row dimensions on unchanged
// ("aligned"). Everything else may be pulled at any index ("free"), which is right only where no reduction hangs below.
#include "passes/lower/KernelForm.h"
#include "compiler/ir/Ring.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {

/// Work that may be repeated for each read rather than stored once: two compares and two additions.
static constexpr int64_t kRepeatable = 4;

/// Rounding to 16 bits is done once, so that the narrow value is what is stored; f64 to f32 are scalars of the update.
static bool isNarrowing(Operation *op) {
  auto truncate = dyn_cast<arith::TruncFOp>(op);
  return truncate && cast<RankedTensorType>(truncate.getType()).getElementTypeBitWidth() < 32;
}

OpClass classOf(Operation *op) {
  if (isNarrowing(op))
    return OpClass::Work;
  if (isa<DotOp, ConvOp, ConvInputGradOp, ConvWeightGradOp, AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp,
          RingShiftOp, SendOp, RecvOp, CaptureOp, RecurrenceOp, RecurrenceGradOp, func::ReturnOp>(op))
    return OpClass::Anchor;
  if (isa<BroadcastOp, ReshapeOp, TransposeOp, SliceOp, ReverseOp, IotaOp, AxisOffsetOp, arith::ConstantOp,
          arith::CmpFOp, arith::CmpIOp, arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp,
          arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp, arith::FPToUIOp, arith::BitcastOp>(op))
    return OpClass::Free;
  if (isa<ReduceOp, PadOp, ConcatOp, GatherOp, ScatterAddOp, ScatterOp, ArgsortOp, MaxPoolOp, MaxPoolGradOp, AvgPoolOp,
          AvgPoolGradOp, AxisSliceOp, MaskOp, RandomBitsOp>(op) ||
      OpTrait::hasElementwiseMappableTraits(op))
    return OpClass::Work;
  return OpClass::Foreign;
}

int64_t weightOf(Operation *op) {
  if (isa<BroadcastOp, ReshapeOp, TransposeOp, SliceOp, ReverseOp, IotaOp, AxisOffsetOp, arith::ConstantOp,
          arith::BitcastOp, AxisSliceOp>(op))
    return 0;
  if (isa<arith::DivFOp, arith::RemFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, math::SqrtOp,
          math::RsqrtOp, GatherOp>(op))
    return 4;
  if (isa<ReduceOp, MaxPoolOp, MaxPoolGradOp, AvgPoolOp, AvgPoolGradOp, ScatterAddOp, ScatterOp, ArgsortOp>(op))
    return 16;
  if (isa<RandomBitsOp>(op)) // ten rounds
    return 64;
  if (isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::FloorOp, math::FmaOp, math::CopySignOp>(op))
    return 1;
  return op->getName().getDialectNamespace() == "math" ? 8 : 1;
}

template <typename Test> static int64_t prefix(size_t size, Test test) {
  size_t i = 0;
  while (i < size && test(i))
    ++i;
  return i;
}

Read readOf(OpOperand &operand) {
  Operation *op = operand.getOwner();
  Value x = operand.get();
  int64_t rank = shapeOf(x).size();
  Read read;
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()))
    return read;
  Value y = op->getResult(0);
  ArrayRef<int64_t> from = shapeOf(x), to = shapeOf(y);
  auto sameSize = [&](size_t i) { return i < from.size() && i < to.size() && from[i] == to[i]; };
  TypeSwitch<Operation *>(op)
      .Case<BroadcastOp>([&](BroadcastOp b) {
        read.aligned = prefix(rank, [&](size_t i) { return b.getDims()[i] == int64_t(i) && sameSize(i); });
        read.expands = elementsOf(y) > elementsOf(x);
      })
      .Case<ReshapeOp>([&](ReshapeOp) { read.aligned = prefix(rank, sameSize); })
      .Case<TransposeOp>(
          [&](TransposeOp t) { read.aligned = prefix(rank, [&](size_t i) { return t.getPerm()[i] == int64_t(i); }); })
      .Case<SliceOp>([&](SliceOp s) {
        read.aligned =
            prefix(rank, [&](size_t i) { return s.getStarts()[i] == 0 && s.getStrides()[i] == 1 && sameSize(i); });
      })
      .Case<ReverseOp>([&](ReverseOp r) {
        read.aligned = prefix(rank, [&](size_t i) { return !llvm::is_contained(r.getDims(), int64_t(i)); });
      })
      .Case<PadOp>(
          [&](PadOp p) { read.aligned = prefix(rank, [&](size_t i) { return p.getLo()[i] == 0 && sameSize(i); }); })
      .Case<ConcatOp>([&](ConcatOp c) { read.aligned = c.getDim(); })
      .Case<GatherOp>([&](GatherOp g) {
        if (operand.getOperandNumber() == 0)
          read.aligned = g.getAxis();
        else
          read.aligned = g.getAxis() == g.getBatch() ? rank : g.getBatch();
        read.expands = elementsOf(y) > elementsOf(x);
      })
      .Case<ScatterAddOp>([&](ScatterAddOp) { read.expands = operand.getOperandNumber() == 1; })
      .Case<ScatterOp>([&](ScatterOp) { read.expands = operand.getOperandNumber() == 2; })
      .Case<ArgsortOp>([&](ArgsortOp) { read.expands = true; })
      .Case<MaxPoolOp, MaxPoolGradOp, AvgPoolOp, AvgPoolGradOp>([&](Operation *) {
        read.aligned = 2;
        read.expands = true;
      })
      .Case<AxisSliceOp>([&](AxisSliceOp s) { read.aligned = s.getDim(); })
      .Case<RandomBitsOp>([&](RandomBitsOp) {
        read.aligned = operand.getOperandNumber() == 0 ? rank : 0; // the key is read whole
        read.identity = operand.getOperandNumber() == 0;
      })
      .Case<ReduceOp>([&](ReduceOp) {})
      .Default([&](Operation *) { // arith, math, mask
        read.aligned = rank;
        read.identity = true;
      });
  return read;
}

int64_t KernelForm::getExtent() const {
  int64_t n = 1;
  for (int64_t size : space)
    n *= size;
  return n;
}

StringRef KernelForm::getName() const {
  static constexpr StringLiteral names[] = {"map", "row", "fold", "scatter", "sort"};
  return names[kind];
}

namespace {
/// How the values of a kernel are asked for, from the results down.
struct Demand {
  bool aligned = false, free = false, expanded = false;
};

class Pulling {
public:
  /// Walks from the results to the operands. `rows` < 0: there are no rows.
  Pulling(ArrayRef<Operation *> ops, ArrayRef<Value> results, int64_t rows, ArrayRef<int64_t> rowShape) {
    for (Value result : results)
      demand[result].aligned = true;
    for (Operation *op : llvm::reverse(ops)) {
      Demand own;
      for (Value result : op->getResults()) {
        Demand &d = demand[result];
        own.aligned |= d.aligned, own.free |= d.free, own.expanded |= d.expanded;
      }
      // One value a row is computed once for the row, however often it is read.
      bool rowValue = rows >= 0 && shapeOf(op->getResult(0)) == rowShape && !own.free;
      if (rowValue)
        own.expanded = false;
      if (own.expanded)
        repeated += weightOf(op);
      auto reduce = dyn_cast<ReduceOp>(op);
      reduceLeavesRow |= reduce && own.free;
      for (OpOperand &operand : op->getOpOperands()) {
        Read read = readOf(operand);
        bool aligned = own.aligned && (reduce || read.aligned >= rows);
        Demand &d = demand[operand.get()];
        d.aligned |= aligned;
        d.free |= own.free || !aligned;
        d.expanded |= own.expanded || read.expands;
      }
    }
  }
  DenseMap<Value, Demand> demand;
  int64_t repeated = 0;
  bool reduceLeavesRow = false;
};
} // namespace

static SmallVector<int64_t> keptDims(ReduceOp reduce) { return SmallVector<int64_t>(shapeOf(reduce.getResult())); }

/// Reduces exactly the dimensions from some k on.
static bool reducesTail(ReduceOp reduce) {
  int64_t rank = shapeOf(reduce.getX()).size(), first = rank - reduce.getDims().size();
  return llvm::all_of(llvm::enumerate(reduce.getDims()),
                      [&](auto it) { return it.value() == first + int64_t(it.index()); });
}

static std::optional<KernelForm> rowForm(ArrayRef<Operation *> ops, ArrayRef<Value> results,
                                         ArrayRef<ReduceOp> reduces) {
  KernelForm form;
  form.kind = KernelForm::Row;
  form.space = keptDims(reduces.front());
  form.rows = form.space.size();
  for (ReduceOp reduce : reduces) {
    if (!reducesTail(reduce) || keptDims(reduce) != form.space)
      return {};
    form.cost = std::max(form.cost, elementsOf(reduce.getX()) / std::max<int64_t>(1, form.getExtent()));
  }
  for (Value result : results) {
    ArrayRef<int64_t> shape = shapeOf(result);
    if (shape.size() < form.space.size() || shape.take_front(form.rows) != ArrayRef<int64_t>(form.space))
      return {};
    // A single row has a single thread: only its one value may come from there.
    if (form.rows == 0 && !shape.empty())
      return {};
    form.cost = std::max(form.cost, elementsOf(result) / std::max<int64_t>(1, form.getExtent()));
  }
  Pulling pulling(ops, results, form.rows, form.space);
  if (pulling.reduceLeavesRow || pulling.repeated > kRepeatable)
    return {};
  return form;
}

static std::optional<KernelForm> foldForm(ArrayRef<Operation *> ops, ArrayRef<Value> results,
                                          ArrayRef<ReduceOp> reduces) {
  KernelForm form;
  form.kind = KernelForm::Fold;
  ReduceOp first = reduces.front();
  form.space = keptDims(first);
  form.cost = std::max<int64_t>(1, elementsOf(first.getX()) / std::max<int64_t>(1, form.getExtent()));
  DenseSet<Value> after; // values that depend on a reduction
  for (Operation *op : ops) {
    bool depends = llvm::any_of(op->getOperands(), [&](Value x) { return after.contains(x); });
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      if (depends || shapeOf(reduce.getX()) != shapeOf(first.getX()) || reduce.getDims() != first.getDims())
        return {};
    } else if (!depends) {
      continue;
    } else if (!OpTrait::hasElementwiseMappableTraits(op)) {
      return {};
    }
    after.insert(op->result_begin(), op->result_end());
  }
  for (Value result : results)
    if (!after.contains(result))
      return {};
  if (Pulling(ops, results, -1, {}).repeated > kRepeatable)
    return {};
  return form;
}

std::optional<KernelForm> formOf(ArrayRef<Operation *> ops, ArrayRef<Value> results) {
  SmallVector<ReduceOp> reduces;
  SmallVector<Operation *> alone; // ops that have a form of their own
  for (Operation *op : ops) {
    if (auto reduce = dyn_cast<ReduceOp>(op))
      reduces.push_back(reduce);
    if (isa<ScatterAddOp, ScatterOp, ArgsortOp>(op))
      alone.push_back(op);
  }
  if (!alone.empty()) {
    if (!reduces.empty() || alone.size() > 1 || results.size() != 1 || results[0] != alone[0]->getResult(0))
      return {};
    KernelForm form;
    bool sorts = isa<ArgsortOp>(alone[0]);
    form.kind = sorts ? KernelForm::Sort : KernelForm::Scatter;
    int64_t axis = alone[0]->getAttrOfType<IntegerAttr>("axis").getInt();
    form.space = llvm::to_vector(shapeOf(results[0]));
    form.space.erase(form.space.begin() + axis);
    Value walked = sorts ? results[0] : alone[0]->getOperand(isa<ScatterOp>(alone[0]));
    form.cost = std::max<int64_t>(1, elementsOf(walked) / std::max<int64_t>(1, form.getExtent()));
    if (sorts) // some log(n)^2 compares for each element
      form.cost *= std::max<int64_t>(1, int64_t(llvm::Log2_64_Ceil(form.cost)) * llvm::Log2_64_Ceil(form.cost));
    return Pulling(ops, results, -1, {}).repeated > kRepeatable ? std::nullopt : std::optional(form);
  }
  if (!reduces.empty()) {
    if (std::optional<KernelForm> form = rowForm(ops, results, reduces))
      return form;
    return foldForm(ops, results, reduces);
  }
  KernelForm form;
  form.space = llvm::to_vector(shapeOf(results.front()));
  for (Value result : results)
    if (shapeOf(result) != ArrayRef<int64_t>(form.space))
      return {};
  return Pulling(ops, results, -1, {}).repeated > kRepeatable ? std::nullopt : std::optional(form);
}

bool isReadInPlace(Value argument, Value result, ArrayRef<Operation *> ops, ArrayRef<Value> results,
                   const KernelForm &form) {
  if (form.kind == KernelForm::Scatter || form.kind == KernelForm::Sort)
    return false;
  DenseSet<Value> moved; // values that are (also) pulled at another index than the result's
  for (Operation *op : llvm::reverse(ops)) {
    bool own = llvm::any_of(op->getResults(), [&](Value value) { return moved.contains(value); });
    for (OpOperand &operand : op->getOpOperands())
      if (own || !readOf(operand).identity)
        moved.insert(operand.get());
  }
  if (moved.contains(argument))
    return false;
  if (form.kind != KernelForm::Row)
    return true;
  // Results of a row may come one after the other: no other result may need the old value.
  DenseSet<Value> dependent = {argument};
  for (Operation *op : ops)
    if (llvm::any_of(op->getOperands(), [&](Value x) { return dependent.contains(x); }))
      dependent.insert(op->result_begin(), op->result_end());
  return llvm::all_of(results, [&](Value other) { return other == result || !dependent.contains(other); });
}

} // namespace mlir::llcc
