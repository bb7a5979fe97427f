// Form map on a GPU, the serial fallback, and the walks that all forms are made of.
#include "passes/lower/GpuLoops.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

using namespace mlir;
using namespace mlir::llcc;

/// Threads of a block where nothing is shared: enough to hide latency, few enough that small extents still spread over
/// the multiprocessors.
static constexpr int64_t kBlock = 256, kSerialBlock = 128;
/// Loads of one thread that are under way at once in a walk, as positions: what bandwidth times latency asks for.
static constexpr int64_t kInFlight = 8;

GpuLoops::GpuLoops(func::FuncOp kernel, gpu::GPUFuncOp function, PullEmitter &emitter, LoopSpaces &spaces,
                   VectorPlan &plan, ArrayRef<Value> outs, bool draft)
    : kernel(kernel), function(function), e(emitter), spaces(spaces), plan(plan), outs(outs), draft(draft) {
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    results.push_back(result);
}

LogicalResult GpuLoops::emit() {
  StringRef form = kernel->getAttrOfType<StringAttr>("llcc.kernel").getValue();
  if (results.empty())
    return kernel.emitError("kernel has no result, needs at least one");
  if (form == "map")
    return emitMap();
  if (form == "row")
    return emitRow();
  if (form == "fold")
    return emitFold();
  if (form == "scatter")
    return emitScatter();
  if (form == "sort") {
    auto sort = results[0].getDefiningOp<ArgsortOp>();
    int64_t length = sort ? sort.getType().getShape()[sort.getAxis()] : 1;
    return emitSerial(elementsOf(results[0]) / std::max<int64_t>(1, length));
  }
  return kernel.emitError() << "kernel form is '" << form << "', needs map, row, fold, scatter or sort";
}

//===-- Threads -------------------------------------------------------------===//

Value GpuLoops::thread() {
  if (!threadNumber)
    threadNumber = gpu::ThreadIdOp::create(e.builder, e.loc, gpu::Dimension::x);
  return threadNumber;
}

Value GpuLoops::blockNumber() {
  if (!blockIndex)
    blockIndex = gpu::BlockIdOp::create(e.builder, e.loc, gpu::Dimension::x);
  return blockIndex;
}

Value GpuLoops::below(Value value, int64_t limit, int64_t bound) {
  if (bound <= limit)
    return {};
  return arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::slt, value, e.index(limit));
}

Value GpuLoops::clamped(Value value, Value inside, int64_t limit) {
  return inside ? arith::MinSIOp::create(e.builder, e.loc, value, e.index(limit - 1)).getResult() : value;
}

void GpuLoops::guarded(Value condition, function_ref<void()> body) {
  if (!condition)
    return body();
  auto op = scf::IfOp::create(e.builder, e.loc, condition);
  OpBuilder::InsertionGuard guard(e.builder);
  PullEmitter::Scope scope(e);
  e.builder.setInsertionPointToStart(op.thenBlock());
  body();
}

LogicalResult GpuLoops::emitSerial(int64_t extent) {
  block = kSerialBlock;
  grid = std::max<int64_t>(1, (extent + block - 1) / block);
  Value begin = e.add(e.mul(blockNumber(), e.index(block)), thread());
  LogicalResult done = success();
  guarded(below(begin, extent, grid * block),
          [&] { done = KernelLoops(kernel, e, spaces, outs, begin, e.add(begin, e.index(1))).emit(); });
  return done;
}

//===-- Vectors -------------------------------------------------------------===//

void GpuLoops::Digits::append(const Digits &other) {
  sizes.append(other.sizes);
  names.append(other.names);
  width = other.width;
}

GpuLoops::Digits GpuLoops::digits(int64_t id, int64_t n) {
  auto [it, fresh] = spaces.try_emplace(id);
  if (fresh && n != 1)
    it->second.push_back(n);
  Digits digits;
  if (auto width = plan.widths.find(id); width != plan.widths.end())
    digits.width = width->second;
  for (size_t i = 0, count = it->second.size() - (digits.width > 1); i < count; ++i) {
    digits.sizes.push_back(it->second[i]);
    digits.names.push_back({id, i});
  }
  return digits;
}

Coord GpuLoops::place(const Digits &digits, Value q) {
  Coord at = e.delinearise(q, digits.sizes);
  for (auto [digit, name] : llvm::zip_equal(at, digits.names))
    e.bindLoop(digit, name.first, name.second);
  if (!at.empty())
    e.bindLinear(at, q);
  return at;
}

Coord GpuLoops::lane(const Digits &digits, const Coord &at, int64_t k) {
  Coord position = at;
  if (digits.width > 1)
    position.push_back({e.index(k), digits.width});
  return position;
}

static unsigned bytesOf(Type tensor) {
  return std::max(1u, cast<RankedTensorType>(tensor).getElementType().getIntOrFloatBitWidth() / 8);
}

int64_t GpuLoops::widestVector() {
  bool loops = llvm::any_of(kernel.getBody().front(), [](Operation &op) {
    return isa<ScatterAddOp, ScatterOp, MaxPoolOp, MaxPoolGradOp, AvgPoolOp, AvgPoolGradOp>(op);
  });
  bool map = kernel->getAttrOfType<StringAttr>("llcc.kernel").getValue() == "map";
  if (loops || (map && !reductionsOf(kernel).empty())) // neighbours in one thread would be loops one after the other
    return 1;
  unsigned narrow = 8, wide = 1;
  auto look = [&](Type type) {
    if (cast<RankedTensorType>(type).getNumElements() <= 1)
      return;
    narrow = std::min(narrow, bytesOf(type));
    wide = std::max(wide, bytesOf(type));
  };
  llvm::for_each(kernel.getArgumentTypes(), look);
  llvm::for_each(kernel.getResultTypes(), look);
  return std::max<int64_t>(1, std::min(16 / narrow, 32 / wide));
}

void GpuLoops::choosePlan() {
  int64_t widest = widestVector();
  for (int64_t id : walked) {
    SmallVector<int64_t> &sizes = spaces[id];
    if (sizes.empty() || plan.widths.count(id))
      continue;
    int64_t width = widest;
    while (sizes.back() % width)
      width /= 2;
    if (width == 1)
      continue;
    sizes.back() /= width;
    if (sizes.back() == 1)
      sizes.pop_back();
    sizes.push_back(width);
    plan.widths[id] = width;
  }
  // Reading across pays where results are still written in vectors of 8 bytes, several of them along the last digit.
  if (plan.across >= 0) {
    auto width = plan.widths.find(0);
    if (width == plan.widths.end() || width->second * bytesOf(results[0].getType()) < 8 ||
        plan.across + 2 >= int64_t(spaces[0].size()))
      plan.across = -1;
  }
}

SmallVector<Value> GpuLoops::sweep(const Digits &digits, Team team, bool keep, ValueRange inits, Visit visit) {
  int64_t n = digits.count(), each = (n + team.size - 1) / team.size;
  SmallVector<Value> accs(inits);
  auto numbered = [&](Value base, int64_t offset) { return e.add(base, e.index(offset)); };
  if (draft)
    return visit(place(digits, team.rank), {}, accs);
  if (keep) {
    int64_t first = digits.names.empty() ? -1 : digits.names[0].first;
    auto &share = shares[{first, n, team.size}];
    for (int64_t i = 0; i < each && share.size() < size_t(each); ++i) {
      Value q = numbered(team.rank, i * team.size);
      Value inside = below(q, n, (i + 1) * team.size);
      share.push_back({place(digits, clamped(q, inside, n)), inside});
    }
    for (auto &[at, inside] : share)
      accs = visit(at, inside, accs);
    return accs;
  }
  int64_t unroll = std::min(each, std::max<int64_t>(1, kInFlight / digits.width));
  int64_t stride = team.size * unroll, rounds = n / stride;
  if (rounds > 0)
    accs = e.carry(e.index(0), e.index(rounds * stride), stride, accs, [&](Value start, ValueRange inner) {
      SmallVector<Value> next(inner);
      for (int64_t u = 0; u < unroll; ++u)
        next = visit(place(digits, numbered(e.add(start, team.rank), u * team.size)), {}, next);
      return next;
    });
  for (int64_t from = rounds * stride; from < n; from += team.size) {
    Value q = numbered(team.rank, from);
    Value inside = below(q, n, from + team.size);
    PullEmitter::Scope scope(e);
    accs = visit(place(digits, clamped(q, inside, n)), inside, accs);
  }
  return accs;
}

// A lane's arithmetic may become branches (tanh, …), and only loads that stand in one basic block are joined.
void GpuLoops::loadFirst(function_ref<void()> body) {
  Block *here = e.builder.getInsertionBlock();
  Block::iterator at = e.builder.getInsertionPoint();
  Operation *next = at == here->end() ? nullptr : &*at;
  Operation *before = at == here->begin() ? nullptr : &*std::prev(at);
  body();
  Operation *first = before ? before->getNextNode() : &here->front();
  DenseSet<Operation *> stays;
  Operation *front = nullptr; // the first that stays
  for (Operation *op = first; op != next;) {
    Operation *after = op->getNextNode();
    auto load = dyn_cast<memref::LoadOp>(op);
    bool address = isa<arith::ArithDialect>(op->getDialect()) && op->getNumRegions() == 0 && op->getNumResults() == 1 &&
                   op->getResult(0).getType().isIntOrIndex();
    bool moves = (load && llvm::is_contained(function.getArguments(), load.getMemRef())) || address;
    moves &= llvm::none_of(op->getOperands(), [&](Value x) { return stays.contains(x.getDefiningOp()); });
    if (!moves) {
      stays.insert(op);
      front = front ? front : op;
    } else if (front) {
      op->moveBefore(front);
    }
    op = after;
  }
}

void GpuLoops::storeVector(ArrayRef<int64_t> which, const Digits &digits, const Coord &at, Value inside,
                           function_ref<Coord(const Coord &)> join) {
  SmallVector<std::pair<Coord, SmallVector<Value>>> elements;
  loadFirst([&] {
    for (int64_t k = 0; k < digits.width; ++k) {
      Coord position = join(lane(digits, at, k));
      SmallVector<Value> scalars;
      for (int64_t r : which)
        scalars.push_back(e.pull(results[r], position));
      elements.push_back({position, scalars});
    }
  });
  guarded(inside, [&] {
    for (auto [i, r] : llvm::enumerate(which))
      for (auto &[position, scalars] : elements)
        e.store(scalars[i], outs[r], e.linear(position));
  });
}

//===-- Reductions ----------------------------------------------------------===//

Value GpuLoops::workgroup(Type type, int64_t n) {
  auto space = gpu::AddressSpaceAttr::get(type.getContext(), gpu::AddressSpace::Workgroup);
  return function.addWorkgroupAttribution(MemRefType::get({n}, type, MemRefLayoutAttrInterface{}, space), e.loc);
}

/// The type in which values of `type` are exchanged: shuffles move 32 or 64 bits.
static Type exchangedAs(Type type) {
  return type.getIntOrFloatBitWidth() < 32 ? IntegerType::get(type.getContext(), 32) : type;
}

Value GpuLoops::shuffle(Value value, int64_t offset) {
  Type type = value.getType(), wide = exchangedAs(type);
  OpBuilder &b = e.builder;
  if (wide != type)
    value = arith::ExtUIOp::create(b, e.loc, wide, value);
  Value other = gpu::ShuffleOp::create(b, e.loc, value, e.number(b.getI32Type(), offset), e.number(b.getI32Type(), 32),
                                       gpu::ShuffleMode::XOR)
                    .getShuffleResult();
  return wide == type ? other : arith::TruncIOp::create(b, e.loc, type, other).getResult();
}

// A butterfly: at each step a lane adds its partner's value, and both get the same bits as addition commutes.
SmallVector<Value> GpuLoops::overTeam(ArrayRef<ReduceOp> reduces, ValueRange values, Team team) {
  SmallVector<Value> sums(values);
  auto butterfly = [&](int64_t lanes) {
    for (int64_t offset = lanes / 2; offset > 0; offset /= 2)
      for (auto [sum, reduce] : llvm::zip_equal(sums, reduces))
        sum = e.combine(ReduceOp(reduce).getKind(), sum, shuffle(sum, offset));
  };
  butterfly(std::min<int64_t>(32, team.size));
  if (team.size <= 32)
    return sums;
  int64_t warps = team.size / 32;
  OpBuilder &b = e.builder;
  Value warp = arith::DivUIOp::create(b, e.loc, team.rank, e.index(32));
  Value lane = arith::RemUIOp::create(b, e.loc, team.rank, e.index(32));
  Value leads = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, lane, e.index(0));
  SmallVector<Value> slots;
  for (Value sum : sums)
    slots.push_back(workgroup(exchangedAs(sum.getType()), warps));
  guarded(leads, [&] {
    for (auto [sum, slot] : llvm::zip_equal(sums, slots)) {
      Type wide = exchangedAs(sum.getType());
      Value value = wide == sum.getType() ? sum : arith::ExtUIOp::create(b, e.loc, wide, sum).getResult();
      memref::StoreOp::create(b, e.loc, value, slot, warp);
    }
  });
  gpu::BarrierOp::create(b, e.loc);
  Value mine = arith::RemUIOp::create(b, e.loc, lane, e.index(warps));
  for (auto [sum, slot] : llvm::zip_equal(sums, slots)) {
    Value value = memref::LoadOp::create(b, e.loc, slot, mine);
    Type type = sum.getType();
    sum = value.getType() == type ? value : arith::TruncIOp::create(b, e.loc, type, value).getResult();
  }
  butterfly(warps);
  return sums;
}

void GpuLoops::reduce(ArrayRef<ReduceOp> reduces, const Digits &digits, Team team, bool keep,
                      function_ref<Coord(const Coord &)> join, SmallVector<Value> &sums) {
  SmallVector<Value> neutral;
  for (ReduceOp reduce : reduces)
    neutral.push_back(e.neutral(reduce.getKind(), e.wideOf(reduce.getType().getElementType())));
  SmallVector<Value> accs = sweep(digits, team, keep, neutral, [&](const Coord &at, Value inside, ValueRange before) {
    SmallVector<Value> next(before);
    loadFirst([&] {
      for (int64_t k = 0; k < digits.width; ++k) {
        Coord position = join(lane(digits, at, k));
        for (auto [i, reduce] : llvm::enumerate(reduces)) {
          Value element = e.convert(e.pull(ReduceOp(reduce).getX(), position), neutral[i].getType());
          if (inside)
            element = arith::SelectOp::create(e.builder, e.loc, inside, element, neutral[i]);
          next[i] = e.combine(ReduceOp(reduce).getKind(), next[i], element);
        }
      }
    });
    return next;
  });
  accs = overTeam(reduces, accs, team);
  for (auto [acc, reduce] : llvm::zip_equal(accs, reduces))
    sums.push_back(e.convert(acc, ReduceOp(reduce).getType().getElementType()));
}

//===-- Map -----------------------------------------------------------------===//

LogicalResult GpuLoops::emitMap() {
  for (Value result : results)
    if (shapeOf(result) != shapeOf(results[0]))
      return kernel.emitError() << "map kernel has results of types " << results[0].getType() << " and "
                                << result.getType() << ", needs one shape";
  walked = {0};
  Digits all = digits(0, elementsOf(results[0]));
  block = std::min<int64_t>(kBlock, llvm::PowerOf2Ceil(std::max<int64_t>(32, all.count())));
  grid = std::max<int64_t>(1, (all.count() + block - 1) / block);
  Value q = e.add(e.mul(blockNumber(), e.index(block)), thread());
  auto which = llvm::to_vector(llvm::seq<int64_t>(0, results.size()));
  guarded(below(q, all.count(), grid * block), [&] {
    Coord at = plan.across >= 0 && !draft ? placeInTile(all, q) : place(all, q);
    storeVector(which, all, at, {}, [](const Coord &position) { return position; });
    if (draft)
      findAcross(at);
  });
  return success();
}

//===-- Reading across ------------------------------------------------------===//

// Neighbouring threads have neighbours along the last digit, which is how results lie. What is read along another digit
// (a transpose) would take a sector of 32 bytes of memory for each element. So a warp takes a tile: 32 bytes of
// neighbours along that digit times as many vectors along the last one as there are lanes left, and all sectors are
// used whole. No workgroup memory is needed, and what stands between load and store (padding, other operands) does not
// matter.
Coord GpuLoops::placeInTile(const Digits &digits, Value q) {
  int64_t last = digits.sizes.size() - 1, across = plan.across;
  int64_t deep = std::gcd(digits.sizes[across], 32 / plan.acrossBytes), wide = std::gcd(digits.sizes[last], 32 / deep);
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < last; ++i)
    if (i != across)
      order.push_back(digits.sizes[i]);
  size_t others = order.size();
  order.append({digits.sizes[last] / wide, digits.sizes[across] / deep, wide, deep});
  // Digits of size 1 have no number: those that are there, by place.
  Coord there = e.delinearise(q, order), numbers;
  size_t next = 0;
  for (int64_t size : order)
    numbers.push_back(size == 1 ? Digit{e.index(0), 1} : there[next++]);
  auto joined = [&](size_t high, size_t low, int64_t size) {
    return e.add(e.mul(numbers[high].value, e.index(size)), numbers[low].value);
  };
  Coord at;
  for (int64_t i = 0, other = 0; i <= last; ++i) {
    Value value = i == across ? joined(others + 1, others + 3, deep)
                  : i == last ? joined(others, others + 2, wide)
                              : numbers[other++].value;
    at.push_back({value, digits.sizes[i]});
    e.bindLoop(at.back(), digits.names[i].first, digits.names[i].second);
  }
  return at;
}

/// How far `position` moves when digit number `digit` of `at` counts one up; nothing where that is not a constant.
static std::optional<int64_t> strideOf(Value position, const Coord &at, size_t digit) {
  for (auto [i, other] : llvm::enumerate(at))
    if (other.value == position)
      return i == digit;
  Operation *op = position.getDefiningOp();
  if (!op || isa<arith::ConstantOp>(op))
    return 0;
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
    return strideOf(op->getOperand(0), at, digit);
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return {};
  std::optional<int64_t> a = strideOf(op->getOperand(0), at, digit), b = strideOf(op->getOperand(1), at, digit);
  if (!a || !b)
    return {};
  if (isa<arith::AddIOp>(op))
    return *a + *b;
  if (isa<arith::SubIOp>(op))
    return *a - *b;
  IntegerAttr by;
  if (*a && matchPattern(op->getOperand(1), m_Constant(&by)))
    return *a * by.getInt();
  return *a || *b ? std::nullopt : std::optional<int64_t>(0);
}

void GpuLoops::findAcross(const Coord &at) {
  int64_t n = elementsOf(results[0]), along = 0;
  std::map<int64_t, int64_t> votes; // digit → bytes that are read along it
  int64_t bytes = 0;
  function.walk([&](memref::LoadOp load) {
    auto type = cast<MemRefType>(load.getMemRef().getType());
    if (!llvm::is_contained(function.getArguments(), load.getMemRef()) || type.getNumElements() * 8 < n)
      return;
    int64_t width = std::max(1u, type.getElementTypeBitWidth() / 8);
    for (size_t i = 0; i < at.size(); ++i)
      if (strideOf(load.getIndices()[0], at, i) == 1) {
        (i + 1 == at.size() ? along : votes[i]) += width * type.getNumElements();
        bytes = i + 1 == at.size() ? bytes : std::max(bytes, width);
        return;
      }
  });
  plan.across = -1;
  for (auto &[digit, weight] : votes)
    if (weight * 8 > along && at[digit].size >= 4 && (plan.across < 0 || weight > votes[plan.across]))
      plan.across = digit;
  plan.acrossBytes = std::max<int64_t>(1, bytes);
}
