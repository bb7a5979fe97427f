// Positions, memory and arithmetic of PullEmitter, and the ops that only move or combine elements.
#include "passes/lower/PullEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace mlir::llcc;

PullEmitter::PullEmitter(OpBuilder &builder, Block *entry, Value coords, MeshAttr mesh,
                         std::function<Value(DenseElementsAttr)> constantBuffer)
    : builder(builder), loc(builder.getUnknownLoc()), entry(entry), coords(coords), mesh(mesh),
      constantBuffer(std::move(constantBuffer)) {}

//===-- What is known -------------------------------------------------------===//

PullEmitter::Key PullEmitter::keyOf(Value tensor, const Coord &at) {
  Key key{tensor.getAsOpaquePointer(), {}};
  for (const Digit &digit : at)
    key.second.push_back({digit.value.getAsOpaquePointer(), digit.size});
  return key;
}

void PullEmitter::remember(Value tensor, const Coord &at, Value value) {
  Key key = keyOf(tensor, at);
  if (memo.emplace(key, value).second)
    undo.push_back(std::move(key));
}

PullEmitter::Scope::~Scope() {
  while (emitter.undo.size() > mark) {
    emitter.memo.erase(emitter.undo.back());
    emitter.undo.pop_back();
  }
}

//===-- Positions -----------------------------------------------------------===//

std::pair<Value, Value> PullEmitter::divided(Value value, int64_t size, int64_t by) {
  auto both = [&](Value by) -> std::pair<Value, Value> {
    return {arith::DivUIOp::create(builder, loc, value, by), arith::RemUIOp::create(builder, loc, value, by)};
  };
  if (!narrow || size > std::numeric_limits<int32_t>::max())
    return both(index(by));
  Type index = value.getType(), word = builder.getI32Type();
  value = arith::IndexCastOp::create(builder, loc, word, value);
  auto [q, r] = both(constant(builder.getI32IntegerAttr(by)));
  return {arith::IndexCastUIOp::create(builder, loc, index, q), arith::IndexCastUIOp::create(builder, loc, index, r)};
}

std::pair<Value, Value> PullEmitter::divide(Digit digit, int64_t inner) {
  if (IntegerAttr known; matchPattern(digit.value, m_Constant(&known)))
    return {index(known.getInt() / inner), index(known.getInt() % inner)};
  // A slice may hand on a loop's value as a digit of a larger size: that is no cut of the loop.
  if (auto loop = loops.find(digit.value); loop != loops.end() && loop->second.first == digit.size)
    cuts.emplace(loop->second.second, Cut{inner});
  Coord key{{digit.value, digit.size}, {Value(), inner}}, high = key;
  high.push_back({Value(), 0});
  auto low = memo.find(keyOf({}, key));
  if (low != memo.end())
    return {memo.at(keyOf({}, high)), low->second};
  auto [q, r] = divided(digit.value, digit.size, inner);
  remember({}, key, r);
  remember({}, high, q);
  return {q, r};
}

SmallVector<Coord> PullEmitter::split(const Coord &at, ArrayRef<int64_t> sizes) {
  SmallVector<Coord> groups(sizes.size());
  Coord rest = at;
  for (int64_t g = sizes.size() - 1; g >= 0; --g) {
    int64_t need = sizes[g];
    Coord &group = groups[g];
    while (need > 1 && !rest.empty()) {
      Digit digit = rest.pop_back_val();
      if (need % digit.size == 0) {
        group.push_back(digit);
        need /= digit.size;
      } else if (digit.size % need == 0) {
        auto [high, low] = divide(digit, need);
        rest.push_back({high, digit.size / need});
        group.push_back({low, need});
        need = 1;
      } else if (!rest.empty()) { // boundaries do not meet: join two digits, then divide
        Digit upper = rest.pop_back_val();
        Coord joined{upper, digit};
        rest.push_back({linear(joined), upper.size * digit.size});
      }
    }
    std::reverse(group.begin(), group.end());
  }
  return groups;
}

Value PullEmitter::linear(const Coord &at) {
  if (at.empty())
    return index(0);
  if (at.size() == 1)
    return at.front().value;
  if (auto known = memo.find(keyOf({}, at)); known != memo.end())
    return known->second;
  Value high = linear(Coord(at.begin(), at.end() - 1));
  Value value = add(mul(high, index(at.back().size)), at.back().value);
  remember({}, at, value);
  return value;
}

Coord PullEmitter::delinearise(Value value, ArrayRef<int64_t> sizes) {
  Coord at;
  int64_t left = product(sizes);
  for (int64_t size : llvm::reverse(sizes)) {
    if (size == 1)
      continue;
    if (left == size) {
      at.push_back({value, size});
      break;
    }
    auto [q, r] = divided(value, left, size);
    at.push_back({r, size});
    value = q;
    left /= size;
  }
  std::reverse(at.begin(), at.end());
  return at;
}

//===-- Scalars -------------------------------------------------------------===//

Value PullEmitter::constant(TypedAttr attr) {
  Value &value = constants[attr];
  if (!value) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(entry);
    value = arith::ConstantOp::create(builder, loc, attr);
  }
  return value;
}

Value PullEmitter::index(int64_t value) { return constant(builder.getIndexAttr(value)); }

Value PullEmitter::number(Type type, double value) {
  if (isa<FloatType>(type))
    return constant(builder.getFloatAttr(type, value));
  return constant(builder.getIntegerAttr(type, int64_t(value)));
}

static bool isIndex(Value value, int64_t number) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto attr = constant ? dyn_cast<IntegerAttr>(constant.getValue()) : IntegerAttr();
  return attr && attr.getInt() == number;
}

Value PullEmitter::add(Value a, Value b) {
  if (isIndex(a, 0))
    return b;
  return isIndex(b, 0) ? a : arith::AddIOp::create(builder, loc, a, b);
}

Value PullEmitter::sub(Value a, Value b) { return isIndex(b, 0) ? a : arith::SubIOp::create(builder, loc, a, b); }

Value PullEmitter::mul(Value a, Value b) {
  if (isIndex(a, 0) || isIndex(b, 1))
    return a;
  return isIndex(b, 0) || isIndex(a, 1) ? b : arith::MulIOp::create(builder, loc, a, b);
}

Value PullEmitter::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AndIOp::create(builder, loc, a, b);
}

Value PullEmitter::within(Value value, int64_t size) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, value, index(size));
}

Value PullEmitter::load(Value memref, Value position, Type type) {
  Value value = memref::LoadOp::create(builder, loc, memref, position);
  if (value.getType() == type)
    return value;
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value, number(value.getType(), 0));
}

void PullEmitter::store(Value scalar, Value memref, Value position) {
  Type type = cast<MemRefType>(memref.getType()).getElementType();
  if (scalar.getType() != type)
    scalar = arith::ExtUIOp::create(builder, loc, type, scalar);
  memref::StoreOp::create(builder, loc, scalar, memref, position);
}

Value PullEmitter::combine(ReduceKind kind, Value a, Value b) {
  Type type = a.getType();
  if (isa<FloatType>(type)) {
    auto reassoc = sumsInOrder() ? arith::FastMathFlags::none : arith::FastMathFlags::reassoc;
    switch (kind) {
    case ReduceKind::Sum:
      return arith::AddFOp::create(builder, loc, a, b, reassoc);
    case ReduceKind::Prod:
      return arith::MulFOp::create(builder, loc, a, b, reassoc);
    case ReduceKind::Max:
      return arith::MaximumFOp::create(builder, loc, a, b);
    case ReduceKind::Min:
      return arith::MinimumFOp::create(builder, loc, a, b);
    }
  }
  bool logical = type.isInteger(1);
  switch (kind) {
  case ReduceKind::Sum:
    return arith::AddIOp::create(builder, loc, a, b);
  case ReduceKind::Prod:
    return arith::MulIOp::create(builder, loc, a, b);
  case ReduceKind::Max:
    return logical ? arith::OrIOp::create(builder, loc, a, b).getResult() : arith::MaxSIOp::create(builder, loc, a, b);
  case ReduceKind::Min:
    return logical ? arith::AndIOp::create(builder, loc, a, b).getResult() : arith::MinSIOp::create(builder, loc, a, b);
  }
  llvm_unreachable("four kinds");
}

Value PullEmitter::neutral(ReduceKind kind, Type type) {
  if (kind == ReduceKind::Sum || kind == ReduceKind::Prod)
    return number(type, kind == ReduceKind::Prod);
  bool max = kind == ReduceKind::Max;
  if (auto floating = dyn_cast<FloatType>(type))
    return constant(FloatAttr::get(type, llvm::APFloat::getInf(floating.getFloatSemantics(), max)));
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 1)
    return number(type, !max);
  return constant(
      IntegerAttr::get(type, max ? llvm::APInt::getSignedMinValue(width) : llvm::APInt::getSignedMaxValue(width)));
}

bool PullEmitter::sumsInOrder() const { // the loops that are being built have no parent yet, the kernel has
  auto module = entry->getParentOp()->getParentOfType<ModuleOp>();
  return module && module->hasAttr("llcc.deterministic");
}

Type PullEmitter::wideOf(Type type) const {
  if (isa<BFloat16Type, Float16Type>(type))
    type = Float32Type::get(type.getContext());
  return type.isF32() && sumsInOrder() ? Float64Type::get(type.getContext()) : type;
}

Value PullEmitter::convert(Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (type.getIntOrFloatBitWidth() > value.getType().getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

SmallVector<Value> PullEmitter::carry(Value from, Value to, int64_t step, ValueRange inits,
                                      function_ref<SmallVector<Value>(Value iv, ValueRange accs)> body) {
  auto loop = scf::ForOp::create(builder, loc, from, to, index(step), inits);
  OpBuilder::InsertionGuard guard(builder);
  Scope scope(*this);
  if (inits.empty()) {
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    body(loop.getInductionVar(), {});
  } else {
    builder.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(builder, loc, body(loop.getInductionVar(), loop.getRegionIterArgs()));
  }
  return SmallVector<Value>(loop.getResults());
}

SmallVector<Value> PullEmitter::nest(ArrayRef<int64_t> sizes, ValueRange inits, Body body) {
  SmallVector<Value> ivs;
  std::function<SmallVector<Value>(size_t, ValueRange)> level = [&](size_t depth, ValueRange accs) {
    if (depth == sizes.size())
      return body(ivs, accs);
    return carry(index(0), index(sizes[depth]), 1, accs, [&](Value iv, ValueRange inner) {
      ivs.push_back(iv);
      SmallVector<Value> results = level(depth + 1, inner);
      ivs.pop_back();
      return results;
    });
  };
  return level(0, inits);
}

Value PullEmitter::branch(Value condition, function_ref<Value()> then, function_ref<Value()> otherwise) {
  if (!condition)
    return then();
  // The result type is that of `then`, which is known only after it is emitted: into a block of its own first.
  Region scratch;
  Block *thenBlock = new Block;
  scratch.push_back(thenBlock);
  Value value;
  {
    OpBuilder::InsertionGuard guard(builder);
    Scope scope(*this);
    builder.setInsertionPointToStart(thenBlock);
    value = then();
    scf::YieldOp::create(builder, loc, value);
  }
  auto op = scf::IfOp::create(builder, loc, TypeRange(value.getType()), condition, /*addThenBlock=*/false,
                              /*addElseBlock=*/true);
  op.getThenRegion().takeBody(scratch);
  OpBuilder::InsertionGuard guard(builder);
  Scope scope(*this);
  builder.setInsertionPointToStart(&op.getElseRegion().front());
  scf::YieldOp::create(builder, loc, otherwise());
  return op.getResult(0);
}

//===-- Ops -----------------------------------------------------------------===//

Value PullEmitter::pull(Value tensor, const Coord &at) {
  if (auto known = memo.find(keyOf(tensor, at)); known != memo.end())
    return known->second;
  Type type = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (elementsOf(tensor) == 0) // never read; keeps the types right
    return number(type, 0);
  Value value;
  if (Value memref = buffers.lookup(tensor))
    value = load(memref, linear(at), type);
  else if (Operation *op = tensor.getDefiningOp())
    value = emit(op, tensor, at);
  else
    llvm_unreachable("arguments are bound");
  remember(tensor, at, value);
  return value;
}

Value PullEmitter::emit(Operation *op, Value result, const Coord &at) {
  llvm::SaveAndRestore here(loc, op->getLoc());
  if (op->hasTrait<OpTrait::Elementwise>())
    return emitElementwise(op, result, at);
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<arith::ConstantOp>([&](arith::ConstantOp op) {
        auto attr = cast<DenseElementsAttr>(op.getValue());
        if (attr.isSplat())
          return constant(cast<TypedAttr>(attr.getSplatValue<Attribute>()));
        return load(constantBuffer(attr), linear(at), attr.getElementType());
      })
      .Case<ReshapeOp>([&](ReshapeOp op) { return pull(op.getX(), at); })
      .Case<BroadcastOp>([&](BroadcastOp op) { return emitBroadcast(op, at); })
      .Case<TransposeOp>([&](TransposeOp op) { return emitTranspose(op, at); })
      .Case<SliceOp>([&](SliceOp op) { return emitSlice(op, at); })
      .Case<PadOp>([&](PadOp op) { return emitPad(op, at); })
      .Case<ConcatOp>([&](ConcatOp op) { return emitConcat(op, at); })
      .Case<IotaOp>([&](IotaOp op) { return emitIota(op, at); })
      .Case<RandomBitsOp>([&](RandomBitsOp op) { return emitRandomBits(op, at); })
      .Case<ReduceOp>([&](ReduceOp op) { return emitReduce(op, at); })
      .Case<GatherOp>([&](GatherOp op) { return emitGather(op, at); })
      .Case<ScatterAddOp, ScatterOp>([&](auto op) { return emitScatter(Scatter(op), at); })
      .Case<ReverseOp>([&](ReverseOp op) { return emitReverse(op, at); })
      .Case<MaxPoolOp>([&](MaxPoolOp op) { return emitMaxPool(op, at); })
      .Case<MaxPoolGradOp>([&](MaxPoolGradOp op) { return emitMaxPoolGrad(op, at); })
      .Case<AvgPoolOp>([&](AvgPoolOp op) { return emitAvgPool(op, at); })
      .Case<AvgPoolGradOp>([&](AvgPoolGradOp op) { return emitAvgPoolGrad(op, at); })
      .Case<AxisSliceOp>([&](AxisSliceOp op) { return emitAxisSlice(op, at); })
      .Case<MaskOp>([&](MaskOp op) { return emitMask(op, at); })
      .Case<AxisOffsetOp>([&](AxisOffsetOp op) { return emitAxisOffset(op); })
      .Default([&](Operation *op) {
        op->emitError() << "'" << op->getName() << "' has no kernel code; it must stay outside of kernels";
        error = true;
        return number(getElementTypeOrSelf(result.getType()), 0);
      });
}

Value PullEmitter::emitElementwise(Operation *op, Value result, const Coord &at) {
  OperationState state(loc, op->getName());
  for (Value operand : op->getOperands())
    state.operands.push_back(isa<RankedTensorType>(operand.getType()) ? pull(operand, at) : operand);
  for (Type type : op->getResultTypes())
    state.types.push_back(getElementTypeOrSelf(type));
  state.addAttributes(op->getAttrs());
  return builder.create(state)->getResult(cast<OpResult>(result).getResultNumber());
}

/// Joins neighbours i, i+1 of `shape` where `same(i)`; returns the sizes of the groups and, for each, its first
/// dimension.
static void join(ArrayRef<int64_t> shape, function_ref<bool(int64_t)> same, SmallVector<int64_t> &sizes,
                 SmallVector<int64_t> &first) {
  for (auto [i, size] : llvm::enumerate(shape)) {
    if (i && same(i - 1)) {
      sizes.back() *= size;
    } else {
      sizes.push_back(size);
      first.push_back(i);
    }
  }
}

static void append(Coord &to, const Coord &digits) { to.append(digits.begin(), digits.end()); }

Value PullEmitter::emitBroadcast(BroadcastOp op, const Coord &at) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  SmallVector<bool> kept(shape.size(), false);
  for (auto [i, dim] : llvm::enumerate(op.getDims()))
    kept[dim] = shapeOf(op.getX())[i] == shape[dim];
  SmallVector<int64_t> sizes, first;
  join(
      shape, [&](int64_t i) { return kept[i] == kept[i + 1]; }, sizes, first);
  Coord source;
  for (auto [group, dim] : llvm::zip(split(at, sizes), first))
    if (kept[dim])
      append(source, group);
  return pull(op.getX(), source);
}

Value PullEmitter::emitTranspose(TransposeOp op, const Coord &at) {
  ArrayRef<int64_t> perm = op.getPerm();
  SmallVector<int64_t> sizes, first;
  join(
      op.getType().getShape(), [&](int64_t i) { return perm[i] + 1 == perm[i + 1]; }, sizes, first);
  SmallVector<Coord> groups = split(at, sizes);
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, sizes.size()));
  llvm::sort(order, [&](int64_t a, int64_t b) { return perm[first[a]] < perm[first[b]]; });
  Coord source;
  for (int64_t g : order)
    append(source, groups[g]);
  return pull(op.getX(), source);
}

Value PullEmitter::emitSlice(SliceOp op, const Coord &at) {
  ArrayRef<int64_t> from = shapeOf(op.getX()), shape = op.getType().getShape();
  auto whole = [&](int64_t i) { return from[i] == shape[i] && op.getStarts()[i] == 0; };
  SmallVector<int64_t> sizes, first;
  join(
      shape, [&](int64_t i) { return whole(i) && whole(i + 1); }, sizes, first);
  Coord source;
  for (auto [group, dim] : llvm::zip(split(at, sizes), first)) {
    if (whole(dim)) {
      append(source, group);
    } else if (from[dim] > 1) {
      Value position = add(mul(linear(group), index(op.getStrides()[dim])), index(op.getStarts()[dim]));
      source.push_back({position, from[dim]});
    }
  }
  return pull(op.getX(), source);
}

Value PullEmitter::emitReverse(ReverseOp op, const Coord &at) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  auto turned = [&](int64_t i) { return llvm::is_contained(op.getDims(), i); };
  SmallVector<int64_t> sizes, first;
  join(
      shape, [&](int64_t i) { return turned(i) == turned(i + 1); }, sizes, first);
  Coord source;
  for (auto [group, dim, size] : llvm::zip(split(at, sizes), first, sizes)) {
    if (!turned(dim))
      append(source, group);
    else if (size > 1) // several dimensions backwards are their row-major number backwards
      source.push_back({sub(index(size - 1), linear(group)), size});
  }
  return pull(op.getX(), source);
}

Value PullEmitter::emitPad(PadOp op, const Coord &at) {
  ArrayRef<int64_t> from = shapeOf(op.getX()), shape = op.getType().getShape();
  Type type = op.getType().getElementType();
  if (elementsOf(op.getX()) == 0)
    return number(type, op.getValue().convertToDouble());
  auto whole = [&](int64_t i) { return from[i] == shape[i]; };
  SmallVector<int64_t> sizes, first;
  join(
      shape, [&](int64_t i) { return whole(i) && whole(i + 1); }, sizes, first);
  Coord source;
  Value inside;
  for (auto [group, dim] : llvm::zip(split(at, sizes), first)) {
    if (whole(dim)) {
      append(source, group);
      continue;
    }
    Value position = sub(linear(group), index(op.getLo()[dim]));
    int64_t step = op.getInterior()[dim] + 1;
    inside = both(inside, within(position, (from[dim] - 1) * step + 1));
    if (step > 1) {
      Value left = arith::RemUIOp::create(builder, loc, position, index(step));
      inside = both(inside, arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, left, index(0)));
      position = arith::DivUIOp::create(builder, loc, position, index(step));
    }
    if (from[dim] > 1)
      source.push_back({position, from[dim]});
  }
  return branch(
      inside, [&] { return pull(op.getX(), source); }, [&] { return number(type, op.getValue().convertToDouble()); });
}

Value PullEmitter::emitConcat(ConcatOp op, const Coord &at) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  int64_t dim = op.getDim();
  SmallVector<Coord> groups =
      split(at, {product(shape.take_front(dim)), shape[dim], product(shape.drop_front(dim + 1))});
  Value position = linear(groups[1]);
  SmallVector<std::pair<Value, int64_t>> parts; // operand, where it starts
  int64_t start = 0;
  for (Value x : op.getXs()) {
    if (shapeOf(x)[dim])
      parts.push_back({x, start});
    start += shapeOf(x)[dim];
  }
  std::function<Value(size_t)> part = [&](size_t i) -> Value {
    auto [x, from] = parts[i];
    auto take = [&, x = x, from = from]() -> Value {
      Coord source = groups[0];
      if (shapeOf(x)[dim] > 1)
        source.push_back({sub(position, index(from)), shapeOf(x)[dim]});
      append(source, groups[2]);
      return pull(x, source);
    };
    if (i + 1 == parts.size())
      return take();
    return branch(within(position, parts[i + 1].second), take, [&] { return part(i + 1); });
  };
  return part(0);
}

Value PullEmitter::emitIota(IotaOp op, const Coord &at) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  int64_t dim = op.getDim();
  SmallVector<Coord> groups =
      split(at, {product(shape.take_front(dim)), shape[dim], product(shape.drop_front(dim + 1))});
  Type type = op.getType().getElementType();
  Value position = linear(groups[1]);
  if (isa<IndexType>(type))
    return position;
  Value whole = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), position);
  if (isa<FloatType>(type))
    return arith::SIToFPOp::create(builder, loc, type, whole);
  return type.isInteger(64) ? whole : arith::TruncIOp::create(builder, loc, type, whole).getResult();
}

Value PullEmitter::emitReduce(ReduceOp op, const Coord &at) {
  ArrayRef<int64_t> shape = shapeOf(op.getX());
  auto reduced = [&](int64_t i) { return llvm::is_contained(op.getDims(), i); };
  SmallVector<int64_t> sizes, first, kept, loop;
  join(
      shape, [&](int64_t i) { return reduced(i) == reduced(i + 1); }, sizes, first);
  for (auto [size, dim] : llvm::zip(sizes, first))
    (reduced(dim) ? loop : kept).push_back(size);
  Type type = op.getType().getElementType();
  if (product(loop) == 0)
    return neutral(op.getKind(), type);
  SmallVector<Coord> groups = split(at, kept);
  Type wide = wideOf(type);
  Value sum = nest(loop, neutral(op.getKind(), wide), [&](ArrayRef<Value> ivs, ValueRange accs) {
    Coord source;
    size_t k = 0, r = 0;
    for (auto [size, dim] : llvm::zip(sizes, first)) {
      if (!reduced(dim))
        append(source, groups[k++]);
      else if (Value iv = ivs[r++]; size > 1)
        source.push_back({iv, size});
    }
    return SmallVector<Value>{combine(op.getKind(), accs[0], convert(pull(op.getX(), source), wide))};
  })[0];
  return convert(sum, type);
}
