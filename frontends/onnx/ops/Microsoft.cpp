// Fused operators of com.microsoft that ONNX Runtime's optimizer writes into shipped models, taken apart again.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

constexpr StringLiteral kMicrosoft = "com.microsoft";

/// gelu(x + bias); the bias may be absent.
template <bool Tanh> static LogicalResult importBiasGelu(Binder &b) {
  Value x = b.floatInput(0, "A"), bias = b.optionalFloatInput(1, "B");
  if (!x || b.failed())
    return failure();
  Arithmetic a(b);
  if (bias) {
    std::optional<Shape> shape = broadcastShapes(shapeOf(bias), shapeOf(x));
    if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(x) ||
        typeOf(bias).getElementType() != typeOf(x).getElementType())
      return b.bad("A is " + showShape(shapeOf(x)) + ", B is " + showShape(shapeOf(bias)) +
                   ", it must be of A's type and broadcast to A");
    x = a.add(x, bias);
  }
  b.result(GeluOp::create(b.builder, b.loc, x.getType(), x, Tanh));
  return success();
}

/// The sum of input, skip and bias, normalised over its last dimension: by mean and deviation with gamma and beta, or by
/// the root of its mean square with gamma alone.
template <bool Rms> static LogicalResult importSkipNorm(Binder &b) {
  double epsilon = b.attrFloat("epsilon", double(1e-12f));
  constexpr unsigned kBias = Rms ? 3 : 4;
  Value x = b.floatInput(0, "input"), skip = b.floatInput(1, "skip"), gamma = b.floatInput(2, "gamma"),
        beta = Rms ? Value() : b.optionalFloatInput(3, "beta"), bias = b.optionalFloatInput(kBias, "bias");
  if (!x || !skip || !gamma || b.failed())
    return failure();
  Shape shape(shapeOf(x));
  if (shape.empty())
    return b.bad("input is a scalar, it must have dimensions");
  Shape width = {shape.back()};
  for (auto [name, v] : {std::pair<StringRef, Value>{"gamma", gamma}, {"beta", beta}, {"bias", bias}})
    if (v && ArrayRef<int64_t>(width) != shapeOf(v))
      return b.bad("input is " + showShape(shape) + ", " + name + " is " + showShape(shapeOf(v)) +
                   ", it must hold a number for each of the last dimension");
  std::optional<Shape> common = broadcastShapes(shapeOf(skip), shape);
  if (!common || *common != shape)
    return b.bad("input is " + showShape(shape) + ", skip is " + showShape(shapeOf(skip)) +
                 ", it does not broadcast to it");
  for (Value v : {skip, gamma, beta, bias})
    if (v && typeOf(v).getElementType() != typeOf(x).getElementType())
      return b.bad("element types of its inputs differ");
  Arithmetic a(b);
  x = a.add(x, skip);
  if (bias)
    x = a.add(x, bias);
  b.result(x, 3);
  int64_t last = shape.size() - 1;
  if (Rms) {
    Value root = a.sqrt(a.add(a.mean(a.square(x), last), epsilon));
    b.result(a.mul(a.div(x, root), gamma));
  } else {
    b.result(LayerNormOp::create(b.builder, b.loc, x.getType(), x, gamma, beta, b.builder.getI64IntegerAttr(last),
                                 b.builder.getF64FloatAttr(epsilon)));
  }
  return success();
}

void addMicrosoftOps(OpTable &t) {
  const SmallVector<Role, 2> gelu = {Role::Elementwise, Role::Weight};
  const SmallVector<Role, 5> skip = {Role::Elementwise, Role::Elementwise, Role::Weight, Role::Weight, Role::Weight};
  t.onOp("Gelu", 1, importBiasGelu<false>, gelu, nullptr, kMicrosoft);
  t.onOp("BiasGelu", 1, importBiasGelu<false>, gelu, nullptr, kMicrosoft);
  t.onOp("FastGelu", 1, importBiasGelu<true>, gelu, nullptr, kMicrosoft);
  t.onOp("SkipLayerNormalization", 1, importSkipNorm<false>, skip, nullptr, kMicrosoft);
  t.onOp("SkipSimplifiedLayerNormalization", 1, importSkipNorm<true>, skip, nullptr, kMicrosoft);
}

} // namespace mlir::llcc::frontend
