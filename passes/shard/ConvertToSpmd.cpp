// Placed (logical) types ⇒ local types: the program that each device runs.
//
//   %s = llcc.reduce <max> %x dims [1] : tensor<8x10xf32, [[], ["t"]]> -> …         t = 4 devices: 3, 3, 3 and 1 of 10
//     ⇒ %m = llcc.mask %x dim 1 extent 10 over ["t"] value -inf : tensor<8x3xf32>
//        %s = llcc.reduce <max> %m dims [1] : tensor<8x3xf32> -> tensor<8xf32>
//
// Padding. A dimension that its axes do not divide is cut into padded blocks; what stands in the padding is undefined:
// elementwise ops compute whatever they compute there. That is sound as long as no op lets an element of the padding
// reach another element, which only ops that combine elements along the dimension can do: reductions, contractions,
// scatter-add. In front of each of those, and nowhere else, llcc.mask sets the padding to the neutral element. Both
// operands of a contraction are masked, as 0 * NaN is NaN. A lookup in a table whose rows are cut gives zeros for rows
// of other members, and its gradient drops what belongs to them. Arguments hold zeros in their padding, because the
// loader put them there; updated parameters and state are the next step's arguments, so they are masked before they are
// returned.
//
// It stands after llcc-plan-reshards (placements tell what moves) and before llcc-split-pipeline (which clones local
// ops).
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Halo.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Rules.h"
#include <limits>

namespace mlir::llcc {
#define GEN_PASS_DEF_CONVERTTOSPMDPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// Sharding of a value; null where its type is not placed.
ShardingAttr shardingOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? dyn_cast_or_null<ShardingAttr>(type.getEncoding()) : ShardingAttr();
}

/// Converts one function; values keep their placed types until the end, so that each step can look at them.
class Localizer {
public:
  Localizer(func::FuncOp func, MeshAttr mesh) : func(func), mesh(mesh), b(func.getContext()) {}

  LogicalResult run() {
    SmallVector<Operation *> ops;
    func.walk([&](Operation *op) {
      if (op != func)
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      b.setInsertionPoint(op);
      op->removeAttr(kWholeLoopsAttr);
      if (failed(check(op)) || failed(convert(op)))
        return failure();
    }
    signature();
    func.walk([&](Operation *op) {
      for (Value result : op->getResults())
        result.setType(local(result.getType()));
    });
    return success();
  }

private:
  func::FuncOp func;
  MeshAttr mesh;
  OpBuilder b;
  DenseMap<std::pair<Value, Attribute>, Value> masked; ///< (value, [dim, fill]) → its mask
  DenseSet<std::pair<Value, int64_t>> zeroed;          ///< masks with zeros at a dimension

  Type local(Type type) const {
    auto tensor = dyn_cast<RankedTensorType>(type);
    auto sharding = tensor ? dyn_cast_or_null<ShardingAttr>(tensor.getEncoding()) : ShardingAttr();
    if (!sharding)
      return type;
    SmallVector<int64_t> shape(tensor.getShape());
    for (auto [dim, size] : llvm::enumerate(shape))
      size = sharding.getLocalSize(size, dim, mesh);
    return RankedTensorType::get(shape, tensor.getElementType());
  }
  RankedTensorType localOf(Value value) const { return cast<RankedTensorType>(local(value.getType())); }

  /// Axes that cut dimension `dim`, without those of size 1.
  SmallVector<StringAttr> cuts(Value value, int64_t dim) const {
    SmallVector<StringAttr> axes;
    if (ShardingAttr sharding = shardingOf(value))
      for (StringAttr axis : sharding.getAxes(dim))
        if (mesh.getSize(axis.getValue()) > 1)
          axes.push_back(axis);
    return axes;
  }

  /// True where some block of dimension `dim` has padding.
  bool uneven(Value value, int64_t dim) const {
    int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
    for (StringAttr axis : cuts(value, dim)) {
      int64_t members = mesh.getSize(axis.getValue());
      if (size % members)
        return true;
      size /= members;
    }
    return false;
  }

  /// True where the padding of dimension `dim` is known to hold zeros.
  bool paddingIsZero(Value value, int64_t dim) {
    if (auto arg = dyn_cast<BlockArgument>(value))
      return !func.getArgAttr(arg.getArgNumber(), "llcc.gradient");
    if (zeroed.contains({value, dim}))
      return true;
    Operation *op = value.getDefiningOp();
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return paddingIsZero(transpose.getX(), transpose.getPerm()[dim]);
    if (isa<arith::ExtFOp, arith::TruncFOp, ReshardOp>(op)) // a reshard that is still here moves nothing
      return paddingIsZero(op->getOperand(0), dim);
    if (auto slice = dyn_cast<AxisSliceOp>(op))
      return slice.getDim() == uint64_t(dim) ? !uneven(slice.getX(), dim) || paddingIsZero(slice.getX(), dim)
                                             : paddingIsZero(slice.getX(), dim);
    return false;
  }

  LogicalResult refuse(Operation *op, const Twine &why) {
    StringRef node = nodeOf(op->getLoc());
    auto diagnostic = op->emitError();
    if (!node.empty())
      diagnostic << "node \"" << node << "\": ";
    return diagnostic << op->getName() << " " << why;
  }

  /// Refuses what has no local form; the rules of the placement never ask for it.
  LogicalResult check(Operation *op) {
    auto whole = [&](Value value, int64_t dim) -> LogicalResult {
      if (cuts(value, dim).empty())
        return success();
      return refuse(op, "works along dimension " + Twine(dim) + ", which is cut; it must be whole");
    };
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      RankedTensorType from = localOf(reshape.getX()), to = localOf(reshape.getResult());
      if (from.getNumElements() != to.getNumElements()) {
        std::string text;
        llvm::raw_string_ostream(text) << "would turn the local " << from << " into " << to
                                       << "; cut dimensions must be split evenly";
        return refuse(op, text);
      }
    } else if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      for (auto [i, dim] : llvm::enumerate(broadcast.getDims())) {
        auto from = localOf(broadcast.getX()), to = localOf(broadcast.getResult());
        if (from.getDimSize(i) != 1 && from.getDimSize(i) != to.getDimSize(dim))
          return refuse(op, "repeats dimension " + Twine(i) + " of local size " + Twine(from.getDimSize(i)) + " to " +
                                Twine(to.getDimSize(dim)));
      }
    } else if (auto slice = dyn_cast<SliceOp>(op)) {
      auto from = cast<RankedTensorType>(slice.getX().getType()), to = cast<RankedTensorType>(slice.getType());
      for (int64_t dim = 0; dim < from.getRank(); ++dim)
        if (from.getDimSize(dim) != to.getDimSize(dim) && failed(whole(slice.getX(), dim)))
          return failure();
    } else if (auto pad = dyn_cast<PadOp>(op)) {
      for (int64_t dim = 0, rank = pad.getLo().size(); dim < rank; ++dim)
        if ((pad.getLo()[dim] || pad.getHi()[dim] || pad.getInterior()[dim]) && failed(whole(pad.getX(), dim)))
          return failure();
    } else if (auto concat = dyn_cast<ConcatOp>(op)) {
      for (Value x : concat.getXs())
        if (failed(whole(x, concat.getDim())))
          return failure();
    } else if (auto scatter = dyn_cast<ScatterOp>(op)) {
      for (int64_t i = scatter.getBatch(); i < scatter.getIndices().getType().getRank(); ++i)
        if (failed(whole(scatter.getIndices(), i)))
          return failure();
      return whole(scatter.getResult(), scatter.getAxis());
    } else if (auto sort = dyn_cast<ArgsortOp>(op)) {
      return whole(sort.getX(), sort.getAxis());
    } else if (auto reverse = dyn_cast<ReverseOp>(op)) {
      for (int64_t dim : reverse.getDims())
        if (failed(whole(reverse.getX(), dim)))
          return failure();
    }
    return success();
  }

  LogicalResult convert(Operation *op) {
    if (failed(convertMasked(op)))
      return failure();
    if (isa<ConvOp, ConvInputGradOp, ConvWeightGradOp>(op))
      convertRows(op);
    return success();
  }

  /// A convolution whose rows are cut takes those of its neighbours that it reads.
  void convertRows(Operation *op) {
    auto shape = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
    Value first = op->getOperand(0), second = op->getOperand(1), result = op->getResult(0);
    Value x = isa<ConvInputGradOp>(op) ? result : first, w = isa<ConvWeightGradOp>(op) ? result : second,
          y = isa<ConvOp>(op)            ? result
              : isa<ConvInputGradOp>(op) ? first
                                         : second;
    SmallVector<CutRows> rows;
    for (int64_t spatial = 0; spatial + 2 < int64_t(shape(x).size()); ++spatial) {
      SmallVector<StringAttr> axes = cuts(x, 2 + spatial);
      int64_t members = 1;
      for (StringAttr axis : axes)
        members *= mesh.getSize(axis.getValue());
      if (members > 1)
        rows.push_back({spatial, members, b.getArrayAttr(SmallVector<Attribute>(axes.begin(), axes.end())),
                        Halo::get(op, shape(x), shape(y), shape(w), spatial)});
    }
    if (!rows.empty())
      replaced.push_back({op, makeLocalConvolution(b, op, unplaced(first, op->getLoc()), unplaced(second, op->getLoc()),
                                                   localOf(result), rows)});
  }

  LogicalResult convertMasked(Operation *op) {
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      for (int64_t dim : reduce.getDims())
        mask(op->getOpOperand(0), dim, neutral(reduce.getKind(), reduce.getX().getType()));
    } else if (auto dot = dyn_cast<DotOp>(op)) {
      for (int64_t dim : dot.getLhsContract())
        mask(op->getOpOperand(0), dim, 0);
      for (int64_t dim : dot.getRhsContract())
        mask(op->getOpOperand(1), dim, 0);
    } else if (isa<ConvOp, ConvInputGradOp, ConvWeightGradOp>(op) && ownGroups(op)) {
      for (unsigned i = 0; i < 2 && isa<ConvWeightGradOp>(op); ++i) // sums over samples; groups are even
        mask(op->getOpOperand(i), 0, 0);
    } else if (isa<ConvOp>(op)) {
      mask(op->getOpOperand(0), 1, 0);
      mask(op->getOpOperand(1), 1, 0);
    } else if (isa<ConvInputGradOp>(op)) {
      mask(op->getOpOperand(0), 1, 0);
      mask(op->getOpOperand(1), 0, 0);
    } else if (isa<ConvWeightGradOp>(op)) {
      mask(op->getOpOperand(0), 0, 0);
      mask(op->getOpOperand(1), 0, 0);
    } else if (auto scatter = dyn_cast<ScatterAddOp>(op)) {
      int64_t count = scatter.getIndices().getType().getRank() - int64_t(scatter.getBatch());
      for (int64_t i = 0; i < count; ++i)
        mask(op->getOpOperand(0), scatter.getAxis() + i, 0);
      keepOwnUpdates(scatter);
    } else if (auto gather = dyn_cast<GatherOp>(op)) {
      readOwnRows(gather);
    } else if (isa<func::ReturnOp>(op)) {
      for (OpOperand &operand : op->getOpOperands()) {
        unsigned i = operand.getOperandNumber();
        if (func.getResultAttr(i, "llcc.param") || func.getResultAttr(i, "llcc.state"))
          for (int64_t dim = 0, rank = cast<RankedTensorType>(operand.get().getType()).getRank(); dim < rank; ++dim)
            mask(operand, dim, 0);
      }
    } else if (isa<CaptureOp>(op)) { // the host puts the pieces together
      if (ShardingAttr cut = shardingOf(op->getOperand(0)); cut && !cut.isReplicated())
        op->setAttr("llcc.placement", cut);
    } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      return convertConstant(constant);
    } else if (auto iota = dyn_cast<IotaOp>(op)) {
      convertIota(iota);
    } else if (auto reshard = dyn_cast<ReshardOp>(op)) {
      if (local(reshard.getX().getType()) != local(reshard.getType()))
        return refuse(op, "is still there; llcc-plan-reshards must run before");
      forget.push_back(reshard);
    }
    return success();
  }

  /// Leaves a grouped convolution the groups that the member has; false for one without groups.
  bool ownGroups(Operation *op) {
    auto groups = op->getAttrOfType<IntegerAttr>("groups");
    if (groups.getInt() == 1)
      return false;
    int64_t members = 1;
    for (StringAttr axis : isa<ConvInputGradOp>(op) ? cuts(op->getResult(0), 1) : cuts(op->getOperand(0), 1))
      members *= mesh.getSize(axis.getValue());
    op->setAttr("groups", b.getI64IntegerAttr(groups.getInt() / members));
    return true;
  }

  static double neutral(ReduceKind kind, Type type) {
    Type element = cast<RankedTensorType>(type).getElementType();
    bool isFloat = isa<FloatType>(element);
    unsigned width = element.getIntOrFloatBitWidth();
    double infinity = std::numeric_limits<double>::infinity();
    switch (kind) {
    case ReduceKind::Sum:
      return 0;
    case ReduceKind::Prod:
      return 1;
    case ReduceKind::Max:
      return isFloat ? -infinity : width == 1 ? 0 : -std::ldexp(1.0, int(width) - 1);
    case ReduceKind::Min: // 2^(w-1) - 1 has no double for 64 bits: the largest one below
      return isFloat      ? infinity
             : width == 1 ? 1
             : width > 53 ? 9223372036854774784.0
                          : std::ldexp(1.0, int(width) - 1) - 1;
    }
    llvm_unreachable("all kinds are handled");
  }

  /// Puts a mask between `operand` and its value where dimension `dim` has padding that is not `fill` already.
  void mask(OpOperand &operand, int64_t dim, double fill) {
    Value x = operand.get();
    if (!uneven(x, dim) || (fill == 0 && paddingIsZero(x, dim)))
      return;
    Value &known = masked[{x, b.getArrayAttr({b.getI64IntegerAttr(dim), b.getF64FloatAttr(fill)})}];
    if (!known) {
      SmallVector<Attribute> axes;
      for (StringAttr axis : cuts(x, dim))
        axes.push_back(axis);
      auto type = cast<RankedTensorType>(x.getType());
      known = MaskOp::create(b, operand.getOwner()->getLoc(), type, x, b.getI64IntegerAttr(dim),
                             b.getI64IntegerAttr(type.getDimSize(dim)), b.getArrayAttr(axes), b.getF64FloatAttr(fill));
      if (fill == 0) {
        zeroed.insert({known, dim});
        for (int64_t other = 0; other < type.getRank(); ++other)
          if (other != dim && uneven(x, other) && paddingIsZero(x, other))
            zeroed.insert({known, other});
      }
    }
    operand.set(known);
  }

  /// `value` with its local type already: for ops that are made here.
  Value unplaced(Value value, Location loc) {
    if (!shardingOf(value))
      return value;
    auto same = ReshardOp::create(b, loc, localOf(value), value);
    forget.push_back(same);
    return same.getResult();
  }

  /// Of logical `indices` into dimension `dim` of `table`, which is cut: where they are in this member's block, clamped
  /// into it, and whether they are there at all. Types are local.
  std::pair<Value, Value> ownIndices(Value indices, Value table, int64_t dim, Location loc) {
    RankedTensorType type = localOf(indices);
    Type element = type.getElementType();
    int64_t extent = cast<RankedTensorType>(table.getType()).getDimSize(dim), block = localOf(table).getDimSize(dim);
    SmallVector<StringAttr> axes = cuts(table, dim);
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getIntegerAttr(element, value)));
    };
    auto compare = [&](arith::CmpIPredicate is, Value x, int64_t value) -> Value {
      return arith::CmpIOp::create(b, loc, is, x, constant(value));
    };
    auto clamp = [&](Value x, int64_t last) -> Value {
      Value low = arith::MaxSIOp::create(b, loc, x, constant(0));
      return arith::MinSIOp::create(b, loc, low, constant(last));
    };
    // As llcc.gather reads them: negative ones count from the end, those out of range are clamped.
    Value logical = unplaced(indices, loc);
    Value negative = compare(arith::CmpIPredicate::slt, logical, 0);
    Value fromEnd = arith::AddIOp::create(b, loc, logical, constant(extent));
    Value valid = clamp(arith::SelectOp::create(b, loc, negative, fromEnd, logical), extent - 1);
    Value start = AxisOffsetOp::create(b, loc, RankedTensorType::get({}, element), b.getI64IntegerAttr(extent),
                                       b.getArrayAttr(SmallVector<Attribute>(axes.begin(), axes.end())));
    Value starts = BroadcastOp::create(b, loc, type, start, b.getDenseI64ArrayAttr({}));
    Value own = arith::SubIOp::create(b, loc, valid, starts);
    Value above = compare(arith::CmpIPredicate::sge, own, 0), below = compare(arith::CmpIPredicate::slt, own, block);
    return {clamp(own, block - 1), arith::AndIOp::create(b, loc, above, below)};
  }

  /// Zeros in `x` [b.., pre, idx.., post] (types local) wherever `there` [b.., idx..] is false.
  Value keepWhere(Value there, Value x, int64_t axis, int64_t batch, Location loc) {
    auto type = cast<RankedTensorType>(x.getType());
    SmallVector<int64_t> dims;
    for (int64_t i = 0, rank = cast<RankedTensorType>(there.getType()).getRank(); i < rank; ++i)
      dims.push_back(i < batch ? i : axis + i - batch);
    auto flags = RankedTensorType::get(type.getShape(), b.getI1Type());
    Value all = BroadcastOp::create(b, loc, flags, there, b.getDenseI64ArrayAttr(dims));
    Value zero =
        arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getFloatAttr(type.getElementType(), 0)));
    return arith::SelectOp::create(b, loc, all, x, zero);
  }

  /// A table that is cut along the dimension of the lookup: each member reads its own rows, and zeros for others.
  void readOwnRows(GatherOp gather) {
    int64_t axis = gather.getAxis(), batch = gather.getBatch();
    if (cuts(gather.getTable(), axis).empty())
      return;
    Location loc = gather.getLoc();
    auto [own, there] = ownIndices(gather.getIndices(), gather.getTable(), axis, loc);
    Value rows = GatherOp::create(b, loc, localOf(gather), unplaced(gather.getTable(), loc), own, axis, batch);
    replaced.push_back({gather, keepWhere(there, rows, axis, batch, loc)});
  }

  /// …and its gradient: each member adds up what belongs to its rows.
  void keepOwnUpdates(ScatterAddOp scatter) {
    int64_t axis = scatter.getAxis(), batch = scatter.getBatch();
    if (cuts(scatter.getResult(), axis).empty())
      return;
    Location loc = scatter.getLoc();
    auto [own, there] = ownIndices(scatter.getIndices(), scatter.getResult(), axis, loc);
    Value updates = keepWhere(there, unplaced(scatter.getUpdates(), loc), axis, batch, loc);
    replaced.push_back({scatter, ScatterAddOp::create(b, loc, localOf(scatter), updates, own, axis, batch)});
  }

  LogicalResult convertConstant(arith::ConstantOp constant) {
    auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
    auto placed = dyn_cast<RankedTensorType>(constant.getType());
    if (!placed || !shardingOf(constant))
      return success();
    if (!value)
      return refuse(constant, "holds a value that is not dense");
    if (value.isSplat()) {
      constants.push_back({constant, value.resizeSplat(localOf(constant))});
      return success();
    }
    // every member holds the whole constant and takes its block
    auto whole = RankedTensorType::get(placed.getShape(), placed.getElementType());
    Value x =
        arith::ConstantOp::create(b, constant.getLoc(), DenseElementsAttr::getFromRawBuffer(whole, value.getRawData()));
    SmallVector<int64_t> shape(placed.getShape());
    for (int64_t dim = 0; dim < placed.getRank(); ++dim)
      for (StringAttr axis : cuts(constant, dim)) {
        shape[dim] = (shape[dim] + mesh.getSize(axis.getValue()) - 1) / mesh.getSize(axis.getValue());
        x = AxisSliceOp::create(b, constant.getLoc(), RankedTensorType::get(shape, placed.getElementType()), x,
                                b.getI64IntegerAttr(dim), b.getStrArrayAttr({axis.getValue()}));
      }
    replaced.push_back({constant, x});
    return success();
  }

  /// iota along a cut dimension counts from the member's first element.
  void convertIota(IotaOp iota) {
    SmallVector<StringAttr> axes = cuts(iota, iota.getDim());
    if (axes.empty())
      return;
    RankedTensorType type = localOf(iota);
    auto placed = cast<RankedTensorType>(iota.getType());
    Location loc = iota.getLoc();
    Value start = AxisOffsetOp::create(b, loc, RankedTensorType::get({}, type.getElementType()),
                                       b.getI64IntegerAttr(placed.getDimSize(iota.getDim())),
                                       b.getArrayAttr(SmallVector<Attribute>(axes.begin(), axes.end())));
    Value starts = BroadcastOp::create(b, loc, type, start, b.getDenseI64ArrayAttr({}));
    Value counted = IotaOp::create(b, loc, type, iota.getDimAttr());
    Value sum = isa<FloatType>(type.getElementType()) ? Value(arith::AddFOp::create(b, loc, counted, starts))
                                                      : Value(arith::AddIOp::create(b, loc, counted, starts));
    replaced.push_back({iota, sum});
  }

  SmallVector<ReshardOp> forget;                                          ///< move nothing
  SmallVector<std::pair<arith::ConstantOp, DenseElementsAttr>> constants; ///< with their local values
  SmallVector<std::pair<Operation *, Value>> replaced;                    ///< by values of local type

  /// Function type and the attributes that keep the logical view; then everything that had to wait for it.
  void signature() {
    auto keep = [&](Type type, function_ref<void(StringRef, Attribute)> set) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      auto sharding = tensor ? dyn_cast_or_null<ShardingAttr>(tensor.getEncoding()) : ShardingAttr();
      if (!sharding)
        return;
      set("llcc.placement", sharding);
      set("llcc.shape", b.getDenseI64ArrayAttr(tensor.getShape()));
    };
    FunctionType type = func.getFunctionType();
    SmallVector<Type> inputs, results;
    for (Type input : type.getInputs()) {
      unsigned i = inputs.size();
      keep(input, [&](StringRef name, Attribute value) { func.setArgAttr(i, name, value); });
      func.removeArgAttr(i, "llcc.sharding");
      inputs.push_back(local(input));
    }
    for (Type result : type.getResults()) {
      unsigned i = results.size();
      keep(result, [&](StringRef name, Attribute value) { func.setResultAttr(i, name, value); });
      results.push_back(local(result));
    }
    func.setFunctionType(FunctionType::get(func.getContext(), inputs, results));
    for (BlockArgument arg : func.getArguments())
      arg.setType(local(arg.getType()));
    for (auto [op, value] : constants)
      op.setValueAttr(value);
    for (auto [op, value] : replaced) {
      op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
    for (ReshardOp op : forget) {
      op.replaceAllUsesWith(op.getX());
      op.erase();
    }
  }
};

struct ConvertToSpmdPass : impl::ConvertToSpmdPassBase<ConvertToSpmdPass> {
  using ConvertToSpmdPassBase::ConvertToSpmdPassBase;
  void runOnOperation() override {
    auto mesh = getOperation()->getAttrOfType<MeshAttr>("llcc.mesh");
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal() || (func.getName() != "gradients" && func.getName() != "update"))
        continue;
      if (!mesh) {
        getOperation().emitError("module has @") << func.getName() << " but no mesh, needs the attribute llcc.mesh";
        return signalPassFailure();
      }
      if (failed(Localizer(func, mesh).run()))
        return signalPassFailure();
    }
  }
};
} // namespace
} // namespace mlir::llcc
