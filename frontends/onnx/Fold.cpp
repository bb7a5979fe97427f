// Arithmetic on constants with numpy's broadcasting.
#include "frontends/onnx/Fold.h"
#include "frontends/onnx/Emit.h"

namespace mlir::llcc::frontend {

LogicalResult foldBroadcast(Binder &b, ArrayRef<ConstantPtr> inputs, Type type,
                            llvm::function_ref<void(ArrayRef<int64_t>, Constant &)> push) {
  Shape shape;
  for (auto [i, c] : llvm::enumerate(inputs)) {
    std::optional<Shape> common = broadcastShapes(shape, c->shape);
    std::optional<int64_t> count = common ? countElements(*common) : std::nullopt;
    if (!count)
      return b.bad("input " + Twine(i) + " is " + showShape(c->shape) + ", it does not broadcast to " +
                   showShape(shape));
    if (*count > kMaxConstantElements)
      return b.unsupported("its result has dimensions " + showShape(*common) +
                           ", a constant may have at most 2^24 elements");
    shape = *common;
  }
  // Stride 0 along dimensions that repeat.
  SmallVector<Shape> strides;
  for (const ConstantPtr &c : inputs) {
    Shape own = stridesOf(c->shape), stride(shape.size(), 0);
    for (size_t d = 0; d < own.size(); ++d)
      if (c->shape[d] != 1)
        stride[shape.size() - own.size() + d] = own[d];
    strides.push_back(stride);
  }
  auto result = std::make_shared<Constant>();
  result->type = type;
  result->shape = shape;
  int64_t count = *countElements(shape);
  SmallVector<int64_t> at(inputs.size());
  for (int64_t i = 0; i < count; ++i) {
    Shape index = indexOf(i, shape);
    for (size_t k = 0; k < inputs.size(); ++k) {
      at[k] = 0;
      for (size_t d = 0; d < shape.size(); ++d)
        at[k] += index[d] * strides[k][d];
    }
    push(at, *result);
  }
  result->round();
  b.result(ConstantPtr(result));
  return success();
}

} // namespace mlir::llcc::frontend
