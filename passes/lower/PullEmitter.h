// The value of a tensor at one position, as scalar code: pulled recursively from what computes it.
//
// A position is a row-major number written in mixed radix: a list of digits, most significant first. An op asks for the
// digits of the dimensions it tells apart (a transpose for those it moves, a broadcast for those it drops); everything
// else stays joined. So elementwise work and reshapes need no index arithmetic at all, and an access that covers a
// whole tensor is linear. Where an op must cut a digit that a loop counts, the emitter notes it (`cuts`): the caller
// splits that loop in two and emits again, until no division is left that a loop could have spared.
#ifndef LLCC_PASSES_LOWER_PULLEMITTER_H
#define LLCC_PASSES_LOWER_PULLEMITTER_H

#include "compiler/ir/LLCC.h"
#include "mlir/IR/Builders.h"
#include <map>

namespace mlir::llcc {

/// One digit of a position: value in [0, size). Digits of size 1 are left out.
struct Digit {
  Value value;
  int64_t size;
};
using Coord = SmallVector<Digit, 4>;

/// What scatter and scatter_add have in common. Sizes: of the batch, before, along and behind the axis of the data; of
/// the indices of one batch.
struct Scatter {
  explicit Scatter(ScatterAddOp op);
  explicit Scatter(ScatterOp op);
  Value data; ///< null: zeros
  Value updates, indices;
  std::optional<ReduceKind> kind; ///< none: the last update stays
  bool drops;                     ///< updates that are out of range; else clamped
  int64_t batch, before, rows, behind, count;
};

/// Emits scalar code for tensor values. Independent of how positions are mapped to loops or threads.
class PullEmitter {
public:
  /// A request to split digit `position` of loop space `space` so that its lower part counts to `inner`.
  struct Cut {
    int64_t inner;
  };
  /// Emits one step of a loop nest: from induction values and accumulators to the next accumulators.
  using Body = function_ref<SmallVector<Value>(ArrayRef<Value> ivs, ValueRange accs)>;

  /// `builder` stands where code goes; constants go to the start of `entry`. `coords` (memref<Axi64>) holds the
  /// device's coordinates on `mesh` (may be null). `constantBuffer` gives the flat buffer of a constant that is no
  /// splat.
  PullEmitter(OpBuilder &builder, Block *entry, Value coords, MeshAttr mesh,
              std::function<Value(DenseElementsAttr)> constantBuffer);

  /// `tensor` lies in flat `memref`.
  void bindBuffer(Value tensor, Value memref) { buffers[tensor] = memref; }
  /// In the current scope `tensor` has value `scalar` at `at`.
  void bindValue(Value tensor, const Coord &at, Value scalar) { remember(tensor, at, scalar); }
  /// In the current scope the row-major number of `at` is `value`.
  void bindLinear(const Coord &at, Value value) { remember(Value(), at, value); }
  /// `digit` is digit `position` of loop space `space`.
  void bindLoop(const Digit &digit, int64_t space, int64_t position) {
    loops[digit.value] = {digit.size, {space, position}};
  }
  /// Cuts asked for so far, by (space, position).
  const std::map<std::pair<int64_t, int64_t>, Cut> &getCuts() const { return cuts; }

  /// Positions are divided in 32 bits where they fit: 64-bit division is a long subroutine on GPUs.
  void divideNarrow() { narrow = true; }

  /// What is remembered while a Scope lives is forgotten at its end: one for each loop body and branch.
  struct Scope {
    explicit Scope(PullEmitter &emitter) : emitter(emitter), mark(emitter.undo.size()) {}
    ~Scope();
    PullEmitter &emitter;
    size_t mark;
  };

  /// The element of `tensor` at `at`. Unsupported ops are reported at the op and set failed().
  Value pull(Value tensor, const Coord &at);
  bool failed() const { return error; }

  /// Cuts `at` into groups with the given element counts (their product is the product of the digits).
  SmallVector<Coord> split(const Coord &at, ArrayRef<int64_t> sizes);
  /// Row-major number of `at`.
  Value linear(const Coord &at);
  /// The digits of row-major number `value` for digit sizes `sizes`.
  Coord delinearise(Value value, ArrayRef<int64_t> sizes);

  /// Combines two scalars. Float sums and products may be reassociated, so that they vectorise.
  Value combine(ReduceKind kind, Value a, Value b);
  Value neutral(ReduceKind kind, Type type);
  /// The type in which elements of `type` are summed: f32 for bf16 and f16; f64 for all of them where sumsInOrder.
  Type wideOf(Type type) const;
  /// True where every strategy is to give the same bits (llcc.deterministic): sums run in the order of elements,
  /// whatever stands in the kernel beside them.
  bool sumsInOrder() const;
  /// `value` as `type`, between a float type and its wide type.
  Value convert(Value value, Type type);
  /// for (iv = from; iv < to; iv += step), which carries accumulators; the body has its own scope.
  SmallVector<Value> carry(Value from, Value to, int64_t step, ValueRange inits,
                           function_ref<SmallVector<Value>(Value iv, ValueRange accs)> body);
  /// scf.for nest over `sizes` that carries accumulators; returns their last values.
  SmallVector<Value> nest(ArrayRef<int64_t> sizes, ValueRange inits, Body body);
  /// scf.if that yields a scalar, each branch in its own scope.
  Value branch(Value condition, function_ref<Value()> then, function_ref<Value()> otherwise);

  Value index(int64_t value);
  /// `value` as a scalar constant of float or integer `type`.
  Value number(Type type, double value);
  Value constant(TypedAttr attr);
  /// Loads element `position` of a flat buffer as `type` (i1 is stored as i8).
  Value load(Value memref, Value position, Type type);
  void store(Value scalar, Value memref, Value position);

  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value both(Value a, Value b);
  /// 0 <= value < size, for an index that may be negative.
  Value within(Value value, int64_t size);

  OpBuilder &builder;
  Location loc;

private:
  friend struct Scope;
  using Key = std::pair<void *, std::vector<std::pair<void *, int64_t>>>;
  static Key keyOf(Value tensor, const Coord &at);
  void remember(Value tensor, const Coord &at, Value value);
  std::pair<Value, Value> divide(Digit digit, int64_t inner);
  /// Quotient and remainder of `value` in [0, size).
  std::pair<Value, Value> divided(Value value, int64_t size, int64_t by);
  /// Coordinate of this device on `axis` (index).
  Value deviceCoord(StringRef axis);

  Value emit(Operation *op, Value result, const Coord &at);
  Value emitElementwise(Operation *op, Value result, const Coord &at);
  Value emitBroadcast(BroadcastOp op, const Coord &at);
  Value emitTranspose(TransposeOp op, const Coord &at);
  Value emitSlice(SliceOp op, const Coord &at);
  Value emitPad(PadOp op, const Coord &at);
  Value emitConcat(ConcatOp op, const Coord &at);
  Value emitIota(IotaOp op, const Coord &at);
  Value emitRandomBits(RandomBitsOp op, const Coord &at);
  Value emitReduce(ReduceOp op, const Coord &at);
  Value emitGather(GatherOp op, const Coord &at);
  Value emitScatter(const Scatter &scatter, const Coord &at);
  Value emitReverse(ReverseOp op, const Coord &at);
  Value emitMaxPool(MaxPoolOp op, const Coord &at);
  Value emitMaxPoolGrad(MaxPoolGradOp op, const Coord &at);
  Value emitAvgPool(AvgPoolOp op, const Coord &at);
  Value emitAvgPoolGrad(AvgPoolGradOp op, const Coord &at);
  Value emitAxisSlice(AxisSliceOp op, const Coord &at);
  Value emitMask(MaskOp op, const Coord &at);
  Value emitAxisOffset(AxisOffsetOp op);

public:
  /// The table row that `indices` names at `at`: negative ones count from the end, then clamped into [0, rows).
  /// `inside`: where given, set to whether nothing was clamped.
  Value row(Value indices, const Coord &at, int64_t rows, Value *inside = nullptr);
  /// What stands at a place after `update` is put where `old` was; `inside`: whether it names a place at all.
  Value put(const Scatter &scatter, Value inside, Value old, Value update);

private:
  Block *entry;
  Value coords;
  MeshAttr mesh;
  std::function<Value(DenseElementsAttr)> constantBuffer;
  DenseMap<Value, Value> buffers;
  DenseMap<Value, std::pair<int64_t, std::pair<int64_t, int64_t>>> loops; // size, (space, position)
  DenseMap<Attribute, Value> constants;
  llvm::StringMap<Value> deviceCoords;
  std::map<std::pair<int64_t, int64_t>, Cut> cuts;
  std::map<Key, Value> memo;
  std::vector<Key> undo;
  bool error = false, narrow = false;
};

/// Elements of a tensor; 1 for rank 0.
inline int64_t elementsOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getNumElements(); }
inline ArrayRef<int64_t> shapeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }
inline int64_t product(ArrayRef<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t size : sizes)
    n *= size;
  return n;
}

} // namespace mlir::llcc

#endif
