// BatchNormalization: by running statistics in inference, by those of the batch in training, which move the running
// ones.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
namespace {

/// One BatchNormalization node while it is read. Numbers of a channel are of the type in which statistics are computed:
/// the widest among the inputs.
struct BatchNorm {
  Binder &b;
  double epsilon, momentum;
  Value x, scale, bias, mean, variance;
  Shape shape;
  Shape dims; ///< all but the channels
  int64_t count = 1;

  template <typename Op> Value create(Value l, Value r) { return Op::create(b.builder, b.loc, l, r); }
  Value perChannel(Value v) { return broadcast(b, v, shape, {1}); }
  Value times(Value v, double number) { return create<arith::MulFOp>(v, splatLike(b, v, number)); }

  /// (x - mean) / sqrt(var + epsilon) * scale + bias. Per channel first: only one product and one sum touch all of x.
  Value byRunning() {
    Value shifted = create<arith::AddFOp>(variance, splatLike(b, variance, epsilon));
    Value factor = create<arith::DivFOp>(scale, math::SqrtOp::create(b.builder, b.loc, shifted));
    Value offset = create<arith::SubFOp>(bias, create<arith::MulFOp>(mean, factor));
    return create<arith::AddFOp>(create<arith::MulFOp>(x, perChannel(factor)), perChannel(offset));
  }
  Value byBatch() {
    Value normal = StandardizeOp::create(b.builder, b.loc, x.getType(), x, b.builder.getDenseI64ArrayAttr(dims),
                                         b.builder.getF64FloatAttr(epsilon));
    return create<arith::AddFOp>(create<arith::MulFOp>(normal, perChannel(scale)), perChannel(bias));
  }
  /// Mean over the batch, and the population's variance. The same ops that llcc.standardize becomes, so they are
  /// shared.
  std::pair<Value, Value> statistics() {
    auto average = [&](Value v) {
      return times(reduce(b, v, ReduceKind::Sum, dims, /*keep=*/false), 1.0 / double(count));
    };
    Value batchMean = average(x);
    Value centred = create<arith::SubFOp>(x, perChannel(batchMean));
    return {batchMean, average(create<arith::MulFOp>(centred, centred))};
  }
  Value moved(Value running, Value batch) {
    return create<arith::AddFOp>(times(running, momentum), times(batch, 1 - momentum));
  }
};

Value widened(Binder &b, Value v, Type wide) {
  return typeOf(v).getElementType() == wide ? v
                                            : Value(arith::ExtFOp::create(b.builder, b.loc, typeOf(v).clone(wide), v));
}
Value narrowed(Binder &b, Value v, Type type) {
  return typeOf(v).getElementType() == type
             ? v
             : Value(arith::TruncFOp::create(b.builder, b.loc, typeOf(v).clone(type), v));
}

/// As the file says: training form computes all its outputs.
LogicalResult asWritten(BatchNorm &n, bool training, Type type) {
  Binder &b = n.b;
  b.result(narrowed(b, training ? n.byBatch() : n.byRunning(), type));
  if (!training)
    return success();
  auto [mean, variance] = n.statistics();
  Value results[] = {n.moved(n.mean, mean), n.moved(n.variance, variance), mean, variance};
  for (unsigned i = 0; i < 4; ++i) {
    Type own = b.inputType(i % 2 ? 4 : 3).first; // of the running statistics
    b.result(narrowed(b, results[i], own), i + 1);
  }
  return success();
}

LogicalResult importBatchNorm(Binder &b) {
  BatchNorm n{b, b.attrFloat("epsilon", double(1e-5f)), b.attrFloat("momentum", double(0.9f))};
  bool training = isTrainingForm(b.node, b.opset);
  bool perElement = b.opset < 9 && b.attrInt("spatial", 1) == 0;
  if (b.opset >= 14)
    b.ignoreAttr("training_mode");
  n.x = b.floatInput(0, "X");
  if (!n.x)
    return failure();
  n.shape = Shape(shapeOf(n.x));
  Type type = typeOf(n.x).getElementType(), wide = type;
  if (n.shape.size() < 2)
    return b.bad("X is " + showShape(n.shape) + ", it must be N x C x spatial dimensions");
  if (perElement && n.shape.size() > 2)
    return b.unsupported("spatial is 0, statistics of each place are not supported; export with opset 9 or newer");
  Value *channel[4] = {&n.scale, &n.bias, &n.mean, &n.variance}; // [C]
  for (unsigned i = 0; i < 4; ++i) {
    StringRef name = ArrayRef<StringRef>{"scale", "B", "input_mean", "input_var"}[i];
    Value v = *channel[i] = b.floatInput(i + 1, name);
    if (!v)
      return failure();
    Type own = typeOf(v).getElementType();
    if (rankOf(v) != 1 || shapeOf(v)[0] != n.shape[1] || (b.opset < 14 && own != type))
      return b.bad("X is " + showShape(n.shape) + ", " + name + " is " + showShape(shapeOf(v)) +
                   "; it must hold a number of X's type for each channel");
    if (own.getIntOrFloatBitWidth() > wide.getIntOrFloatBitWidth())
      wide = own;
  }
  Value running[2] = {n.mean, n.variance};
  for (Value *v : {&n.x, &n.scale, &n.bias, &n.mean, &n.variance})
    *v = widened(b, *v, wide);
  for (int64_t i = 0; i < int64_t(n.shape.size()); ++i)
    if (i != 1) {
      n.dims.push_back(i);
      n.count *= n.shape[i];
    }

  if (b.options().asWritten)
    return asWritten(n, training, type);
  for (unsigned i = 1; i < 5; ++i) // who reads what training form returns reads the running statistics
    if (b.outputUsed(i))
      b.forward(i % 2 ? 3 : 4, i);
  Value inference = narrowed(b, n.byRunning(), type);
  if (!tracksStatistics(b.node, b.opset, b.options())) {
    b.result(inference);
    return success();
  }
  if (n.count < 2 && n.shape[1] > 0)
    return b.bad("each channel has " + Twine(n.count) +
                 " values in a microbatch, from which no variance can be told; use a larger --batch, fewer "
                 "--microbatches, or --batchnorm=frozen");
  Value y = narrowed(b, n.byBatch(), type);
  auto [mean, variance] = n.statistics();
  if (b.options().unbiasedVariance)
    variance = n.times(variance, double(n.count) / double(n.count - 1));
  Value batch[2] = {mean, variance};
  for (unsigned i = 0; i < 2; ++i) {
    if (!isa<BlockArgument>(running[i]) || !b.isTracked(i + 3)) {
      b.warn(StringRef(i ? "input_var" : "input_mean") +
             " is no initializer of the model, so it keeps its value: inference will not see what training saw");
      continue;
    }
    y = TrackOp::create(b.builder, b.loc, y.getType(), y, running[i],
                        narrowed(b, batch[i], typeOf(running[i]).getElementType()),
                        b.builder.getF64FloatAttr(n.momentum));
  }
  b.result(ByModeOp::create(b.builder, b.loc, y.getType(), y, inference));
  return success();
}
} // namespace

void addBatchNormOps(OpTable &t) {
  t.onOp("BatchNormalization", 7, importBatchNorm,
         {Role::Elementwise, Role::Weight, Role::Weight, Role::Data, Role::Data});
}

} // namespace mlir::llcc::frontend
