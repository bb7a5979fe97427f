// Tensors whose elements are known while importing: rounding, bytes, and the MLIR attribute.
#include "frontends/onnx/Constant.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::llcc::frontend {

std::optional<int64_t> countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t d : shape) {
    if (d < 0 || d > kMaxElements)
      return std::nullopt;
    if (d == 0) {
      empty = true;
      continue;
    }
    if (count > kMaxElements / d)
      return std::nullopt;
    count *= d;
  }
  return empty ? 0 : count;
}

Type storageType(Type type) {
  if (!type || (isa<FloatType>(type) && type.getIntOrFloatBitWidth() > 8) || type.isInteger(1))
    return type;
  return IntegerType::get(type.getContext(), std::max(8u, type.getIntOrFloatBitWidth()));
}

std::string showShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t d : shape)
    text += (text.empty() ? "" : "x") + std::to_string(d);
  return text;
}

bool Constant::isSplat() const {
  if (size() == 0)
    return false;
  // Compare bits: -0.0 is not 0.0, and NaN equals itself.
  if (isFloat())
    return llvm::all_of(reals,
                        [&](double v) { return llvm::bit_cast<uint64_t>(v) == llvm::bit_cast<uint64_t>(reals[0]); });
  return llvm::all_of(ints, [&](int64_t v) { return v == ints[0]; });
}

static APFloat toFloat(double value, FloatType type) {
  APFloat result(value);
  bool lost;
  result.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  return result;
}

void Constant::round() {
  if (auto floatType = dyn_cast<FloatType>(type)) {
    if (type.isF64())
      return;
    if (type.isF32()) {
      for (double &v : reals)
        v = float(v);
      return;
    }
    for (double &v : reals)
      v = toFloat(v, floatType).convertToDouble();
    return;
  }
  unsigned width = type.getIntOrFloatBitWidth();
  if (width >= 64)
    return;
  for (int64_t &v : ints)
    v = width == 1                 ? int64_t(v != 0)
        : type.isUnsignedInteger() ? int64_t(uint64_t(v) & llvm::maskTrailingOnes<uint64_t>(width))
                                   : llvm::SignExtend64(uint64_t(v), width);
}

std::string Constant::bytes() const {
  unsigned width = std::max(8u, type.getIntOrFloatBitWidth()) / 8;
  std::string out;
  out.reserve(size() * width);
  for (int64_t i = 0; i < size(); ++i) {
    uint64_t bits =
        isFloat() ? toFloat(reals[i], cast<FloatType>(type)).bitcastToAPInt().getZExtValue() : uint64_t(ints[i]);
    out.append(reinterpret_cast<const char *>(&bits), width);
  }
  return out;
}

DenseElementsAttr Constant::attribute() const {
  Type storage = storageType(type);
  auto tensor = RankedTensorType::get(shape, storage);
  bool splat = isSplat();
  int64_t count = splat ? 1 : size();
  auto floatType = dyn_cast<FloatType>(type);
  if (floatType && storage == type) {
    SmallVector<APFloat> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(toFloat(reals[i], floatType));
    return DenseElementsAttr::get(tensor, values);
  }
  SmallVector<APInt> values;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t bits = floatType ? toFloat(reals[i], floatType).bitcastToAPInt().getZExtValue() : uint64_t(ints[i]);
    values.push_back(APInt(storage.getIntOrFloatBitWidth(), bits, /*isSigned=*/true, /*implicitTrunc=*/true));
  }
  return DenseElementsAttr::get(tensor, values);
}

ConstantPtr intConstant(MLIRContext *context, ArrayRef<int64_t> values, std::optional<Shape> shape) {
  auto c = std::make_shared<Constant>();
  c->type = IntegerType::get(context, 64);
  c->shape = shape ? *shape : Shape{int64_t(values.size())};
  c->ints.assign(values.begin(), values.end());
  return c;
}

Shape stridesOf(ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  return strides;
}

Shape indexOf(int64_t i, ArrayRef<int64_t> shape) {
  Shape index(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    index[d] = i % shape[d];
    i /= shape[d];
  }
  return index;
}

ConstantPtr pick(const Constant &x, ArrayRef<int64_t> shape, llvm::function_ref<int64_t(ArrayRef<int64_t>)> source) {
  auto y = std::make_shared<Constant>();
  y->type = x.type;
  y->shape.assign(shape.begin(), shape.end());
  int64_t count = *countElements(shape);
  for (int64_t i = 0; i < count; ++i) {
    int64_t from = source(indexOf(i, shape));
    if (x.isFloat())
      y->reals.push_back(x.reals[from]);
    else
      y->ints.push_back(x.ints[from]);
  }
  return y;
}

ConstantPtr withoutRepeats(ConstantPtr x) {
  Shape strides = stridesOf(x->shape), shape(x->shape);
  auto equal = [&](int64_t i, int64_t j) { // bits: NaN equals itself
    return x->isFloat() ? llvm::bit_cast<uint64_t>(x->reals[i]) == llvm::bit_cast<uint64_t>(x->reals[j])
                        : x->ints[i] == x->ints[j];
  };
  for (size_t d = 0; d < shape.size(); ++d) {
    bool repeats = shape[d] > 1;
    for (int64_t i = 0; repeats && i < x->size(); ++i)
      repeats = equal(i, i - i / strides[d] % x->shape[d] * strides[d]);
    if (repeats)
      shape[d] = 1;
  }
  if (shape == x->shape)
    return x;
  return pick(*x, shape, [&](ArrayRef<int64_t> index) {
    int64_t at = 0;
    for (size_t d = 0; d < index.size(); ++d)
      at += index[d] * strides[d];
    return at;
  });
}

} // namespace mlir::llcc::frontend
