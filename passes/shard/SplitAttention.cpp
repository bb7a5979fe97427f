// Attention over gathered keys and values ⇒ blocks of them that travel around a ring.
//
//   %K = llcc.all_gather %k dim 2 size 32 over ["context"]      %V likewise
//   %s = llcc.dot %q, %K …   %p = softmax(%s)   %o = llcc.dot %p, %V …
//     ⇒ %s0 = llcc.dot %q, %k …                    own keys: [16 x 16] of the scores, not [16 x 32]
//        %k1, %v1 = llcc.ring_shift %k, %v over ["context"]
//        %s1 = llcc.dot %q, %k1 …                   those of the member before this one, …
//        maximum, sum and output so far, scaled to each new maximum
//
// After Ring Attention (Liu et al. 2023) and FlashAttention-2 (Dao 2023, algorithms 1 and 2). In round r member c has
// block (c - r) mod N. With m the maximum so far, l the sum and a the output, each round with scores s does
//   m' = max(m, max s),  l = l * exp(m - m') + sum exp(s - m'),  a = a * exp(m - m') + f(exp(s - m'))·V,
// and o = a / l at the end: f multiplies elements by what does not depend on p. The backward pass has m and l, so each
// block's p is there at once; keys and values go around again, and with them the sums of their gradients, which are
// home after N shifts. D = sum p*dp is a sum over features, of do * o.
//
// Nothing of s x s is kept between the passes: a block's scores live for a round, [s/N x s/N]. Copies of forward ops in
// the backward pass carry llcc.recomputed, so that nothing makes them one with the forward pass again. All of an
// attention has the location of its product with the values, so that no pipeline stage ends within it.
//
// It stands behind llcc-convert-to-spmd, as a block on its way round has no placement. Where the attention is of
// another form it stays as it was, keys and values gathered; `explain` says why.
#include "compiler/ir/Provenance.h"
#include "compiler/ir/Ring.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Placement.h"
#include "passes/shard/RingMatch.h"
#include "passes/shard/Seeds.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITATTENTIONPASS
#include "passes/shard/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Writes one attention as a ring.
class RingEmitter {
public:
  RingEmitter(RingAttention &a, OpBuilder &b) : a(a), b(b), loc(a.output.getLoc()) {
    for (auto &[whole, piece] : a.gathers)
      wholes.push_back(whole);
  }

  /// The op at which no ring is possible, null where it is made.
  Operation *run() {
    if (failed(forward()) || (hasBackward() && failed(backward())))
      return stuck;
    return nullptr;
  }
  /// Values that the ring takes the place of, and what they are now.
  SmallVector<std::pair<Value, Value>> replaced;

private:
  RingAttention &a;
  OpBuilder &b;
  Location loc;
  SmallVector<Value> wholes; ///< what is gathered
  Operation *stuck = nullptr;

  bool hasBackward() const { return a.inner || !a.scatters.empty() || !a.queryGradients.empty(); }

  template <typename Op, typename... Args> Value make(Args &&...args) {
    return Op::create(b, loc, std::forward<Args>(args)...);
  }
  Value constant(RankedTensorType type, const APFloat &value) {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, value));
  }
  Value widen(Value x, Type element) {
    auto type = typeOf(x).clone(element);
    if (type == x.getType())
      return x;
    bool wider = element.getIntOrFloatBitWidth() > typeOf(x).getElementTypeBitWidth();
    return wider ? make<arith::ExtFOp>(type, x) : make<arith::TruncFOp>(type, x);
  }

  /// The member's own pieces, zeros in their padding.
  SmallVector<Value> ownPieces() {
    SmallVector<Value> pieces;
    for (Value whole : wholes) {
      auto [piece, dim] = a.gathers[whole];
      if (a.ring.uneven() && isa<FloatType>(typeOf(piece).getElementType()))
        piece = make<MaskOp>(piece.getType(), piece, b.getI64IntegerAttr(dim), b.getI64IntegerAttr(a.ring.extent),
                             a.ring.axes, b.getF64FloatAttr(0));
      pieces.push_back(piece);
    }
    return pieces;
  }
  SmallVector<Value> shift(ArrayRef<Value> pieces, bool again) {
    auto op = RingShiftOp::create(b, loc, ValueRange(pieces).getTypes(), pieces, a.ring.axes);
    if (again) // what the backward pass sends is not what the forward pass has received: that would be kept
      op->setAttr(kFetchAttr, b.getI64IntegerAttr(1));
    return SmallVector<Value>(op.getResults());
  }

  /// A round's tiles: pieces where they are now, and the scores without padding.
  FailureOr<Value> begin(Tile &tile, ArrayRef<Value> pieces) {
    for (auto [whole, piece] : llvm::zip(wholes, pieces))
      tile.set(whole, piece);
    int64_t dim = a.max.getDims()[0];
    FailureOr<Value> scores = tile.of(a.scores, dim);
    if (failed(scores))
      return stuck = tile.stuck, failure();
    if (a.ring.uneven()) {
      RankedTensorType type = typeOf(*scores);
      auto &semantics = cast<FloatType>(type.getElementType()).getFloatSemantics();
      Value there = make<BroadcastOp>(type.clone(b.getI1Type()), tile.valid(), b.getDenseI64ArrayAttr({dim}));
      scores = make<arith::SelectOp>(there, *scores, constant(type, APFloat::getInf(semantics, /*Negative=*/true)));
      tile.set(a.scores, *scores);
    }
    return scores;
  }

  /// A row's number (shape of m) for each element of the output.
  Value alongOutput(Value row) {
    ShardingRule rule = getShardingRule(a.output);
    unsigned side = a.output->getOperand(0) == a.dropped ? 0 : 1;
    int64_t keys = a.dims[a.dropped];
    SmallVector<int64_t> dims, rowDims;
    for (auto [dim, factor] : llvm::enumerate(rule.operands[side]))
      if (int64_t(dim) != keys)
        dims.push_back(llvm::find(rule.results[0], factor) - rule.results[0].begin());
    row = ascending(row, dims);
    return make<BroadcastOp>(a.output.getType().clone(typeOf(row).getElementType()), row, b.getDenseI64ArrayAttr(dims));
  }
  /// `x` with its dimensions in the order of where they go.
  Value ascending(Value x, SmallVectorImpl<int64_t> &dims) {
    SmallVector<int64_t> perm(dims.size()), shape;
    for (size_t i = 0; i < perm.size(); ++i)
      perm[i] = i;
    llvm::sort(perm, [&](int64_t i, int64_t j) { return dims[i] < dims[j]; });
    if (llvm::is_sorted(perm))
      return x;
    for (int64_t i : perm)
      shape.push_back(typeOf(x).getDimSize(i));
    llvm::sort(dims);
    return make<TransposeOp>(typeOf(x).clone(shape), x, b.getDenseI64ArrayAttr(perm));
  }

  LogicalResult forward() {
    b.setInsertionPoint(a.output);
    auto rows = a.max.getType();
    auto keys = b.getDenseI64ArrayAttr(a.max.getDims());
    auto &semantics = cast<FloatType>(rows.getElementType()).getFloatSemantics();
    SmallVector<int64_t> outputDims = {a.dims.lookup(a.output.getLhs()), a.dims.lookup(a.output.getRhs())};
    SmallVector<Value> pieces = ownPieces();
    Value m, l, sum; // sum: of outputs, in the type of l
    for (int64_t round = 0; round < a.ring.members; ++round) {
      if (round)
        pieces = shift(pieces, /*again=*/false);
      Tile tile(b, loc, a.ring, round, a.tiled, /*again=*/false);
      FailureOr<Value> scores = begin(tile, pieces);
      if (failed(scores))
        return failure();
      Value top = make<ReduceOp>(rows, *scores, a.max.getKind(), keys);
      // Never -inf, as exp(-inf - -inf) is no number where a later block has some.
      Value least = m ? m : constant(rows, APFloat::getLargest(semantics, /*Negative=*/true));
      Value higher = make<arith::MaximumFOp>(top, least);
      tile.replace(a.max.getResult(), higher);
      FailureOr<Value> exps = tile.of(a.weights.getLhs(), a.dims[a.weights.getLhs()]);
      if (failed(exps))
        return stuck = tile.stuck, failure();
      Value part = make<ReduceOp>(rows, *exps, a.sum.getKind(), keys);
      tile.set(a.weights.getResult(), *exps);
      FailureOr<Value> product = tile.part(a.output, outputDims);
      if (failed(product))
        return stuck = tile.stuck, failure();
      Value output = widen(*product, rows.getElementType());
      if (m) {
        Value scale = make<math::ExpOp>(make<arith::SubFOp>(m, higher));
        l = make<arith::AddFOp>(make<arith::MulFOp>(l, scale), part);
        sum = make<arith::AddFOp>(make<arith::MulFOp>(sum, alongOutput(scale)), output);
      } else {
        l = part;
        sum = output;
      }
      m = higher;
    }
    Value output = make<arith::DivFOp>(sum, alongOutput(l));
    // Rows without any key: p is NaN and what guards it in f gives zero.
    if (a.guarded) {
      Value zero = constant(typeOf(output), APFloat::getZero(semantics));
      Value empty = make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, alongOutput(l), zero);
      output = make<arith::SelectOp>(empty, zero, output);
    }
    replaced.push_back({a.output.getResult(), widen(output, typeOf(a.output).getElementType())});
    replaced.push_back({a.max.getResult(), m});
    replaced.push_back({a.sum.getResult(), l});
    return success();
  }

  /// D, of the shape of `inner`: sum over features of do * o.
  Value innerProduct(Value output) {
    ShardingRule outputRule = getShardingRule(a.output), slopeRule = getShardingRule(a.cotangent);
    unsigned weightSide = a.output->getOperand(0) == a.dropped ? 0 : 1,
             slopeSide = a.cotangent->getOperand(0) == a.slope ? 0 : 1;
    auto at = [](ArrayRef<int> factors, int factor) { return llvm::find(factors, factor) - factors.begin(); };
    SmallVector<int> &ofValues = outputRule.operands[1 - weightSide], &ofWeights = outputRule.operands[weightSide];
    // Where each dimension of `do` is in `o`: those it shares with the values, and rows through the weights' shape.
    SmallVector<int64_t> to;
    for (int factor : slopeRule.operands[slopeSide]) {
      int64_t shared = at(slopeRule.operands[1 - slopeSide], factor);
      bool isShared = shared < int64_t(slopeRule.operands[1 - slopeSide].size());
      int own = isShared ? ofValues[shared] : ofWeights[at(slopeRule.results[0], factor)];
      to.push_back(at(outputRule.results[0], own));
    }
    Type element = a.inner.getType().getElementType();
    Value slope = ascending(a.slope, to);
    Value product = make<arith::MulFOp>(widen(slope, element), widen(output, element));
    SmallVector<int64_t> features, rows; // rows: where those that stay are in `inner`
    int64_t keys = a.dims[a.inner.getX()];
    for (auto [dim, factor] : llvm::enumerate(outputRule.results[0])) {
      int64_t weight = at(ofWeights, factor);
      if (weight == int64_t(ofWeights.size()))
        features.push_back(dim);
      else
        rows.push_back(weight > keys ? weight - 1 : weight);
    }
    SmallVector<int64_t> shape;
    for (auto [dim, size] : llvm::enumerate(typeOf(product).getShape()))
      if (!llvm::is_contained(features, int64_t(dim)))
        shape.push_back(size);
    Value sum = make<ReduceOp>(typeOf(product).clone(shape), product, ReduceKind::Sum, features);
    return ascending(sum, rows);
  }

  /// Where all that the backward pass of the attention reads is there, and nothing of what it makes is read yet.
  Operation *placeOfBackward() {
    Operation *first = nullptr;
    auto take = [&](Operation *op) { first = !first || op->isBeforeInBlock(first) ? op : first; };
    if (a.inner)
      take(a.inner);
    for (DotOp dot : a.queryGradients)
      take(dot);
    for (auto &scatter : a.scatters)
      take(scatter.result.getOwner());
    llvm::SetVector<Operation *> hoisted; // what stands too late, operands first
    std::function<bool(Operation *)> early = [&](Operation *op) {
      for (Value operand : op->getOperands()) {
        Operation *def = operand.getDefiningOp();
        if (!def || a.tiled.contains(def) || def == a.inner || def->isBeforeInBlock(first))
          continue;
        if (hoisted.contains(def))
          continue;
        bool costs = isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp>(def);
        if (costs || !isPure(def) || llvm::any_of(def->getOperands(), [&](Value x) { return a.dims.count(x); }))
          return stuck = op, false;
        if (!early(def))
          return false;
        if (!a.inner || !llvm::is_contained(def->getOperands(), a.inner.getResult())) // else made anew
          hoisted.insert(def);                                                        // a mask, a view
      }
      return true;
    };
    for (Operation *op : a.tiled)
      if (!early(op))
        return nullptr;
    for (DotOp dot : a.queryGradients)
      if (!early(dot))
        return nullptr;
    for (Operation *op : hoisted)
      op->moveBefore(first);
    return first;
  }

  LogicalResult backward() {
    Operation *place = placeOfBackward();
    if (!place)
      return failure();
    b.setInsertionPoint(place);
    loc = gradLoc(loc);
    Value output = replaced[0].second, inner;
    if (a.inner)
      replaced.push_back({a.inner.getResult(), inner = innerProduct(output)});
    SmallVector<Value> pieces = ownPieces(), queries(a.queryGradients.size()), sums;
    for (int64_t round = 0; round < a.ring.members; ++round) {
      if (round)
        pieces = shift(pieces, /*again=*/true);
      if (round && !sums.empty())
        sums = shift(sums, /*again=*/true);
      Tile tile(b, loc, a.ring, round, a.tiled, /*again=*/true);
      for (auto &[value, now] : replaced)
        tile.replace(value, now);
      if (failed(begin(tile, pieces)))
        return failure();
      for (auto [i, dot] : llvm::enumerate(a.queryGradients)) {
        FailureOr<Value> part = tile.part(dot, {a.dims.lookup(dot.getLhs()), a.dims.lookup(dot.getRhs())});
        if (failed(part))
          return stuck = tile.stuck, failure();
        queries[i] = round ? make<arith::AddFOp>(queries[i], *part) : *part;
      }
      for (auto [i, scatter] : llvm::enumerate(a.scatters)) {
        FailureOr<Value> part = tile.of(scatter.operand, scatter.dim);
        if (failed(part))
          return stuck = tile.stuck, failure();
        if (round)
          sums[i] = make<arith::AddFOp>(sums[i], *part);
        else
          sums.push_back(*part);
      }
    }
    if (!sums.empty())
      sums = shift(sums, /*again=*/true); // home
    for (auto [dot, sum] : llvm::zip(a.queryGradients, queries))
      replaced.push_back({dot.getResult(), sum});
    for (auto [scatter, sum] : llvm::zip(a.scatters, sums))
      replaced.push_back({scatter.result, sum});
    return success();
  }
};

struct SplitAttentionPass : impl::SplitAttentionPassBase<SplitAttentionPass> {
  using SplitAttentionPassBase::SplitAttentionPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
    auto func = module.lookupSymbol<func::FuncOp>("gradients");
    if (!mesh || !func || mesh.getSize(kContextAxis) < 2 || sumsWhole(func))
      return;
    SmallVector<ReduceOp> maxima;
    for (auto reduce : func.getOps<ReduceOp>())
      maxima.push_back(reduce);
    DenseSet<Operation *> dead;
    for (ReduceOp max : maxima) {
      if (dead.contains(max))
        continue;
      std::string why;
      FailureOr<RingAttention> attention = matchRing(max, mesh, why);
      if (failed(attention)) {
        if (explain && !why.empty())
          mlir::emitRemark(max.getLoc()) << describeOp(max)
                                         << ": attention keeps its keys gathered over 'context': " << why;
        continue;
      }
      split(*attention, dead);
    }
    removeDead(func);
  }

  void split(RingAttention &attention, DenseSet<Operation *> &dead) {
    OpBuilder b(&getContext());
    RingEmitter emitter(attention, b);
    if (Operation *stuck = emitter.run()) { // what is made is dead
      if (explain)
        mlir::emitRemark(attention.max.getLoc())
            << describeOp(attention.max) << ": attention keeps its keys gathered over 'context': " << describeOp(stuck)
            << " has no form for a block of keys";
      return;
    }
    if (explain)
      mlir::emitRemark(attention.max.getLoc())
          << describeOp(attention.max) << ": attention runs in a ring of " << attention.ring.members << ", "
          << attention.ring.block() << " of " << attention.ring.extent << " keys a round";
    for (auto &[value, now] : emitter.replaced)
      value.replaceAllUsesWith(now);
    for (Operation *op : attention.tiled)
      dead.insert(op);
    dead.insert(attention.max);
    dead.insert(attention.sum);
  }

  /// Erases what nothing reads, and takes unread tensors out of buckets.
  void removeDead(func::FuncOp func) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front()))) {
      if (op.hasTrait<OpTrait::IsTerminator>() || isa<CaptureOp>(op))
        continue;
      if (op.use_empty()) {
        if (isPure(&op))
          op.erase();
        continue;
      }
      if (auto gather = dyn_cast<AllGatherOp>(op))
        shrink(gather);
      else if (auto scatter = dyn_cast<ReduceScatterOp>(op))
        shrink(scatter);
    }
  }
  template <typename Op> void shrink(Op op) {
    SmallVector<Value> xs;
    SmallVector<Type> types;
    SmallVector<int64_t> dims, sizes;
    SmallVector<Value> read;
    for (auto [i, result] : llvm::enumerate(op.getResults())) {
      if (result.use_empty())
        continue;
      xs.push_back(op.getXs()[i]);
      types.push_back(result.getType());
      dims.push_back(op.getDims()[i]);
      if constexpr (std::is_same_v<Op, AllGatherOp>)
        sizes.push_back(op.getSizes()[i]);
      read.push_back(result);
    }
    if (xs.size() == op.getXs().size())
      return;
    OpBuilder b(op);
    Operation *made;
    if constexpr (std::is_same_v<Op, AllGatherOp>)
      made = AllGatherOp::create(b, op.getLoc(), types, xs, b.getDenseI64ArrayAttr(dims), b.getDenseI64ArrayAttr(sizes),
                                 op.getAxes());
    else
      made = ReduceScatterOp::create(b, op.getLoc(), types, xs, op.getKindAttr(), b.getDenseI64ArrayAttr(dims),
                                     op.getAxes());
    for (NamedAttribute attr : op->getDiscardableAttrs())
      made->setAttr(attr.getName(), attr.getValue());
    for (auto [old, now] : llvm::zip(read, made->getResults()))
      old.replaceAllUsesWith(now);
    op.erase();
  }
};
} // namespace
} // namespace mlir::llcc
